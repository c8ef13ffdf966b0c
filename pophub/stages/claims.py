"""Unique values over all lanes: who finds one taken fails that row by the clean rule."""

from __future__ import annotations

from pophub.contracts.model import Connector
from pophub.domain.decide import Batch, Verdicts, decide
from pophub.population.store import Decision
from pophub.ports import Failure
from pophub.stages.versions import Accepted, Versions

REASON = "the value belongs to another record already"


def decide_with_claims(
    connector: Connector, versions: Versions, accepted: Accepted, decision: Decision
) -> Verdicts:
    """Decide; claim the unique values of what would be shared; decide again where one was taken.

    Each round fails at least one more row, so this ends. The unique index of `population.claim`
    holds over lanes; a concurrent claim waits there for the other transaction's end.
    """
    while True:
        verdicts = decide(_batch(versions), accepted.heads, accepted.quarantine)
        taken = [f for name in connector.file.unique for f in _taken(name, versions, verdicts, decision)]
        if not taken:
            for name in connector.file.unique:
                if current := _current(name, versions, verdicts, accepted):
                    decision.release_claims(name, current)
            return verdicts
        versions.fail(taken)


def _batch(versions: Versions) -> Batch:
    failed = [row in versions.failures for row in range(len(versions))]
    return Batch(versions.keys, versions.markers, versions.contents, versions.contracts, failed)


def _taken(name: str, versions: Versions, verdicts: Verdicts, decision: Decision) -> list[Failure]:
    column = versions.columns[name]
    rows = [r for r, state in enumerate(verdicts.first) if state == "shared" and column[r] is not None]
    first: dict[str, str] = {}
    for row in rows:
        first.setdefault(str(column[row]), versions.keys[row])
    if not first:
        return []
    held = decision.claim(name, list(first.items()))
    return [
        Failure(row, "clean", "clean.key.duplicate", name, REASON)
        for row in rows
        if held.get(str(column[row]), first[str(column[row])]) != versions.keys[row]
    ]


def _current(name: str, versions: Versions, verdicts: Verdicts, accepted: Accepted) -> dict[str, str | None]:
    """Give the present value of each key that may hold another one: it was shared before."""
    column = versions.columns[name]
    seen: set[str] = set(accepted.heads)
    current: dict[str, str | None] = {}
    for row, state in enumerate(verdicts.first):
        if state == "shared":
            key, value = versions.keys[row], column[row]
            if key in seen:
                current[key] = None if versions.deleted[row] or value is None else str(value)
            seen.add(key)
    return current
