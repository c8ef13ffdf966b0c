"""The twin of each SQL statement of the stages, by file and name; `test_store_twins.py` proves them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pophub.postgres import statements
from pophub.postgres.sql import CLOCK

from .database import HANDLERS, TABLES, Answer, Handler, Row, Session

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOCK_HOLDER = "select coalesce(string_agg(a.application_name"  # its text up to the first ||
WORKER_LOCK = "select pg_try_advisory_lock(hashtext(%s), hashtext(%s))"

_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"')

TABLES.update({
    "judge.lane": lambda r: (r["stem"], r["lane"]),
    "judge.passed_over": lambda r: (r["stem"], r["lane"], r["raw_offset"], r["row"]),
    "judge.reconciliation": lambda r: (r["stem"], r["lane"], r["raw_from"], r["batch"]),
    "hub.dataset": lambda r: (r["stem"],),
    "hub.looked_up": lambda r: (r["stem"],),
    "population.looked_up": lambda r: (r["dataset"], r["key"], r["valid_from"]),
    "population.key_head": lambda r: (r["dataset"], r["key"]),
    "population.identity": lambda r: (r["citizen_id"], r["valid_from"]),
    "population.claim": lambda r: (r["dataset"], r["field"], r["value"]),
    "quarantine.version": lambda r: (r["id"],),
    "quarantine.repair": lambda r: (r["repair"],),
    "quarantine.replay_run": lambda r: (r["run"],),
    "ledger.history": lambda r: (r["month"], r["stem"], r["lane"], r["sequence"]),
    "ledger.holding": lambda r: (r["recipient"], r["stem"], r["lane"], r["key"]),
    "ledger.lane": lambda r: (r["recipient"], r["stem"], r["lane"]),
    "ledger.stretch": lambda r: (r["recipient"], r["stem"], r["lane"], r["first"]),
    "extract.position": lambda r: (r["stem"],),
    "extract.batch": lambda r: (r["batch"],),
    "extract.sent_row": lambda r: (r["stem"], r["digest"]),
    "extract.file": lambda r: (r["stem"], r["digest"], r["scan"]),
    "extract.loss": lambda r: (r["loss"],),
    "extract.hold": lambda r: (r["stem"], r["code"], r["subject"]),
    "extract.tick": lambda r: (r["at"],),
})  # fmt: skip


def us(moment: datetime) -> int:
    """Turn an aware time into microseconds UTC."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def twin(*files: str, text: str | None = None) -> Callable[[Handler], Handler]:
    """Make a function the twin of the statement of its name."""

    def register(handler: Handler) -> Handler:
        for file in files:
            HANDLERS[statements(file)[handler.__name__]] = handler
        if text is not None:
            HANDLERS[text] = handler
        return handler

    return register


def version_row(r: Row) -> tuple[Any, ...]:
    """Give a quarantined version in the shape that is mapped again."""
    return (r["id"], r["key"], r["marker"], r["content"], r["event_id"], r["contract"], r["lane"], r["raw_offset"],
            r["row"], r["batch"], us(r["exchanged_at"]), r["raw"])  # fmt: skip


def texts(array: str | list[str]) -> list[str]:
    """Read an array of texts, given as a list or as PostgreSQL writes it."""
    if isinstance(array, list):
        return array
    return [re.sub(r"\\(.)", r"\1", element) for element in _ELEMENT.findall(array)]


def change(session: Session, table: str, key: tuple[Any, ...], **values: Any) -> int:
    """Update one row under its lock; give how many rows that were."""
    if session.get(table, key) is None:
        return 0
    session.lock(table, key)
    row = session.get(table, key)
    if row is None:
        return 0
    session.put(table, row | values)
    return 1


@twin(text=CLOCK)
def clock(session: Session, args: Any) -> Answer:
    return [(session.simulation.now_us(),)]


@twin("judge")
def ensure_month(session: Session, args: Any) -> Answer:
    return [("",)]


@twin(text="savepoint part")
def begin_part(session: Session, args: Any) -> Answer:
    session.part = {table: dict(rows) for table, rows in session.writes.items()}
    return 0


@twin(text="rollback to savepoint part")
def undo_part(session: Session, args: Any) -> Answer:
    session.writes = session.part
    return 0


@twin(text="release savepoint part")
def keep_part(session: Session, args: Any) -> Answer:
    return 0


@twin(text=WORKER_LOCK)
def take_worker_lock(session: Session, args: Any) -> Answer:
    return [(session.advisory(tuple(args)),)]


@twin(text=LOCK_HOLDER)
def name_lock_holder(session: Session, args: Any) -> Answer:
    holder = session.database.advisory.get(tuple(args))
    return [(holder.worker.name if holder and holder.worker else "a worker that just ended",)]
