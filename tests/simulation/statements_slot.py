"""Twins of the statements of a source that is read by its log."""

from __future__ import annotations

from typing import Any

from .database import TABLES, Answer, Session
from .statements import change, texts, twin

TABLES["extract.slot"] = lambda r: (r["stem"],)


@twin("slot")
def followed(session: Session, args: Any) -> Answer:
    row = session.get("extract.slot", (args[0],))
    position = session.get("extract.position", (args[0],))
    if row is None:
        return []
    return [
        (
            row["slot"],
            row["origin"],
            row["base"],
            row["state"],
            row["reading"],
            position["marker"] if position else None,
        )
    ]


@twin("slot")
def highest(session: Session, args: Any) -> Answer:
    stem = args["stem"]
    found = [r["scan"] for p, r in session.scan("extract.scan") if p[0] == stem]
    found += [r["scan"] for p, r in session.scan("extract.scan_row") if p[0] == stem]
    for table, name in (("extract.position", "marker"), ("extract.slot", "highest")):
        row = session.get(table, (stem,))
        found += [row[name]] if row and row[name] is not None else []
    return [(max(found, default=None),)]


@twin("slot")
def claim_slot(session: Session, args: Any) -> Answer:
    session.lock("extract.slot", (args["stem"],))
    before = session.get("extract.slot", (args["stem"],))
    highest = max(args["highest"], before["highest"]) if before else args["highest"]
    told = {"reading": True, "highest": highest, "claim": before["claim"] + 1 if before else 1}
    session.put("extract.slot", dict(args) | told)
    return [(before["claim"] + 1 if before else 1,)]


@twin("slot")
def claim_snapshot(session: Session, args: Any) -> Answer:
    row = {"stem": args["stem"], "scan": args["scan"], "state": "open", "gone": 0}
    return [(args["scan"],)] if session.insert("extract.scan", row, or_nothing=True) else []


@twin("slot")
def lock_slot(session: Session, args: Any) -> Answer:
    session.lock("extract.slot", (args[0],))
    row = session.get("extract.slot", (args[0],))
    return [(row["claim"], row["state"])] if row else []


@twin("slot")
def follow_slot(session: Session, args: Any) -> Answer:
    return change(
        session, "extract.slot", (args["stem"],), state="following", reading=False, highest=args["place"]
    )


@twin("slot")
def rest_slot(session: Session, args: Any) -> Answer:
    return change(session, "extract.slot", (args["stem"],), reading=False)


@twin("slot")
def lose_slot(session: Session, args: Any) -> Answer:
    return change(session, "extract.slot", (args[0],), state="lost")


@twin("slot")
def raise_slot(session: Session, args: Any) -> Answer:
    row = session.get("extract.slot", (args["stem"],))
    assert row is not None
    return change(session, "extract.slot", (args["stem"],), highest=max(row["highest"], args["marker"]))


@twin("slot")
def tell_kept(session: Session, args: Any) -> Answer:
    return 0


@twin("slot")
def place_position(session: Session, args: Any) -> Answer:
    place = (args["stem"],)
    if session.get("extract.position", place) is not None:
        return change(session, "extract.position", place, marker=args["marker"])
    session.put(
        "extract.position",
        {"stem": args["stem"], "marker": args["marker"], "exchanged_at": 0, "columns": []},
    )
    return 1


@twin("slot")
def stamp_position(session: Session, args: Any) -> Answer:
    return change(session, "extract.position", (args["stem"],), exchanged_at=args["stamp"])


@twin("slot")
def keep_changed(session: Session, rows: Any) -> Answer:
    kept = 0
    for stem, key, digest in rows:
        if session.get("extract.scan_row", (stem, key)):
            kept += change(session, "extract.scan_row", (stem, key), digest=digest)
    return kept


@twin("slot")
def forget_deleted(session: Session, args: Any) -> Answer:
    keys = [key for key in texts(args["keys"]) if session.get("extract.scan_row", (args["stem"], key))]
    for key in keys:
        session.delete("extract.scan_row", (args["stem"], key))
    return len(keys)
