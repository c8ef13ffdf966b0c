"""Does everything add up: what came in and what became of it, by dataset and day; growth as of a signed moment."""

from __future__ import annotations

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
from pophub.web.layout import PageMaker, here
from pophub.web.missing import NotThere
from pophub.web.transactions import ask_given, recipients_of, years_of
from pophub.web.visitors import needs

DAYS = """
select stem, day, batches, coalesce(sent, 0)::bigint as sent, read, shared, quarantined, duplicate, superseded, waiting,
    read - shared - quarantined - duplicate - superseded as difference
from hub.reconciliation_by_day
where day in (select distinct (exchanged_at at time zone %(zone)s)::date as day from extract.batch order by day desc limit 14)
order by day desc, stem
"""
BATCHES_OF = """
select batch, run, contract, exchanged_at, state, sent, read, shared, quarantined, duplicate, superseded
from hub.batch_summary where stem = %(stem)s and (exchanged_at at time zone %(zone)s)::date = %(day)s::date order by batch
"""
SIGNED = "select id, at from ledger.checkpoint order by id desc limit 12"
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
    def ledger(request: Request, as_of: str = "") -> HTMLResponse:
        told = counts.figures((DAYS, sql.THIS_YEAR, SIGNED), zone=HO_CHI_MINH.key)
        (days, year, signed), gave = told.rows, ask_given(counts)
        then, problem = _as_of(counts, as_of)
        verified = newest_asked(counts, "verify")
        return pages.render(
            request, "ledger.html", told=[told, gave, verified], days=days, matrix=matrix(days), recipients=recipients_of(gave.rows[0]),
            total={name: sum(row[name] for row in days) for name in SUMS}, signed=signed, as_of=as_of,
            then=then, problem=problem, verified=verified.rows[0], growth=with_percent(years_of(gave.rows[0].tally), year[0]["period"]),
        )  # fmt: skip

    @routes.post("/ledger/verify")
    @needs("find")
    def verify(request: Request) -> RedirectResponse:
        put_down(settings, "verify", "", request.state.visitor.name)
        return RedirectResponse(f"{here(request, '/ledger')}#verified", 303)

    @routes.get("/ledger/batches/{stem}/{day}")
    @needs("see")
    def batches(request: Request, stem: str, day: str) -> HTMLResponse:
        try:
            date.fromisoformat(day)
        except ValueError:
            raise NotThere("no_day", day, [("ledger",)]) from None
        told = counts.figures((BATCHES_OF,), stem=stem, day=day, zone=HO_CHI_MINH.key)
        if not told.rows[0]:
            raise NotThere("no_day", f"{stem} {day}", [("ledger",)])
        return pages.render(
            request, "batches.html", told=[told], stem=stem, day=date.fromisoformat(day), batches=told.rows[0]
        )

    return routes


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
