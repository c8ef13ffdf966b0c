"""The figures that PostgreSQL knows; the statements are those of `pophub status` where these tell the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pophub.contracts.model import Connector
from pophub.contracts.subscription_model import SubscriptionFile
from pophub.live.store import LiveStore
from pophub.metrics.families import Sample
from pophub.postgres import Connection, Cursor, statements, transaction
from pophub.quarantine import browse, retention
from pophub.quarantine.selection import Selection
from pophub.runtime.lag import LaneEnds, StageLag, stages_stand

SQL = statements("metrics")
OUTCOMES = ("sent", "read", "shared", "quarantined", "duplicate", "superseded")
QUANTILES = ("0.5", "0.99")


def of_database(
    connection: Connection,
    connectors: Mapping[str, Connector],
    subscriptions: Sequence[SubscriptionFile],
    ends: LaneEnds | None,
) -> Iterator[Sample]:
    """Give what PostgreSQL knows; `ends` of raw are the broker's, None where it does not tell."""
    with transaction(connection, "metrics") as cursor:
        yield from _records(cursor, connectors)
        yield from _checkpoint(cursor)
        for code, stem, number in _rows(cursor, "open_alerts"):
            yield Sample("pophub_open_alerts", (code, stem), number)
        for stem, number in _rows(cursor, "revealed"):
            yield Sample("pophub_revealed_records", (stem,), number)
        for stem, recipient, *ages in _rows(cursor, "end_to_end"):
            for quantile, age in zip(QUANTILES, ages, strict=True):
                yield Sample("pophub_end_to_end_seconds", (stem, recipient, quantile), age)
        for one in stages_stand(cursor, list(connectors.values()), subscriptions, ends):
            yield from _stage(one)
    yield from _quarantine(connection)
    yield from _expiring(connection, connectors)
    yield from _sources(connection, connectors)


def agency(stem: str) -> str:
    """Give whose a dataset is.

    >>> agency("mps.citizens")
    'mps'
    """
    return stem.partition(".")[0]


def _rows(cursor: Cursor, name: str) -> list[tuple[Any, ...]]:
    cursor.execute(SQL[name])
    return list(cursor.fetchall())


def _records(cursor: Cursor, connectors: Mapping[str, Connector]) -> Iterator[Sample]:
    """Give what became of each dataset's records; one that was never read has nothing, and says so by 0."""
    cursor.execute(SQL["records"])
    found = {stem: counts for stem, *counts in cursor.fetchall()}
    for stem in sorted({*found, *connectors}):
        *counts, residual, unjudged = found.get(stem, [0] * (len(OUTCOMES) + 2))
        for outcome, number in zip(OUTCOMES, counts, strict=True):
            yield Sample("pophub_records", (agency(stem), stem, outcome), number)
        yield Sample("pophub_residual_records", (agency(stem), stem), residual)
        yield Sample("pophub_unjudged_records", (agency(stem), stem), unjudged)


def _checkpoint(cursor: Cursor) -> Iterator[Sample]:
    cursor.execute(SQL["checkpoint"])
    for number, age_s in cursor.fetchall():
        yield Sample("pophub_checkpoint_number", (), number)
        yield Sample("pophub_checkpoint_age_seconds", (), age_s)
    for age_s, broken in _rows(cursor, "verified"):
        yield Sample("pophub_verified_age_seconds", (), age_s)
        yield Sample("pophub_verified_broken_places", (), broken)
    cursor.execute(SQL["unsigned"])
    for (number,) in cursor.fetchall():
        yield Sample("pophub_unsigned_versions", (), number)


def _stage(one: StageLag) -> Iterator[Sample]:
    if one.behind is None:
        return
    place = (one.stem, one.stage, str(one.lane), one.recipient or "")
    yield Sample("pophub_behind", place, max(0, one.behind))
    if one.stage == "share":
        yield Sample("pophub_ahead_versions", (one.stem, place[2], place[3]), max(0, -one.behind))
    if one.oldest_s is not None:
        yield Sample("pophub_pending_seconds", place, one.oldest_s)


def _quarantine(connection: Connection) -> Iterator[Sample]:
    for one in browse.waiting(connection):
        age = datetime.now(UTC) - one.first_seen
        place = (agency(one.stem), one.stem)
        yield Sample("pophub_held_records", place, one.records)
        yield Sample("pophub_held_oldest_seconds", place, max(0.0, age.total_seconds()))
    for cause in browse.groups(connection, Selection()):
        rule = (agency(cause.stem), cause.stem, cause.gate, cause.code, cause.field or "")
        yield Sample("pophub_held_by_rule", rule, cause.records)


def _expiring(connection: Connection, connectors: Mapping[str, Connector]) -> Iterator[Sample]:
    for policy in retention.keep(connection, connectors, "", do=False):
        if policy["retain_days"] is not None:
            yield Sample("pophub_expiring_records", (policy["stem"], "due"), policy["due"])
            yield Sample("pophub_expiring_records", (policy["stem"], "soon"), policy["soon"])


def _sources(connection: Connection, connectors: Mapping[str, Connector]) -> Iterator[Sample]:
    store = LiveStore(connection)
    lags = store.lags([(stem, "shared") for stem in connectors])
    for stem, seen in store.states(connectors, lags, store.now()).items():
        yield Sample("pophub_source_state", (agency(stem), stem, seen.state), 1)
