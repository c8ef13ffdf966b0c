"""Twins of the statements that take up a loss of raw."""

from __future__ import annotations

import json
from typing import Any

from .database import Answer, Row, Session
from .statements import change, twin


@twin("extract")
def open_loss(session: Session, args: Any) -> Answer:
    return [(r["by"],) for _, r in session.scan("extract.loss") if r["stem"] == args[0] and not r["ended"]]


@twin("loss")
def standing(session: Session, args: Any) -> Answer:
    names = ("loss", "lanes", "batches", "rows", "first", "since")
    found = [r for _, r in session.scan("extract.loss") if r["stem"] == args[0] and not r["ended"]]
    return [tuple(json.loads(r[name]) if name == "lanes" else r[name] for name in names) for r in found]


@twin("loss")
def judged_lanes(session: Session, args: Any) -> Answer:
    return [(lane, r["raw_offset"]) for (stem, lane), r in session.scan("judge.lane") if stem == args[0]]


def _unread(session: Session) -> list[Row]:
    """Give the batches that were sent and not judged whole."""
    read: dict[int, int] = {}
    for _, r in session.scan("judge.reconciliation"):
        read[r["batch"]] = read.get(r["batch"], 0) + r["read"]
    batches = [r for _, r in session.scan("extract.batch") if r["state"] == "sent"]
    return [r for r in batches if 0 < r["rows"] > read.get(r["batch"], 0)]


@twin("loss")
def unread(session: Session, args: Any) -> Answer:
    found = _unread(session)
    after = [r["after"] for r in found]
    since = None if not after or None in after else min(after)
    first = min((r["batch"] for r in found), default=None)
    return [(len(found), sum(r["rows"] for r in found), first, since)]


@twin("loss")
def give_up(session: Session, args: Any) -> Answer:
    found = [r["batch"] for r in _unread(session) if r["batch"] >= args["first"]]
    return sum(change(session, "extract.batch", (batch,), state="open") for batch in found)


@twin("loss")
def begin(session: Session, args: Any) -> Answer:
    number = session.database.number("extract.loss")
    session.insert("extract.loss", args | {"loss": number, "ended": False})
    return [(number,)]


@twin("loss")
def move_back(session: Session, args: Any) -> Answer:
    return change(session, "extract.position", (args["stem"],), marker=args["since"])


@twin("reading")
def forget_sent(session: Session, args: Any) -> Answer:
    found = [place for place, _ in session.scan("extract.sent_row") if place[0] == args["stem"]]
    for place in found:
        session.delete("extract.sent_row", place)
    return len(found)


@twin("reading")
def forget_contents(session: Session, args: Any) -> Answer:
    found = [place for place, _ in session.scan("extract.scan_row") if place[0] == args["stem"]]
    return sum(change(session, "extract.scan_row", place, digest=b"") for place in found)


@twin("reading")
def read_again(session: Session, args: Any) -> Answer:
    return change(session, "extract.topic", (args["stem"],), again=True)


@twin("loss")
def forget_files(session: Session, args: Any) -> Answer:
    rows = [(place, r) for place, r in session.scan("extract.file") if place[0] == args["stem"]]
    newest = max((r["scan"] for _, r in rows), default=0)
    found = [p for p, r in rows if (r["behind"] >= args["first"] if r["scan"] == 0 else r["scan"] == newest)]
    for place in found:
        session.delete("extract.file", place)
    return len(found)


@twin("loss")
def know_again(session: Session, rows: Any) -> Answer:
    names = ("stem", "key", "digest", "scan", "as_sent")
    return sum(
        session.insert("extract.scan_row", dict(zip(names, row, strict=True)), or_nothing=True)
        for row in rows
    )


@twin("loss")
def end(session: Session, args: Any) -> Answer:
    return change(session, "extract.loss", tuple(args), ended=True)


@twin("loss")
def undeleted(session: Session, args: Any) -> Answer:
    (number,) = [r["number"] for _, r in session.scan("hub.dataset") if r["stem"] == args["stem"]] or (None,)
    return [
        (key,) for (dataset, key), r in session.scan("population.key_head")
        if dataset == number and r["gone"] is None and not session.get("extract.scan_row", (args["stem"], key))
    ]  # fmt: skip
