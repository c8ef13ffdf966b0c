"""Twins of the statements of extract and share."""

from __future__ import annotations

import re
from typing import Any

from .database import Answer, Row, Session
from .statements import change, twin, us


@twin("share")
def lane_end(session: Session, args: Any) -> Answer:
    row = session.get("judge.lane", tuple(args))
    return [(row["sequence"],)] if row else []


@twin("share")
def make_ledger_lane(session: Session, args: Any) -> Answer:
    row = {
        "recipient": args[0],
        "stem": args[1],
        "lane": args[2],
        "sequence": 0,
        "transactions": 0,
        "chain": b"",
        "terms": {},
        "holding": False,
    }
    return int(session.insert("ledger.lane", row, or_nothing=True))


@twin("share")
def ledger_lane(session: Session, args: Any) -> Answer:
    row = session.get("ledger.lane", tuple(args))
    return [(row["sequence"], row["transactions"], row["chain"])] if row else []


@twin("share")
def lock_ledger_lane(session: Session, args: Any) -> Answer:
    session.lock("ledger.lane", tuple(args))
    row = session.get("ledger.lane", tuple(args))
    return [(row["sequence"], row["transactions"], row["chain"], row["holding"])] if row else []


@twin("share")
def move_ledger_lane(session: Session, args: Any) -> Answer:
    sequence, transactions, chain, version, after, *place = args
    row = session.get("ledger.lane", tuple(place))
    terms = {str(version): after} | (row["terms"] if row else {})
    return change(
        session, "ledger.lane", tuple(place), sequence=sequence, transactions=transactions, chain=chain, terms=terms
    )  # fmt: skip


@twin("share")
def seed_holding(session: Session, args: Any) -> Answer:
    recipient, stem, lane = args
    rows = {r["sequence"]: r for r in _lane_history(session, stem, lane)}
    shared = [
        rows[sequence] for _, r in session.scan("ledger.stretch")
        if (r["recipient"], r["stem"], r["lane"]) == (recipient, stem, lane) for sequence in counted(r)
    ]  # fmt: skip
    last = {r["key"]: r["operation"] for r in sorted(shared, key=lambda r: int(r["sequence"]))}
    return give_keys(session, (*args, [key for key, operation in last.items() if operation == "u"]))


@twin("share")
def begin_holding(session: Session, args: Any) -> Answer:
    return change(session, "ledger.lane", tuple(args), holding=True)


@twin("share")
def held(session: Session, args: Any) -> Answer:
    *place, keys = args
    return [(key,) for key in keys if session.get("ledger.holding", (*place, key))]


@twin("share")
def give_keys(session: Session, args: Any) -> Answer:
    recipient, stem, lane, keys = args
    rows = [{"recipient": recipient, "stem": stem, "lane": lane, "key": key} for key in keys]
    return sum(int(session.insert("ledger.holding", row, or_nothing=True)) for row in rows)


@twin("share")
def take_keys(session: Session, args: Any) -> Answer:
    *place, keys = args
    there = [(*place, key) for key in keys if session.get("ledger.holding", (*place, key))]
    for key in there:
        session.delete("ledger.holding", key)
    return len(there)


def _lane_history(session: Session, stem: str, lane: int) -> list[Row]:
    rows = [r for _, r in session.scan("ledger.history") if (r["stem"], r["lane"]) == (stem, lane)]
    return sorted(rows, key=lambda r: int(r["sequence"]))


@twin("share")
def digest_at(session: Session, args: Any) -> Answer:
    return [(r["digest"],) for r in _lane_history(session, args[0], args[1]) if r["sequence"] == args[2]]


@twin("share")
def history(session: Session, args: Any) -> Answer:
    stem, lane, after, upto, most = args
    found, size = list[Row](), 0
    for r in _lane_history(session, stem, lane):
        if after < r["sequence"] <= upto and size < most:
            found.append(r)
            size += len(r["payload"] or b"")
    return [
        (r["sequence"], r["event_id"], r["key"], r["marker"], r["operation"], r["payload"], r["contract"],
         us(r["exchanged_at"]), us(r["recorded_at"]), r["digest"], r["content"], r["changed_at"])
        for r in found
    ]  # fmt: skip


STRETCH = ("recipient", "stem", "lane", "first", "last", "omitted", "granted", "subscription", "history_month",
           "month", "exchanged_at", "recorded_at", "digest")  # fmt: skip


