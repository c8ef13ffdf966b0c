"""gap: pass over offsets of raw that retention took before judge read them.

Atomic step: one PostgreSQL transaction locks the lane row, records what is missing, and moves the raw
offset behind it. Nothing passes a gap by itself: judge stops at it (`raw.gap`) until a person does this,
and a backfill brings the records again.
"""

from __future__ import annotations

from typing import NamedTuple

from pophub.stores.judge import JudgeStore


class Gap(NamedTuple):
    """Offsets that are no longer on a lane of raw: `start` up to before `end`."""

    lane: int
    start: int
    end: int


def pass_gap(store: JudgeStore, lane: int, first: int, by: str | None) -> Gap | None:
    """Pass over what lies before `first` on a lane, in the name of `by`; None only finds it."""
    with store.transaction() as decision:
        at = decision.lock([lane])[lane].raw_offset
        if at >= first:
            return None
        if by is not None:
            decision.record_gap(lane, at, first, by)
            decision.move_raw(lane, at, first)
        return Gap(lane, at, first)
