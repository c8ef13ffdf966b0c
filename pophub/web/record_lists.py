"""The records of a dataset that a count on a page counts, a hundred a page: where each came from, what became of it.

No page counts them: totals are the sums that the stages keep, and the next page goes on behind the last row's key.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from pophub.domain.codes import GATES
from pophub.settings import Settings
from pophub.web import counts as sql
from pophub.web.counts import Counts, Row
from pophub.web.layout import PAGE_ROWS, PageMaker
from pophub.web.missing import NotThere, demand_dataset
from pophub.web.transactions import ask_given, months_of
from pophub.web.visitors import needs

BRIEFLY = "select set_config('statement_timeout', '2000', true)"
NOT_SHARED = ("quarantined", "duplicate", "superseded")
ACCEPTED = ("all", "passed", "waiting")
NOT_ACCEPTED = """
select batch, lane, raw_offset, row, lane || ' / ' || raw_offset || ' / ' || row as place, encode(event_id, 'hex') as event, state, gate, id as version
from (select id, batch, lane, raw_offset, row, event_id, state, case when state = 'quarantined' then gate end as gate
        from quarantine.version where stem = %(stem)s and state <> 'shared'
    union all select null, batch, lane, raw_offset, row, event_id, state, null from judge.passed_over where stem = %(stem)s) r
where (%(state)s = '' or state = %(state)s) and (%(gate)s = '' or gate = %(gate)s)
    and (%(run)s = '' or batch in (select b.batch from extract.batch b where b.stem = %(stem)s and b.run = %(run)s))
    and (%(behind)s = '' or (batch, lane, raw_offset, row) < (%(a)s::bigint, %(b)s::int, %(c)s::bigint, %(d)s::int))
order by batch desc, lane desc, raw_offset desc, row desc limit %(most)s::bigint
"""
# accepted versions, by history's key: all, those that a recipient's lane has passed, those that wait for it; of a month
OF_HISTORY = """
select to_char(h.month, 'YYYYMM')::int as of_month, h.lane::int as of_lane, h.sequence, 0 as nothing, h.batch,
    h.raw_lane || ' / ' || h.raw_offset || ' / ' || h.row as place, encode(h.event_id, 'hex') as event, 'accepted' as state, null as gate
from ledger.history h left join ledger.lane l on (l.recipient, l.stem, l.lane) = (%(to)s, h.stem, h.lane)
where h.stem = %(stem)s and h.month between %(first)s::date and %(last)s::date
    and (%(run)s = '' or h.batch in (select b.batch from extract.batch b where b.stem = %(stem)s and b.run = %(run)s))
    and (%(accepted)s = 'all' or (h.sequence <= coalesce(l.sequence, 0)) = (%(accepted)s = 'passed'))
    and (%(behind)s = '' or (h.month, h.lane::int, h.sequence) < (to_date(%(a)s, 'YYYYMM'), %(b)s::int, %(c)s::bigint))
order by h.month desc, h.lane desc, h.sequence desc limit %(most)s::bigint
"""
PLACES = """
select coalesce(sum(j.sequence), 0)::bigint as "all", coalesce(sum(least(j.sequence, coalesce(l.sequence, 0))), 0)::bigint as passed
from judge.lane j left join ledger.lane l on (l.recipient, l.stem, l.lane) = (%(to)s, j.stem, j.lane) where j.stem = %(stem)s
"""


def router(settings: Settings, counts: Counts, pages: PageMaker) -> APIRouter:
    """Make the route."""
    routes = APIRouter(default_response_class=HTMLResponse)

    @routes.get("/datasets/{stem}/records")
    @needs("see")
    def records(
        request: Request, stem: str, state: str = "", gate: str = "", accepted: str = "", to: str = "",
        month: str = "", run: str = "", behind: str = "",
    ) -> HTMLResponse:  # fmt: skip
        demand_dataset(counts, settings.project, stem)
        known = state in ("", *NOT_SHARED) and gate in ("", *GATES) and accepted in ("", *ACCEPTED)
        key = _key(behind)
        if not known or not _is_month(month) or "\0" in to + run or key is None:
            raise NotThere("no_page", request.url.path, [("datasets", stem)])
        of = {
            "stem": stem,
            "state": state,
            "gate": gate,
            "accepted": accepted,
            "to": to,
            "month": month,
            "run": run,
            "behind": behind,
        }
        first, last = (f"{month}-01",) * 2 if month else ("0001-01-01", "9999-12-31")
        question = (BRIEFLY, OF_HISTORY if accepted else NOT_ACCEPTED)
        told = counts.figures(
            question, first=first, last=last, most=str(PAGE_ROWS), **dict(zip("abcd", key, strict=True)), **of
        )
        total, sums = _total(counts, of)
        rows = told.rows[1]
        more = ".".join(str(value) for value in list(rows[-1].values())[:4]) if len(rows) == PAGE_ROWS else ""
        return pages.render(
            request, "records.html", told=[told, sums], stem=stem, of=of, rows=rows, total=total, more=more
        )

    return routes


def _total(counts: Counts, of: dict[str, str]) -> tuple[int, Any]:
    """Give how many records such a list has by the sums that are kept, and when these were read; of a run they are counted."""
    if of["run"]:
        told = counts.figures((sql.RUN_STATES,), stem=of["stem"], run=of["run"])
        wanted = {"shared"} if of["accepted"] else {of["state"]} if of["state"] else set(NOT_SHARED)
        mine = [row for row in told.rows[0] if row["state"] in wanted and of["gate"] in ("", row["gate"])]
        return sum(row["records"] for row in mine), told
    if of["month"]:
        gave = ask_given(counts)
        months = months_of(gave.rows[0].tally, of["stem"], "population")
        return sum(one["transactions"] for one in months if one["period"] == of["month"]), gave
    if of["accepted"]:
        told = counts.figures((PLACES,), stem=of["stem"], to=of["to"])
        (sums,) = told.rows[0]
        return {**sums, "waiting": sums["all"] - sums["passed"]}[of["accepted"]], told
    told = counts.figures((sql.STATES,), stem=of["stem"])
    return sum(row["records"] for row in told.rows[0] if _is_of(row, of)), told


def _is_of(row: Row, of: dict[str, str]) -> bool:
    """Tell whether a sum is of such a list."""
    return (
        row["state"] in NOT_SHARED and of["state"] in ("", row["state"]) and of["gate"] in ("", row["gate"])
    )


def _key(text: str) -> tuple[str, ...] | None:
    """Give the four numbers of a row's key; zeros for nothing, None for what is no key.

    >>> _key("7.0.12.3"), _key(""), _key("7.x.0.0")
    (('7', '0', '12', '3'), ('0', '0', '0', '0'), None)
    """
    parts = tuple(text.split(".")) if text else ("0",) * 4
    sound = len(parts) == 4 and all(one.isascii() and one.isdigit() and len(one) < 19 for one in parts)
    return parts if sound else None


def _is_month(text: str) -> bool:
    """Tell whether a text is a month, or nothing.

    >>> _is_month("2026-11"), _is_month(""), _is_month("2026-13"), _is_month("x")
    (True, True, False, False)
    """
    year, _, month = text.partition("-")
    digits = text.isascii() and year.isdigit() and month.isdigit()
    return not text or (len(text) == 7 and len(year) == 4 and digits and 1 <= int(month) <= 12)
