"""The hub's own log: what was accepted of a dataset, as history blocks on `shared.<stem>`.

No recipient and no terms: all of history, in its order, from which anyone can rebuild the population
database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pophub import avro
from pophub.domain.history import AcceptedVersion
from pophub.ports import Message, Outgoing, ShareStore

OWN = "shared"
BLOCK_ROWS = 10_000
BLOCK_BYTES = 1 << 20  # of keys and payloads, unless one row has more


def log_topic(stem: str) -> str:
    """Name the topic of a dataset's log."""
    return f"{OWN}.{stem}"


@dataclass(frozen=True)
class HubLog:
    """The log of one dataset, as the share stage fills it: nothing of it is counted in the ledger."""

    stem: str
    recipient: str = OWN
    version: int = 1

    @property
    def topic(self) -> str:
        """The topic that the log fills."""
        return log_topic(self.stem)

    def before(self, metadata: str) -> None:
        """Say that there are no earlier terms."""

    def ready(self, store: ShareStore, lane: int) -> HubLog:
        """Give the log as it stands before a lane."""
        return self

    def outgoing(self, rows: Sequence[AcceptedVersion]) -> Outgoing:
        """Turn accepted versions that follow one another into blocks."""
        return Outgoing([Message(None, avro.encode_history(block), []) for block in _cut(rows)], len(rows))

    def complete(self, store: ShareStore, lane: int, upto: int) -> int:
        """Keep up to which sequence the log was published; give 0, the share transactions written."""
        return store.complete(lane, upto, None, self.version, 0)


def _cut(rows: Sequence[AcceptedVersion]) -> Iterator[Sequence[AcceptedVersion]]:
    """Cut versions where a block would take too many rows or bytes."""
    start = size = 0
    for place, row in enumerate(rows):
        more = len(row.key) + len(row.payload or b"")
        if place > start and (size + more > BLOCK_BYTES or place - start >= BLOCK_ROWS):
            yield rows[start:place]
            start, size = place, 0
        size += more
    if rows:
        yield rows[start:]
