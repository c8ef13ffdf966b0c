"""Does everything add up: what came in and what became of it, by dataset and day; growth as of a signed moment."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import partial
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.errors import ConfigError
from pophub.ledger.checkpoint import Checkpoint, find
from pophub.ledger.growth import Growth, Scope, growth_as_of
from pophub.ledger.periods import moment
from pophub.postgres import Connection
from pophub.settings import Settings
from pophub.web import counts as sql
from pophub.web.asked import newest_asked, put_down
from pophub.web.counts import Counts, Row, with_percent
from pophub.web.layout import PAGE_ROWS, PageMaker, Pager, here, page_number
from pophub.web.missing import NotThere, demand_dataset
from pophub.web.transactions import ask_given, listed, recipients_of, years_of
from pophub.web.visitors import needs

DAYS = """
select stem, day, batches, coalesce(sent, 0)::bigint as sent, read, shared, quarantined, duplicate, superseded, waiting,
    read - shared - quarantined - duplicate - superseded as difference
from hub.reconciliation_by_day
where day in (select distinct (exchanged_at at time zone %(zone)s)::date as day from extract.batch order by day desc limit 14)
order by day desc, stem
"""
OF_BATCHES = """
from (select *, case when state = 'sent' and sent > read then sent - read else 0 end as waiting from hub.batch_summary
    where stem = %(stem)s and (%(day)s = '' or (exchanged_at at time zone %(zone)s)::date = nullif(%(day)s, '')::date)) b
"""
BATCHES_OF = f"""
select batch, run, contract, exchanged_at, state, case when state = 'sent' then sent else 0 end as sent, read, shared,
    quarantined, duplicate, superseded, waiting {OF_BATCHES} order by batch desc limit {PAGE_ROWS} offset %(after)s::bigint
"""
SUMS_OF = f"""
select count(*)::bigint as batches, coalesce(sum(sent) filter (where state = 'sent'), 0)::bigint as sent,
    coalesce(sum(read), 0)::bigint as read, coalesce(sum(shared), 0)::bigint as shared,
    coalesce(sum(quarantined), 0)::bigint as quarantined, coalesce(sum(duplicate), 0)::bigint as duplicate,
    coalesce(sum(superseded), 0)::bigint as superseded, coalesce(sum(waiting), 0)::bigint as waiting {OF_BATCHES}
"""
# what the first page's sentence counts: datasets whose books do not balance, records that are sent and not judged
UNSETTLED = """
select stem, min(day) as day, count(*)::bigint as days, sum(waiting)::bigint as waiting,
    sum(read - shared - quarantined - duplicate - superseded)::bigint as difference
