"""Unique values over all lanes: who finds one taken fails that row by the clean rule."""

from __future__ import annotations

from pophub.contracts.model import Connector
from pophub.domain.decide import Batch, Verdicts, decide
from pophub.domain.record import Accepted, Failure, Versions
from pophub.ports import VerdictTransaction

REASON = "the value belongs to another record already"


def decide_with_claims(
    connector: Connector, versions: Versions, accepted: Accepted, decision: VerdictTransaction
) -> Verdicts:
    """Decide, and write who holds which unique value; decide again where another lane took one meanwhile.

    The unique index of `population.claim` holds over lanes: a concurrent claim waits there for the
    other transaction's end. Each round learns of at least one more holder, so this ends.
    """
    batch, claims = batch_of(connector, versions), dict(accepted.claims)
    while True:
        verdicts = decide(batch, accepted.heads, accepted.quarantine, claims)
        meanwhile = decision.move_claims(verdicts.given_up, verdicts.claimed)
        if not meanwhile:
            versions.fail(
                Failure(row, "clean", "clean.key.duplicate", name, REASON) for row, name in verdicts.taken
            )
            return verdicts
        claims |= meanwhile


def batch_of(connector: Connector, versions: Versions) -> Batch:
    """Give the versions as `decide` sees them; one whose key cannot be read claims nothing."""
    failed = [row in versions.failures for row in range(len(versions))]
    unique = {name: _claimed(versions, name) for name in connector.file.unique}
    return Batch(versions.keys, versions.markers, versions.contents, versions.contracts, failed, unique)


def _claimed(versions: Versions, name: str) -> list[str | None]:
    return [
        None if value is None or gone or not whole else str(value)
        for value, gone, whole in zip(versions.columns[name], versions.deleted, versions.whole, strict=True)
    ]
