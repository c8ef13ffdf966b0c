"""gap: pass over offsets of raw that retention took before judge read them.

Atomic step: one PostgreSQL transaction locks the lane row, records what is missing, and moves the raw
offset behind it. Nothing passes a gap by itself: judge stops at it (`raw.gap`) until a person does this,
and a backfill brings the records again.
"""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

from pophub.contracts.model import Connector
from pophub.kafka import RawReader
from pophub.postgres import Connection, connect, only_row, transaction
from pophub.settings import Settings

LOCK = "select raw_offset from judge.lane where stem = %s and lane = %s for update"
RECORD = "insert into judge.gap (stem, lane, from_offset, to_offset, by) values (%s, %s, %s, %s, %s)"
MOVE = "update judge.lane set raw_offset = %s where stem = %s and lane = %s"
LANES = "insert into judge.lane (stem, lane) values (%s, %s) on conflict do nothing"


class Gap(NamedTuple):
    """Offsets that are no longer on a lane of raw: `start` up to before `end`."""

    lane: int
    start: int
    end: int


def pass_gaps(settings: Settings, connector: Connector, by: str, *, dry: bool = False) -> list[Gap]:
    """Pass over the gap of each lane that has one; `dry` only finds them."""
    gaps: list[Gap] = []
    with closing(connect(settings, "pophub_judge")) as connection:
        for lane in range(connector.file.lanes):
            with closing(RawReader(settings, f"raw.{connector.stem}", lane)) as reader:
                first = reader.start()
            if gap := _pass_gap(connection, connector.stem, lane, first, None if dry else by):
                gaps.append(gap)
    return gaps


def _pass_gap(connection: Connection, stem: str, lane: int, first: int, by: str | None) -> Gap | None:
    with transaction(connection, f"gap of {stem}") as cursor:
        cursor.execute(LANES, (stem, lane))
        cursor.execute(LOCK, (stem, lane))
        (at,) = only_row(cursor)
        if at >= first:
            return None
        if by is not None:
            cursor.execute(RECORD, (stem, lane, at, first, by))
            cursor.execute(MOVE, (first, stem, lane))
        return Gap(lane, at, first)
