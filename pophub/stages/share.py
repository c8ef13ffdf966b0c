"""share: publish a lane of history to one subscription's topic, then complete its ledger.

Atomic step: records and position in one Kafka transaction (the group offset is the sequence, its
metadata the terms' version and the chain digest there). The ledger follows from the position: it is
completed up to it at every start and before going on, so a crash between the two loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from pophub.domain.errors import LedgerDiverged
from pophub.ports import LanePublisher, Position, ShareStore
from pophub.process.failpoints import reach
from pophub.sharing.subscription import Subscription

TRANSACTION_ROWS = 10_000


@dataclass
class Shared:
    """What one share did: versions read from history, messages published, ledger rows written."""

    versions: int = 0
    messages: int = 0
    transactions: int = 0


def share(
    subscription: Subscription, store: ShareStore, publisher: LanePublisher, lane: int, shared: Shared
) -> None:
    """Share one lane up to the end that is seen at the start."""
    end = store.end(lane)
    position = publisher.position()
    _check(subscription, store, lane, position, end)
    subscription = _knowing(subscription, store, lane)
    if then := subscription.before(position.metadata):  # published under terms that are over by now
        _complete(_knowing(then, store, lane), store, lane, position.sequence, shared)
    _complete(subscription, store, lane, position.sequence, shared)
    while position.sequence < end:
        rows = store.history(lane, position.sequence, min(end, position.sequence + TRANSACTION_ROWS))
        if (
            not rows
            or rows[0].sequence != position.sequence + 1
            or len(rows) != rows[-1].sequence - position.sequence
        ):
            raise _diverged(subscription, lane, "history has a hole behind the position")
        position = Position(rows[-1].sequence, f"{subscription.version}:{rows[-1].digest.hex()}")
        messages = subscription.messages(subscription.granted(rows))
        reach("share.read")
        publisher.publish(messages, position)
        reach("share.published")
        _complete(subscription, store, lane, position.sequence, shared)
        reach("share.completed")
        shared.versions += len(rows)
        shared.messages += len(messages)


def _knowing(subscription: Subscription, store: ShareStore, lane: int) -> Subscription:
    """Let terms that limit the rows know what their recipient has, so that it is told what leaves."""
    return subscription.knowing(store.holding(lane)) if subscription.limited else subscription


def _complete(subscription: Subscription, store: ShareStore, lane: int, upto: int, shared: Shared) -> None:
    shared.transactions += store.complete(
        lane, upto, subscription.granted, subscription.version, subscription.starts_us,
        counted=subscription.grant is not None,
    )  # fmt: skip


def _check(subscription: Subscription, store: ShareStore, lane: int, position: Position, end: int) -> None:
    """Stop where history and topic tell different stories."""
    ledger = store.lane(lane)
    if position.sequence > end:
        raise _diverged(subscription, lane, "history ends before the position")
    if ledger.sequence > position.sequence:
        raise _diverged(subscription, lane, "the ledger is ahead of the topic")
    if position.sequence:
        _, _, digest = position.metadata.partition(":")
        if store.digest_at(lane, position.sequence) != digest:
            raise _diverged(subscription, lane, "history has another digest at the position")


def _diverged(subscription: Subscription, lane: int, what: str) -> LedgerDiverged:
    return LedgerDiverged(
        "share.diverged",
        what,
        where=f"{subscription.topic}, lane {lane}",
        remedy="run `pophub ledger verify` and `pophub reconcile`; nothing more is shared until they agree",
    )
