"""Rows of history, of its lanes and of the ledger's, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

HISTORY = ["month", "stem", "lane", "sequence", "event_id", "key", "marker", "operation", "content", "payload", "contract", "exchanged_at", "recorded_at", "batch", "raw_offset", "row", "replayed", "digest", "raw_lane", "changed_at"]  # fmt: skip
HEAD = ["stem", "key", "marker", "content", "contract", "lane", "sequence"]
QUARANTINE = ["stem", "key", "marker", "content", "event_id", "contract", "operation", "lane", "raw_offset", "row", "batch", "exchanged_at", "changed_at", "raw", "gate", "failures", "waits_for", "waits_until", "state", "first_judged_at", "last_judged_at"]  # fmt: skip
"""Columns of `ledger.history`, `population.head` and `quarantine.version`, as judge writes them."""


class AcceptedVersion(NamedTuple):
    """One accepted version, a row of `ledger.history`; times in microseconds UTC.

    `changed_us`: when it was changed at its source; None where that is the marker, or nobody told.
    """

    sequence: int
    event_id: bytes
    key: str
    marker: int
    operation: str
    payload: bytes | None
    contract: int
    exchanged_us: int
    recorded_us: int
    digest: bytes
    content: bytes
    changed_us: int | None = None

    @property
    def since(self) -> int:
        """Give since when it holds: the time of its change, the marker where there is none."""
        return self.marker if self.changed_us is None else self.changed_us


@dataclass
class Lane:
    """A lane as its row tells: next raw offset, last sequence, digest of the last history row."""

    lane: int
    raw_offset: int
    sequence: int
    chain: bytes


class LedgerLane(NamedTuple):
    """How far a recipient's ledger of a lane is complete."""

    sequence: int
    transactions: int
    chain: bytes