from hub.reconciliation_by_day where waiting > 0 or not balanced
group by stem having not %(wrong)s or bool_or(not balanced and waiting = 0) order by stem
"""
SIGNED = "select id, at from ledger.checkpoint order by id desc limit 12"
PERIOD = re.compile(r"([0-9]{4}(-[0-9]{2})?)?")
SUMS = ("sent", "read", "shared", "quarantined", "duplicate", "superseded", "waiting", "difference")


class GrowthThen(NamedTuple):
    """Growth as a checkpoint signed it: what it stands on, and the years."""

    checkpoint: Checkpoint
    rows: list[Growth]


def router(settings: Settings, counts: Counts, pages: PageMaker) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(default_response_class=HTMLResponse)

    @routes.get("/ledger")
    @needs("see")
    def ledger(request: Request, as_of: str = "", day: str = "") -> HTMLResponse:
        told = counts.figures((DAYS, sql.THIS_YEAR, SIGNED), zone=HO_CHI_MINH.key)
        (days, year, signed), gave = told.rows, ask_given(counts)
        then, problem = _as_of(counts, as_of)
        verified = newest_asked(counts, "verify")
        across = matrix(days)
        chosen = next((one for one in across[0] if one.isoformat() == day), across[0][-1] if days else None)
        return pages.render(
            request, "ledger.html", told=[told, gave, verified], days=[row for row in days if row["day"] == chosen], day=chosen,
            matrix=across, recipients=recipients_of(gave.rows[0]), total=_sums(days), signed=signed, as_of=as_of,
            then=then, problem=problem, verified=verified.rows[0], uncounted=gave.rows[0].uncounted, growth=with_percent(years_of(gave.rows[0].tally), year[0]["period"]),
        )  # fmt: skip

    @routes.post("/ledger/verify")
    @needs("find")
    def verify(request: Request) -> RedirectResponse:
        put_down(settings, "verify", "", request.state.visitor.name)
        return RedirectResponse(f"{here(request, '/ledger')}#verified", 303)

    _lists(routes, settings, counts, pages)
    return routes


def _lists(routes: APIRouter, settings: Settings, counts: Counts, pages: PageMaker) -> None:
    """Make the routes of what the ledger's counts count."""

    def batches(request: Request, stem: str, day: str, page: int) -> HTMLResponse:
        demand_dataset(counts, settings.project, stem)
        after = str(Pager(page_number(page), 0).first)
        told = counts.figures((BATCHES_OF, SUMS_OF), stem=stem, day=day, zone=HO_CHI_MINH.key, after=after)
        rows, (total,) = told.rows
        if not total["batches"]:
            raise NotThere("no_day", f"{stem} {day}", [("ledger",)])
        return pages.render(
            request, "batches.html", told=[told], stem=stem, day=date.fromisoformat(day) if day else None, batches=rows,
            total=total, pager=Pager(page_number(page), total["batches"]),
        )  # fmt: skip

    @routes.get("/ledger/batches/{stem}")
    @needs("see")
    def of_dataset(request: Request, stem: str, page: int = 1) -> HTMLResponse:
        return batches(request, stem, "", page)

    @routes.get("/ledger/batches/{stem}/{day}")
    @needs("see")
    def of_day(request: Request, stem: str, day: str, page: int = 1) -> HTMLResponse:
        try:
            day = date.fromisoformat(day).isoformat()
        except ValueError:
            raise NotThere("no_day", day, [("ledger",)]) from None
        return batches(request, stem, day, page)

    @routes.get("/ledger/unsettled")
    @needs("see")
    def unsettled(request: Request, wrong: bool = False) -> HTMLResponse:
        told = counts.figures((UNSETTLED,), wrong=str(wrong))
        return pages.render(request, "unsettled.html", told=[told], rows=told.rows[0], wrong=wrong)

    @routes.get("/ledger/transactions")
    @needs("see")
    def transactions(
        request: Request, stem: str = "", to: str = "", period: str = "", page: int = 1
    ) -> HTMLResponse:
        if not PERIOD.fullmatch(period):
            raise NotThere("no_page", request.url.path, [("ledger",)])
        told = ask_given(counts)
        rows = listed(told.rows[0].tally, stem, to, period)
        pager = Pager(page_number(page), len(rows))
        return pages.render(
            request, "transactions.html", told=[told], stem=stem, to=to, period=period, pager=pager,
            rows=rows[pager.first : pager.first + PAGE_ROWS], total=sum(row["transactions"] for row in rows),
        )  # fmt: skip


def _sums(rows: Iterable[Row]) -> Row:
    found = dict.fromkeys(SUMS, 0)
    for row in rows:
        for name in SUMS:
            found[name] += row[name]
    return found


def matrix(days: list[Row]) -> tuple[list[date], dict[str, dict[date, Row]]]:
    """Give the days, the oldest first, and for each dataset its row of each day.

    >>> day = date(2026, 1, 2)
    >>> matrix([{"stem": "a.b", "day": day}])
    ([datetime.date(2026, 1, 2)], {'a.b': {datetime.date(2026, 1, 2): {'stem': 'a.b', 'day': datetime.date(2026, 1, 2)}}})
    """
    found: dict[str, dict[date, Row]] = {}
    for row in days:
        found.setdefault(row["stem"], {})[row["day"]] = row
    return sorted({row["day"] for row in days}), dict(sorted(found.items()))


def _as_of(counts: Counts, as_of: str) -> tuple[GrowthThen | None, ConfigError | None]:
    """Give growth as of a moment that somebody asks for, or why there is none."""
    if not as_of:
        return None, None
    try:
        told: Any = counts.found(("growth", as_of), partial(_signed, moment(as_of)))
    except ConfigError as error:
        return None, error
    return told.rows[0], None


def _signed(at: Any, connection: Connection) -> GrowthThen:
    checkpoint = find(connection, at)
    return GrowthThen(checkpoint, growth_as_of(checkpoint, "year", Scope()))
