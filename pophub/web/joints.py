"""Where a dataset's records are: counts on each joint from the source to the last subscriber, and what is promised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pophub.catalogue.lineage import LineageHop
from pophub.contracts.model import Connector
from pophub.domain.dates import moment_of
from pophub.domain.errors import PophubError
from pophub.live.conditions import UNTOLD_S
from pophub.live.state import Seen
from pophub.live.store import Lag, LiveStore
from pophub.postgres import Connection, transaction
from pophub.quarantine import holds
from pophub.web.counts import Counts, Row

JOINTS = """
select coalesce(sum(b.rows) filter (where b.state = 'sent'), 0)::bigint as sent,
    (select coalesce(sum(read), 0)::bigint from judge.reconciliation where stem = %(stem)s) as read,
    (select coalesce(sum(sequence), 0)::bigint from judge.lane where stem = %(stem)s) as accepted,
    max(b.exchanged_at) as last
from extract.batch b where b.stem = %(stem)s
"""
GIVEN = """
select recipient, sum(case recipient when 'shared' then sequence else transactions end)::bigint from ledger.lane where stem = %(stem)s group by recipient order by recipient <> 'shared', recipient
"""
HOURS = """
select extract(epoch from date_trunc('hour', now()) - date_trunc('hour', exchanged_at))::int / 3600 as ago, sum(rows)::bigint
from extract.batch where stem = %(stem)s and state = 'sent' and exchanged_at > date_trunc('hour', now()) - interval '23 hours'
group by 1
"""
# the ends of each lane by its key: a page scans neither history nor the ledger
HOP_DATES = """
select 'dataset' as kind, stem as name, min(exchanged_at) as first, max(exchanged_at) as last
from extract.batch where stem = any(string_to_array(%(stems)s, ',')) group by stem
union all
select 'subscriber', a.recipient, min(a.since), (
    select max(newest.recorded_at) from ledger.lane n cross join lateral (
        select s.recorded_at from ledger.stretch s
        where (s.recipient, s.stem, s.lane) = (n.recipient, n.stem, n.lane) order by s.first desc limit 1
    ) newest where n.recipient = a.recipient and n.stem = a.stem
) from hub.access a where a.stem = %(stem)s group by a.recipient, a.stem
union all
select 'population', '', min(oldest.recorded_at), max(newest.recorded_at) from judge.lane n cross join lateral (
    select h.recorded_at from ledger.history h where (h.stem, h.lane, h.sequence) = (n.stem, n.lane, 1) limit 1
) oldest cross join lateral (
    select h.recorded_at from ledger.history h where (h.stem, h.lane, h.sequence) = (n.stem, n.lane, n.sequence) limit 1
) newest where n.stem = %(stem)s
"""
PROMISED_HOURS = 24


class Address(NamedTuple):
    """A page: the parts of its path and what is asked of it."""

    parts: tuple[str, ...]
    asked: dict[str, str] = {}  # noqa: RUF012  # nobody changes it


class Joint(NamedTuple):
    """A place that records pass: how many did, how many wait before the next one, since when."""

    place: str
    name: str
    records: int
    waiting: int = 0
    since: datetime | None = None

    def passed(self, stem: str) -> Address:
        """Give where the records stand that passed: their batches, themselves, or their months of sharing."""
        if self.place in ("source", "raw", "gates"):
            return Address(("ledger", "batches", stem))
        if self.place == "given" and self.name != "shared":
            return Address(("ledger", "transactions"), {"stem": stem, "to": self.name})
        asked = {
            "history": {"accepted": "all"},
            "given": {"accepted": "passed", "to": self.name},
        }
        return Address(("datasets", stem, "records"), asked[self.place])

    def waits(self, stem: str) -> Address:
        """Give where the records stand that wait before the next place."""
        if self.place == "raw":
            return Address(("ledger", "batches", stem))
        return Address(("datasets", stem, "records"), {"accepted": "waiting", "to": self.name})


class Promised(NamedTuple):
    """A promise of a dataset's declaration. Units: `within` seconds, or a share of 1; `broken` where it does not hold now."""

    what: str
    within: float | None
    broken: bool


class Stands(NamedTuple):
    """How a dataset stands now. Shape: `hours` rows sent in each of the last 24 hours, the oldest first."""

    joints: list[Joint]
    hours: list[int]
    paused: list[dict[str, Any]]


def stands(stem: str, recipients: Sequence[str], connection: Connection) -> Stands:
    """Count the joints of a dataset and give who paused it."""
    lags = LiveStore(connection).lags([(stem, recipient) for recipient in recipients])
    with transaction(connection, "pages") as cursor:
        cursor.execute(JOINTS, {"stem": stem})
        ((sent, read, accepted, last),) = cursor.fetchall()
        cursor.execute(GIVEN, {"stem": stem})
        given = dict(cursor.fetchall())
        cursor.execute(HOURS, {"stem": stem})
        hours = dict(cursor.fetchall())
    found = [
        Joint("source", "", sent, since=last),
        Joint("raw", "", sent, sent - read),
        Joint("gates", "", read),
    ]
    found.append(Joint("history", "", accepted))
    found += [_given(recipient, given.get(recipient, 0), lags) for recipient in recipients]
    mine = [one for one in holds.pauses(connection) if one["stem"] == stem]
    return Stands(found, [hours.get(ago, 0) for ago in reversed(range(PROMISED_HOURS))], mine)


def _given(recipient: str, records: int, lags: Iterable[Lag]) -> Joint:
    mine = [lag for lag in lags if lag.recipient == recipient]
    since = min((lag.since for lag in mine if lag.since is not None), default=None)
    behind = sum(lag.behind for lag in mine)
    return Joint("given", recipient, records, behind, None if since is None else moment_of(since))


def promised(connector: Connector, codes: Iterable[str]) -> list[Promised]:
    """Give what a connector promises, and whether it holds: `codes` are those of what is wrong with it now."""
    live, alerts, wrong = connector.file.live, connector.file.alerts, set(codes)
    return [
        Promised("fresh", live.promise_s, bool(wrong & {"alert.frozen", "alert.silent", "alert.offline"})),
        Promised("clock", live.clock_skew_s, "alert.clock_wrong" in wrong),
        Promised("shared", live.lag_s, bool(wrong & {"alert.lag", "alert.unbalanced"})),
        Promised("failed", alerts.failed_share, "alert.failed_share" in wrong),
        Promised("mended", live.overdue_s, "alert.overdue" in wrong),
        Promised("told", UNTOLD_S, "alert.untold" in wrong),
    ]


def dates_of(counts: Counts, stem: str, neighbours: Iterable[LineageHop]) -> dict[tuple[str, str], Row]:
    """Give first and last of each neighbour of a dataset, by kind and name; none where PostgreSQL does not tell in time."""
    stems = {stem} | {one.name for one in neighbours if one.kind == "dataset"}
    try:
        found = counts.figures((HOP_DATES,), stem=stem, stems=",".join(sorted(stems)))
    except PophubError:
        return {}
    if found.broken is not None:  # they are of before
        return {}
    return {(row["kind"], row["name"]): row for row in found.rows[0]}


def newest(seen: Seen | None) -> datetime | None:
    """Give the newest change that a source showed."""
    return None if seen is None or seen.newest is None else moment_of(seen.newest)
