"""Run figures: the datasets that they read are taken once, as of one moment and one checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa

from pophub.contracts.model import Connector
from pophub.domain.dates import HO_CHI_MINH
from pophub.figures.accepted import Tokens, accepted, needed, schema_of
from pophub.figures.declared import Figure
from pophub.figures.engine import PARAMETERS, Engine, FigureRows
from pophub.ledger.checkpoint import Checkpoint
from pophub.ledger.standing import before_in_month
from pophub.live.leaks import refused_reads
from pophub.postgres import Connection, connect, statements, transaction
from pophub.quarantine.obstacles import counted
from pophub.settings import Settings

SQL = statements("ledger")
ROLE = "pophub_figures"
SHARES = "hub.share_transactions"
SHARES_SCHEMA = pa.schema(
    [("recipient", pa.string()), ("stem", pa.string()), ("agency", pa.string()), ("month", pa.date32()),
     ("transactions", pa.int64())]
)  # fmt: skip
OBSTACLES = "hub.obstacles"
OBSTACLES_SCHEMA = pa.schema(
    [("agency", pa.string()), ("kind", pa.string()), ("stem", pa.string()), ("owner", pa.string()),
     ("filed_on", pa.date32()), ("outcome", pa.string()), ("answered_on", pa.date32())]
)  # fmt: skip
LEAKS = "hub.refused_reads"
LEAKS_SCHEMA = pa.schema(
    [("day", pa.date32()), ("principal", pa.string()), ("topic", pa.string()), ("times", pa.int64())]
)
HUB_TABLES = {SHARES: SHARES_SCHEMA, OBSTACLES: OBSTACLES_SCHEMA, LEAKS: LEAKS_SCHEMA}
"""What a figure may read of the hub itself, beside the datasets."""
TICK = timedelta(microseconds=1)


class FigureAsked(NamedTuple):
    """A figure, and what its rows are to stand for."""

    figure: Figure
    by: str | None


def answer(
    settings: Settings,
    connectors: Sequence[Connector],
    asked: Sequence[FigureAsked],
    checkpoint: Checkpoint,
    as_of: datetime,
) -> list[FigureRows]:
    """Run figures over what was exchanged by a moment and is signed by a checkpoint.

    Errors: those of `Engine.ask`.
    """
    with closing(connect(settings, ROLE)) as connection, Engine() as engine:
        _fill(engine, connection, connectors, asked, checkpoint, as_of)
        day = _day(as_of)
        return [engine.ask(one.figure, parameters(engine, one, day)) for one in asked]


def parameters(engine: Engine, asked: FigureAsked, day: date) -> dict[str, Any]:
    """Give the parameters that a figure's SQL takes."""
    values = {"by": asked.figure.by(asked.by), "day": day}
    return {name: values[name] for name in engine.needs(asked.figure).parameters & PARAMETERS}


def _fill(
    engine: Engine,
    connection: Connection,
    connectors: Sequence[Connector],
    asked: Sequence[FigureAsked],
    checkpoint: Checkpoint,
    as_of: datetime,
) -> None:
    """Make a table of each dataset that is read, of the fields that some figure names."""
    needs = [engine.needs(one.figure) for one in asked]
    tokens = Tokens()
    with transaction(connection, "figures") as cursor:
        cursor.execute(SQL["one_snapshot"])
        for connector in connectors:
            mine = [need for need in needs if connector.stem in need.tables]
            if mine:
                names = frozenset().union(*(need.names for need in mine))
                fields = needed(connector, names, any(need.star for need in mine))
                batches = accepted(connection, connector, fields, tokens, checkpoint, as_of)
                engine.take(connector.stem, schema_of(connector, fields), batches)
    if any(SHARES in need.tables for need in needs):
        engine.take(SHARES, SHARES_SCHEMA, _shares(connection, checkpoint, as_of))
    if any(OBSTACLES in need.tables for need in needs):
        engine.take(OBSTACLES, OBSTACLES_SCHEMA, _obstacles(connection, as_of))
    if any(LEAKS in need.tables for need in needs):
        engine.take(LEAKS, LEAKS_SCHEMA, _leaks(connection, as_of))


def _shares(connection: Connection, checkpoint: Checkpoint, as_of: datetime) -> Iterator[pa.RecordBatch]:
    """Give the share transactions that were exchanged by a moment: recipient, stem, agency, month, number."""
    local = (as_of + TICK).astimezone(HO_CHI_MINH)  # the end of a month belongs to it
    month = f"{local:%Y-%m}"
    rows = [(r, s, m, n) for (r, s, m), n in sorted(checkpoint.tally().items()) if m < month]
    rows += [(r, s, month, n) for r, s, n in before_in_month(connection, checkpoint, local)]
    yield pa.RecordBatch.from_pylist(
        [
            {"recipient": r, "stem": s, "agency": s.split(".")[0], "month": date.fromisoformat(f"{m}-01"),
             "transactions": n}
            for r, s, m, n in rows
        ],
        schema=SHARES_SCHEMA,
    )  # fmt: skip


def _obstacles(connection: Connection, as_of: datetime) -> Iterator[pa.RecordBatch]:
    """Give what agencies had filed by a moment, and how it was answered by then."""
    filed = [
        {"agency": agency, "kind": kind, "stem": stem, "owner": owner, "filed_on": _day(filed_at), "outcome": outcome,
         "answered_on": answered_at and _day(answered_at)}
        for agency, kind, stem, owner, filed_at, outcome, answered_at in counted(connection, as_of)
    ]  # fmt: skip
    yield pa.RecordBatch.from_pylist(filed, schema=OBSTACLES_SCHEMA)


def _leaks(connection: Connection, as_of: datetime) -> Iterator[pa.RecordBatch]:
    """Give the reads that the broker refused by a moment."""
    told = [
        {"day": _day(hour), "principal": principal, "topic": topic, "times": times}
        for hour, principal, topic, times in refused_reads(connection, as_of)
    ]
    yield pa.RecordBatch.from_pylist(told, schema=LEAKS_SCHEMA)


def _day(moment: datetime) -> date:
    return moment.astimezone(HO_CHI_MINH).date()
