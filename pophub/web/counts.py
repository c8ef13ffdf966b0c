"""What the pages and the registry read: counts, states and schemas, as role pophub_web."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any, NamedTuple, TypeVar

from pophub import postgres
from pophub.domain.errors import PophubError, TransientError
from pophub.settings import Settings

Row = dict[str, Any]
Answer = TypeVar("Answer")
MOST_S, PATIENCE_S, BRIEF_S = 2.4, 1.5, 0.3
"""How long a page waits: for its first figures, for newer ones, and while an earlier question is still open."""
MOST_AT_ONCE = 16
MOST_KEPT = 256

# what hub.record_state tells, by sums that are kept: each accepted version has its number in its lane, and what never
# reached the gates stands with its micro-batch; so no row of history is counted
STATES = """
select stem, state, gate, sum(records)::bigint as records from (
    select stem, 'shared' as state, null as gate, sequence as records from judge.lane
    union all
    select stem, state, case when state = 'quarantined' then gate end, count(*) from quarantine.version
        where state <> 'shared' group by stem, state, gate
    union all
    select r.stem, passed.state, null, passed.records from (
        select stem, sum(duplicate) as duplicate, sum(superseded) as superseded from judge.reconciliation group by stem
    ) r cross join lateral (values ('duplicate', r.duplicate), ('superseded', r.superseded)) passed (state, records)
) told where records > 0 and (%(stem)s = '' or stem = %(stem)s) group by stem, state, gate order by stem, state, gate
"""
THIS_YEAR = "select extract(year from now() at time zone %(zone)s)::int as period"
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
CAUSES = """
select f ->> 'code' as code, f ->> 'field' as field, count(distinct v.id)::bigint as records
from quarantine.version v join extract.batch b using (stem, batch), jsonb_array_elements(v.failures) f
where v.stem = %(stem)s and b.run = %(run)s group by 1, 2 order by 3 desc, 1, 2
"""
# as first judged: these sums never change, while record_state tells what each record is now
FIRST = """
select stem, sum(read)::bigint as read, sum(shared)::bigint as shared, sum(quarantined)::bigint as quarantined,
    sum(duplicate)::bigint as duplicate, sum(superseded)::bigint as superseded
from judge.reconciliation where %(stem)s = '' or stem = %(stem)s group by stem
"""
# the runs of the newest batches alone
RUNS = """
with newest as (select run, max(batch) as batch from (
        select run, batch from extract.batch where stem = %(stem)s order by batch desc limit 2000
    ) batches group by run order by max(batch) desc limit 50)
select run, min(exchanged_at) as first, max(exchanged_at) as last, count(*)::bigint as batches,
    sum(read)::bigint as read, sum(shared)::bigint as shared,
    sum(quarantined)::bigint as quarantined, sum(duplicate)::bigint as duplicate,
    sum(superseded)::bigint as superseded
from hub.batch_summary where stem = %(stem)s and run in (select run from newest) group by run order by max(batch) desc
"""
NOTICES = """
select starts, acknowledged_at, nullif(field, '') as field, what from hub.contract_notice
where 'sub.' || recipient || '.' || stem || '-value' = %(subject)s order by acknowledged_at
"""
SCHEMAS = "select id, subject, version, schema from hub.registry_schema order by subject, version"


class Figures(NamedTuple):
    """The rows of several statements as they stood at one moment; `broken`: why they are not of now."""

    rows: list[Any]
    at: datetime
    broken: PophubError | None = None


class Counts:
    """Reads the hub's views; each question opens its own short, read-only connection.

    What was read last is kept: where PostgreSQL does not answer in time, pages tell that, with its age. It holds
    no personal data, which the role cannot see.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._asking = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="figures")
        self._waiting, self._late = 0, 0
        self._last: OrderedDict[Hashable, Figures] = OrderedDict()
        self._lock = threading.Lock()

    def reachable(self) -> bool:
        """Tell whether PostgreSQL answers."""
        try:
            return bool(self.rows("select 1 as one"))
        except PophubError:
            return False

    def rows(self, sql: str, **values: str) -> list[Row]:
        """Give the rows of one statement as they are now.

        Errors: `postgres.unreachable` and the like, within `MOST_S`.
        """
        return self.several((sql,), **values)[0]

    def several(self, statements: tuple[str, ...], **values: str) -> list[list[Row]]:
        """Give the rows of several statements as they stand at one moment now.

        Errors: as for `rows`.
        """
        return self._in_time(partial(self._ask, statements, values))

    def figures(self, statements: tuple[str, ...], **values: str) -> Figures:
        """Give the rows of several statements, the last good ones where PostgreSQL does not answer.

        Errors: as for `rows`, where there are none from before.
        """
        return self.kept((statements, tuple(sorted(values.items()))), partial(self._ask, statements, values))

    def found(self, name: Hashable, question: Callable[[postgres.Connection], Answer]) -> Figures:
        """Give what a function of the hub finds over a connection, in a list of one; else as for `figures`."""

        def ask() -> list[Any]:
            with closing(postgres.connect(self._settings, "pophub_web")) as connection:
                return [question(connection)]

        return self.kept(name, ask)

    def kept(self, name: Hashable, question: Callable[[], list[Any]]) -> Figures:
        """Give an answer of now and keep it; without one the last, with what is wrong."""

        def ask() -> Figures:
            told = Figures(question(), datetime.now(UTC))
            with self._lock:
                self._last[name] = told
                self._last.move_to_end(name)
                while len(self._last) > MOST_KEPT:
                    self._last.popitem(last=False)
            return told

        with self._lock:
            patience = PATIENCE_S if name in self._last else MOST_S
        try:
            return self._in_time(ask, patience)
        except PophubError as error:
            with self._lock:
                last = self._last.get(name)
            if last is None:
                raise
            return last._replace(broken=error)

    def _ask(self, statements: tuple[str, ...], values: dict[str, str]) -> list[list[Row]]:
        connection = postgres.connect(self._settings, "pophub_web")
        with closing(connection), postgres.translated("pages"):
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with connection.cursor() as cursor:
                return [_rows(cursor, sql, values) for sql in statements]

    def _in_time(self, question: Callable[[], Answer], patience: float = MOST_S) -> Answer:
        """Ask for as long as a page may take; a question that goes on keeps its answer for the next page.

        Where an earlier one is still not answered, this one waits briefly: a page asks several.
        """
        with self._lock:
            crowded = self._waiting >= MOST_AT_ONCE
            patience = BRIEF_S if self._late else patience
            self._waiting += not crowded
        if crowded:
            raise _too_late()
        asked = self._asking.submit(question)
        try:
            return asked.result(patience)
        except TimeoutError:
            with self._lock:
                self._late += 1
            asked.add_done_callback(self._came_late)
            raise _too_late() from None
        finally:
            asked.add_done_callback(self._answered)

    def _answered(self, _asked: Any) -> None:
        with self._lock:
            self._waiting -= 1

    def _came_late(self, _asked: Any) -> None:
        with self._lock:
            self._late -= 1


def _too_late() -> TransientError:
    return TransientError(
        "postgres.unreachable", "PostgreSQL did not answer in time", where="pages",
        remedy="see `pophub status`",
    )  # fmt: skip


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
