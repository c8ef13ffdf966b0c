"""Twins of the statements of a source that is a log."""

from __future__ import annotations

from typing import Any

from .database import TABLES, Answer, Session
from .statements import change, twin

TABLES["extract.topic"] = lambda r: (r["stem"],)
TABLES["extract.topic_place"] = lambda r: (r["stem"], r["partition"])


@twin("places")
def topic(session: Session, args: Any) -> Answer:
    row = session.get("extract.topic", tuple(args))
    return [(row["topic_id"], row["generation"], row["again"])] if row else []


@twin("places")
def places(session: Session, args: Any) -> Answer:
    return [(p[1], r["next"]) for p, r in session.scan("extract.topic_place") if p[0] == args[0]]


@twin("places")
def begin_topic(session: Session, args: Any) -> Answer:
    session.lock("extract.topic", (args[0],))
    session.put(
        "extract.topic", {"stem": args[0], "topic_id": args[1], "generation": args[2], "again": False}
    )
    return 1


@twin("places")
def forget_places(session: Session, args: Any) -> Answer:
    found = [place for place, _ in session.scan("extract.topic_place") if place[0] == args[0]]
    for place in found:
        session.delete("extract.topic_place", place)
    return len(found)


@twin("places")
def begin_places(session: Session, rows: Any) -> Answer:
    return sum(
        session.insert("extract.topic_place", {"stem": stem, "partition": partition, "next": at})
        for stem, partition, at in rows
    )


@twin("places")
def move_place(session: Session, args: Any) -> Answer:
    place = args["stem"], args["partition"]
    row = session.get("extract.topic_place", place)
    if row is None or row["next"] >= args["next"]:
        return 0
    return change(session, "extract.topic_place", place, next=args["next"])
