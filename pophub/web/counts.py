"""What the pages and the registry read: counts, states and schemas, as role pophub_web."""

from __future__ import annotations

from contextlib import closing
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from pophub import postgres
from pophub.domain.errors import PophubError
from pophub.settings import Settings

Row = dict[str, Any]

STATES = """
select stem, state, gate, count(*)::bigint as records from hub.record_state
group by stem, state, gate order by stem
"""
RECIPIENTS = """
select recipient, stem, transactions, last from (
    select 'population' as recipient, stem, count(*)::bigint as transactions, max(recorded_at) as last
    from ledger.history group by stem
    union all
    select recipient, stem, sum(granted)::bigint, max(recorded_at) from ledger.stretch
    where recipient <> 'shared' group by recipient, stem
) told order by recipient <> 'population', recipient, stem
"""
GROWTH = """
select extract(year from month)::int as period, sum(transactions)::bigint as transactions from (
    select month, count(*) as transactions from ledger.history group by 1
    union all select month, sum(granted) from ledger.stretch where recipient <> 'shared' group by 1
) months group by 1 order by 1
"""
THIS_YEAR = "select extract(year from now() at time zone %(zone)s)::int as period"
MONTHS = """
select to_char(month, 'YYYY-MM') as period, sum(transactions)::bigint as transactions from (
    select month, count(*) as transactions from ledger.history where stem = %(stem)s group by 1
    union all select month, sum(granted) from ledger.stretch
        where recipient <> 'shared' and stem = %(stem)s group by 1
) months group by month order by month desc limit 36
"""
HOLDS = """
select stem, code, subject, what, remedy, since from extract.hold
where released_at is null order by since
"""
STEMS = "select distinct stem from extract.batch union select stem from extract.hold"
BATCHES = """
select batch, contract, exchanged_at, state, sent, read, shared, quarantined, duplicate, superseded
from hub.batch_summary where stem = %(stem)s and run = %(run)s order by batch
"""
RUN_STATES = """
select r.stem, r.state, r.gate, count(*)::bigint as records
from hub.record_state r join extract.batch b using (stem, batch)
where r.stem = %(stem)s and b.run = %(run)s group by r.stem, r.state, r.gate
"""
# as first judged: these sums never change, while record_state tells what each record is now
FIRST = """
select stem, sum(read)::bigint as read, sum(shared)::bigint as shared, sum(quarantined)::bigint as quarantined,
    sum(duplicate)::bigint as duplicate, sum(superseded)::bigint as superseded
from hub.batch_summary group by stem
"""
RUNS = """
select run, min(exchanged_at) as first, max(exchanged_at) as last, count(*)::bigint as batches,
    sum(read)::bigint as read, sum(shared)::bigint as shared,
    sum(quarantined)::bigint as quarantined, sum(duplicate)::bigint as duplicate,
    sum(superseded)::bigint as superseded
from hub.batch_summary where stem = %(stem)s group by run order by max(batch) desc limit 50
"""
SCHEMAS = "select id, subject, version, schema from hub.registry_schema order by subject, version"


class Counts:
    """Reads the hub's views; each question opens its own short, read-only connection."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def reachable(self) -> bool:
        """Tell whether PostgreSQL answers."""
        try:
            return bool(self.rows("select 1 as one"))
        except PophubError:
            return False

    def rows(self, sql: str, **values: str) -> list[Row]:
        """Give the rows of one statement of this module.

        Errors: `postgres.unreachable` and the like.
        """
        return self.several((sql,), **values)[0]

    def several(self, statements: tuple[str, ...], **values: str) -> list[list[Row]]:
        """Give the rows of several statements as they stood at one moment."""
        connection = postgres.connect(self._settings, "pophub_web")
        with closing(connection), postgres.translated("pages"):
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with connection.cursor() as cursor:
                return [_rows(cursor, sql, values) for sql in statements]


def _rows(cursor: postgres.Cursor, sql: str, values: dict[str, str]) -> list[Row]:
    cursor.execute(sql, values)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def with_percent(growth: list[Row], this_year: int) -> list[Row]:
    """Add the percent over the period before, one decimal half-up; none for an unfinished year.

    >>> years = [{"period": 2023, "transactions": 100}, {"period": 2024, "transactions": 157}]
    >>> [year["percent"] for year in with_percent(years, 2026)]
    [None, Decimal('57.0')]
    """
    before: Row | None = None
    told = []
    for year in growth:
        follows = before and before["period"] == year["period"] - 1 and before["transactions"]
        percent = None
        if before and follows and year["period"] < this_year:
            change = Decimal(100 * (year["transactions"] - before["transactions"]))
            percent = (change / before["transactions"]).quantize(Decimal("0.1"), ROUND_HALF_UP)
        told.append({**year, "percent": percent, "open": year["period"] >= this_year})
        before = year
    return told
