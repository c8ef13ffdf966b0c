"""share: publish a lane of history to one topic, of a subscription or the hub's own, then complete its ledger.

Atomic step: messages and position in one Kafka transaction (the group offset is the sequence, its
metadata the terms' version and the chain digest there). The ledger follows from the position: it is
completed up to it at every start and before going on, so a crash between the two loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from pophub.domain.errors import LedgerDiverged
from pophub.ports import LanePublisher, Position, Sharable, ShareStore
from pophub.process.failpoints import reach

TRANSACTION_ROWS = 10_000


@dataclass
class Shared:
    """What one share did: versions read from history and published, ledger rows written."""

    versions: int = 0
    records: int = 0
    transactions: int = 0


def share(sharable: Sharable, store: ShareStore, publisher: LanePublisher, lane: int, shared: Shared) -> None:
    """Share one lane up to the end that is seen at the start."""
    end = store.end(lane)
    position = publisher.position()
    behind = _check(sharable.topic, store, lane, position, end)
    sharable = sharable.ready(store, lane)
    if behind:
        if then := sharable.before(position.metadata):  # published under terms that are over by now
            shared.transactions += then.ready(store, lane).complete(store, lane, position.sequence)
        shared.transactions += sharable.complete(store, lane, position.sequence)
    while position.sequence < end:
        rows = store.history(lane, position.sequence, min(end, position.sequence + TRANSACTION_ROWS))
        if (
            not rows
            or rows[0].sequence != position.sequence + 1
            or len(rows) != rows[-1].sequence - position.sequence
        ):
            raise _diverged(sharable.topic, lane, "history has a hole behind the position")
        position = Position(rows[-1].sequence, f"{sharable.version}:{rows[-1].digest.hex()}")
        messages, records = sharable.outgoing(rows)
        reach("share.read")
        publisher.publish(messages, position)
        reach("share.published")
        shared.transactions += sharable.complete(store, lane, position.sequence)
        reach("share.completed")
        shared.versions += len(rows)
        shared.records += records


def _check(topic: str, store: ShareStore, lane: int, position: Position, end: int) -> bool:
    """Stop where history and topic tell different stories; tell whether the ledger is behind the topic."""
    ledger = store.lane(lane)
    if position.sequence > end:
        raise _diverged(topic, lane, "history ends before the position")
    if ledger.sequence > position.sequence:
        raise _diverged(topic, lane, "the ledger is ahead of the topic")
    if position.sequence:
        _, _, digest = position.metadata.partition(":")
        if store.digest_at(lane, position.sequence) != digest:
            raise _diverged(topic, lane, "history has another digest at the position")
    return ledger.sequence < position.sequence


def _diverged(topic: str, lane: int, what: str) -> LedgerDiverged:
    return LedgerDiverged(
        "share.diverged",
        what,
        where=f"{topic}, lane {lane}",
        remedy="run `pophub ledger verify` and `pophub reconcile`; nothing more is shared until they agree",
    )