@twin("share")
def append_stretches(session: Session, rows: Any) -> Answer:
    return sum(session.insert("ledger.stretch", dict(zip(STRETCH, row, strict=True))) for row in rows)


def counted(stretch: Row) -> list[int]:
    """Give the sequences that a stretch counts."""
    left_out = [range(int(a), int(b)) for a, b in re.findall(r"(\d+),(\d+)", stretch["omitted"] or "")]
    between = range(stretch["first"], stretch["last"] + 1)
    return [sequence for sequence in between if not any(sequence in one for one in left_out)]


@twin("extract")
def position(session: Session, args: Any) -> Answer:
    row = session.get("extract.position", tuple(args))
    return [(row["marker"], row["exchanged_at"], row["columns"])] if row else []


@twin("extract")
def ticks(session: Session, args: Any) -> Answer:
    # where a life has ticks, its one dataset is a simulated agency's
    return sorted(place for place, _ in session.scan("extract.tick"))


@twin("extract")
def sent_rows(session: Session, args: Any) -> Answer:
    return [(digest,) for (stem, digest), _ in session.scan("extract.sent_row") if stem == args[0]]


@twin("extract")
def files_taken(session: Session, args: Any) -> Answer:
    found = [row for (stem, *_), row in session.scan("extract.file") if stem == args[0]]
    newest = {name: max(r["scan"] for r in found if r["name"] == name) for name in {r["name"] for r in found}}
    return [(row["digest"],) for row in found if row["scan"] == newest[row["name"]]]


@twin("extract")
def open_batch(session: Session, args: Any) -> Answer:
    number = session.database.number("extract.batch")
    stem, run, contract, stamp, rows = args
    row = {"batch": number, "stem": stem, "run": run, "contract": contract, "exchanged_at": stamp, "rows": rows, "state": "open", "after": None}  # fmt: skip
    session.insert("extract.batch", row)
    return [(number,)]


@twin("extract")
def sent_batch(session: Session, args: Any) -> Answer:
    return change(session, "extract.batch", tuple(args), state="sent")


@twin("extract")
def take_batch(session: Session, args: Any) -> Answer:
    batch = session.get("extract.batch", tuple(args))
    at = session.get("extract.position", (batch["stem"],)) if batch else None
    return change(session, "extract.batch", tuple(args), state="sent", after=at["marker"] if at else None)


@twin("extract")
def move_position(session: Session, args: Any) -> Answer:
    row = {"stem": args["stem"], "marker": args["marker"], "exchanged_at": args["stamp"], "columns": args["columns"]}  # fmt: skip
    session.lock("extract.position", (args["stem"],))
    session.put("extract.position", row)
    return 1


@twin("extract")
def keep_sent_rows(session: Session, rows: Any) -> Answer:
    return sum(
        session.insert("extract.sent_row", {"stem": s, "digest": d, "marker": m}, or_nothing=True)
        for s, d, m in rows
    )


@twin("extract")
def forget_sent_rows(session: Session, args: Any) -> Answer:
    stem, oldest = args
    gone = [
        p
        for p, r in session.scan("extract.sent_row")
        if p[0] == stem and r["marker"] is not None and r["marker"] < oldest
    ]
    for place in gone:
        session.delete("extract.sent_row", place)
    return len(gone)


@twin("extract")
def take_file(session: Session, args: Any) -> Answer:
    row = dict(zip(("stem", "digest", "name", "rows", "told", "scan"), args, strict=True))
    row["behind"] = session.database.numbers.get("extract.batch", 0)  # for the time at which it was taken
    return int(session.insert("extract.file", row, or_nothing=True))


@twin("extract")
def hold(session: Session, args: Any) -> Answer:
    row = {"stem": args[0], "code": args[1], "subject": args[2], "released": False}
    session.lock("extract.hold", tuple(args[:3]))
    session.put("extract.hold", row)
    return 1


@twin("extract")
def release(session: Session, args: Any) -> Answer:
    found = [
        p for p, r in session.scan("extract.hold") if (p[0], p[2], r["released"]) == (args[0], args[1], False)
    ]
    return sum(change(session, "extract.hold", place, released=True) for place in found)


@twin("files")
def held_files(session: Session, args: Any) -> Answer:
    return [
        (place, row["subject"]) for place, row in session.scan("extract.hold")
        if row["stem"] == args[0] and row["code"].startswith("source.") and row["subject"] != "table"
        and row.get("released_at") is None
    ]  # fmt: skip
