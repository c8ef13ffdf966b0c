"""Stretches of the ledger: share transactions of one recipient, one after the other, under one stamp.

A figure of growth is cut by recipient, dataset, period, moment of exchange and signed head. All of them are
the same for every version of a stretch, so figures add up stretches and look at nothing below.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby, pairwise
from operator import attrgetter
from typing import NamedTuple

from pophub.domain.history import AcceptedVersion

Ranges = Sequence[tuple[int, int]]
"""First and last sequence of each range, in order."""

_RANGE = re.compile(r"\[(\d+),(\d+)\)")
_stamp = attrgetter("exchanged_us")


class SharedStretch(NamedTuple):
    """What one row of `ledger.stretch` says of history.

    Shape: `first` and `last` were granted, `omitted` are the sequences between them that were not; `events` are
    the event ids of those granted, one behind the other. Units: microseconds UTC; `exchanged_us` is the later of
    `stamp_us` and the start of the subscription.
    """

    first: int
    last: int
    omitted: Ranges
    granted: int
    stamp_us: int
    exchanged_us: int
    events: bytes


def cut(rows: Sequence[AcceptedVersion], starts_us: int) -> list[SharedStretch]:
    """Cut granted versions of a lane, in order, wherever the stamp changes."""
    found = []
    for stamp, part in groupby(rows, _stamp):
        versions = list(part)
        sequences = [row.sequence for row in versions]
        first, last, granted = sequences[0], sequences[-1], len(sequences)
        omitted = _between(sequences) if last - first + 1 != granted else ()
        events = b"".join([row.event_id for row in versions])
        found.append(SharedStretch(first, last, omitted, granted, stamp, max(stamp, starts_us), events))
    return found


def _between(sequences: Sequence[int]) -> Ranges:
    return [(a + 1, b - 1) for a, b in pairwise(sequences) if b - a > 1]


def as_multirange(ranges: Ranges) -> str | None:
    """Write ranges as PostgreSQL does, None where there are none.

    >>> as_multirange([(3, 3), (7, 9)])
    '{[3,4),[7,10)}'
    """
    return "{" + ",".join(f"[{first},{last + 1})" for first, last in ranges) + "}" if ranges else None


def of_multirange(text: str | None) -> Ranges:
    """Read ranges as PostgreSQL writes them.

    >>> of_multirange("{[3,4),[7,10)}")
    [(3, 3), (7, 9)]
    """
    return [(int(first), int(after) - 1) for first, after in _RANGE.findall(text or "")]
