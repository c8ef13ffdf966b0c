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
from pophub.postgres import connect
from pophub.settings import Settings
from pophub.stores.judge import JudgeStore


class Gap(NamedTuple):
    """Offsets that are no longer on a lane of raw: `start` up to before `end`."""

    lane: int
    start: int
    end: int


def pass_gaps(settings: Settings, connector: Connector, by: str, *, dry: bool = False) -> list[Gap]:
    """Pass over the gap of each lane that has one; `dry` only finds them."""
    gaps: list[Gap] = []
    with closing(connect(settings, "pophub_judge")) as connection:
        store = JudgeStore(connection, connector)
        for lane in range(connector.file.lanes):
            with closing(RawReader(settings, f"raw.{connector.stem}", lane)) as reader:
                first = reader.start()
            if gap := _pass_gap(store, lane, first, None if dry else by):
                gaps.append(gap)
    return gaps


def _pass_gap(store: JudgeStore, lane: int, first: int, by: str | None) -> Gap | None:
    with store.transaction() as decision:
        at = decision.lock([lane])[lane].raw_offset
        if at >= first:
            return None
        if by is not None:
            decision.record_gap(lane, at, first, by)
            decision.move_raw(lane, at, first)
        return Gap(lane, at, first)
