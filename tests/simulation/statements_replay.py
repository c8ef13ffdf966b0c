"""Twins of replay's statements."""

from __future__ import annotations

from typing import Any

from pophub.quarantine.selection import statement

from .database import HANDLERS, Answer, Row, Session
from .statements import change, twin, version_row


def _chosen(session: Session, args: Any) -> list[Row]:
    plain = ("agency", "gate", "code", "field", "since_s", "older_s")
    assert all(args[name] is None for name in plain), "no twin for such a selection"
    return [
        r for (number,), r in sorted(session.scan("quarantine.version"))
        if args["stem"] in (None, r["stem"]) and args["state"] in (None, r["state"])
        and (args["ids"] is None or number in args["ids"])
    ]  # fmt: skip


def replay_bounds(session: Session, args: Any) -> Answer:
    found = _chosen(session, args)
    return [(len(found), max((r["id"] for r in found), default=0))]


def replay_rows(session: Session, args: Any) -> Answer:
    found = [r for r in _chosen(session, args) if args["after"] < r["id"] <= args["upto"]]
    return [version_row(r) for r in found[: args["limit"]]]


for _handler in (replay_bounds, replay_rows):
    HANDLERS[statement(_handler.__name__)] = _handler


@twin("quarantine")
def overrides(session: Session, args: Any) -> Answer:
    return [
        (r["version"], r["fields"])
        for _, r in sorted(session.scan("quarantine.repair"))
        if r["version"] in args[0]
    ]


@twin("quarantine")
def open_runs(session: Session, args: Any) -> Answer:
    return [
        (r["run"], r["last_id"], r["upto_id"], r["total"]) for _, r in sorted(session.scan("quarantine.replay_run"))
        if (r["stem"], r["selection"], r["finished"]) == (args[0], args[1], False)
    ]  # fmt: skip


COUNTS = ("shared", "superseded", "duplicate", "quarantined", "unreadable")


@twin("quarantine")
def start_run(session: Session, args: Any) -> Answer:
    number = session.database.number("quarantine.replay_run")
    row = {"run": number, "stem": args[0], "selection": args[1], "last_id": 0, "upto_id": args[3], "total": args[4],
           "finished": False, **dict.fromkeys(COUNTS, 0)}  # fmt: skip
    session.insert("quarantine.replay_run", row)
    return [(number,)]


@twin("quarantine")
def still_open(session: Session, args: Any) -> Answer:
    found = []
    for number in sorted(args[0]):
        session.lock("quarantine.version", (number,))
        row = session.get("quarantine.version", (number,))
        if row and row["state"] == "quarantined":
            found.append((number,))
    return found


@twin("quarantine")
def move_run(session: Session, args: Any) -> Answer:
    session.lock("quarantine.replay_run", (args["run"],))
    row = session.get("quarantine.replay_run", (args["run"],))
    assert row
    if row["last_id"] != args["after"]:
        return 0
    counts = {name: row[name] + args[name] for name in COUNTS}
    return change(session, "quarantine.replay_run", (args["run"],), last_id=args["last_id"], **counts)


@twin("quarantine")
def run_at(session: Session, args: Any) -> Answer:
    row = session.get("quarantine.replay_run", tuple(args))
    assert row
    return [(row["last_id"],)]


@twin("quarantine")
def finish_run(session: Session, args: Any) -> Answer:
    return change(session, "quarantine.replay_run", tuple(args), finished=True)


@twin("quarantine")
def run_counts(session: Session, args: Any) -> Answer:
    row = session.get("quarantine.replay_run", tuple(args))
    return [(*(row[name] for name in COUNTS), row["total"])] if row else []


@twin("quarantine")
def own_run(session: Session, args: Any) -> Answer:
    return [(session.advisory(("replay", *args)),)]
