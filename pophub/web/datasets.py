"""Where a dataset's records are: all datasets, and one."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from pophub.catalogue.lineage import hops
from pophub.contracts.load import connector_paths, stem_at
from pophub.domain.codes import GATES
from pophub.postgres import connect
from pophub.quarantine import holds
from pophub.settings import Settings
from pophub.web import counts as sql
from pophub.web.asked import newest_asked, put_down
from pophub.web.counts import Counts, Row
from pophub.web.declarations import declarations
from pophub.web.held import in_language
from pophub.web.joints import dates_of, newest, promised, stands
from pophub.web.layout import STATES, PageMaker, here
from pophub.web.missing import NotThere, demand_dataset
from pophub.web.now import LATE, look_again, sources
from pophub.web.subscription_pages import declared
from pophub.web.transactions import ask_given, months_of
from pophub.web.visitors import needs
from pophub.web.words import language


def router(settings: Settings, counts: Counts, pages: PageMaker) -> APIRouter:
    """Make the routes of a project's datasets."""
    routes, project = APIRouter(default_response_class=HTMLResponse), settings.project

    @routes.get("/datasets")
    @needs("see")
    def overview(request: Request, late: str = "") -> HTMLResponse:
        told, seen = counts.figures((sql.STATES, sql.HOLDS, sql.FIRST), stem=""), sources(settings, counts)
        states, held, first = told.rows
        rows = _with_sources(by_stem(states), seen.rows[0], project)
        return pages.render(
            request, "datasets.html", told=[told, seen], late=bool(late), first=summed(first), total=summed(rows),
            rows=[row for row in rows if not late or row["source"] in LATE],
            holds=[in_language(hold, language(request)) for hold in held],
        )  # fmt: skip

    @routes.get("/datasets/{stem}")
    @needs("see")
    def dataset(request: Request, stem: str) -> HTMLResponse:
        demand_dataset(counts, project, stem)
        told, gave = (
            counts.figures((sql.RUNS, sql.HOLDS, sql.FIRST, sql.STATES), stem=stem),
            ask_given(counts),
        )
        runs, held, first, states = told.rows
        known = declarations(project).entries
        connector = next((one.connector for one in known if one.stem == stem), None)
        files = declared(project)
        to = ["shared", *(who for who, file in files.items() if stem in {g.dataset for g in file.grants})]
        stand, seen = counts.found(("stands", stem), partial(stands, stem, to)), look_again(settings, counts)
        codes = [one.code for one in seen.rows[0].matters if one.stem == stem]
        around, asked = hops(stem, known), newest_asked(counts, "run", stem)
        return pages.render(
            request, "dataset.html", told=[told, gave, stand, seen, asked], stem=stem, asked=asked.rows[0], runs=runs,
            months=months_of(gave.rows[0].tally, stem),
            uncounted=gave.rows[0].uncounted,
            stands=stand.rows[0], source=seen.rows[0].states.get(stem), connector=connector,
            hops=around, dated=dates_of(counts, stem, around),
            newest=newest(seen.rows[0].states.get(stem)), promises=promised(connector, codes) if connector else [],
            total=summed(by_stem(states)),
            first=summed(first),
            holds=[in_language(hold, language(request)) for hold in held if hold["stem"] == stem],
        )  # fmt: skip

    @routes.post("/datasets/{stem}/run")
    @needs("act")
    def start(request: Request, stem: str) -> RedirectResponse:
        known = sorted(stem_at(path) for path in connector_paths(project))
        if stem not in known:
            raise NotThere("no_dataset", stem, [("datasets", one) for one in known])
        put_down(settings, "run", stem, request.state.visitor.name)
        return RedirectResponse(f"{here(request, f'/datasets/{stem}')}#asked", 303)

    @routes.post("/datasets/{stem}/{act}")
    @needs("act")
    def switch(request: Request, stem: str, act: Literal["pause", "resume"]) -> RedirectResponse:
        demand_dataset(counts, project, stem)
        who, reason = request.state.visitor.name, request.state.form.get("reason", "")
        with closing(connect(settings, "pophub_judge")) as connection:
            if act == "pause":
                holds.pause(connection, stem, request.state.form.get("recipient", ""), who, reason)
            else:
                holds.resume(connection, stem, request.state.form.get("recipient", ""), who)
        return RedirectResponse(here(request, f"/datasets/{stem}", done=act), 303)

    return routes


def _with_sources(rows: list[Row], seen: dict[str, str], project: Path) -> list[Row]:
    """Give each dataset that is declared or was read, with the state of its source."""
    known = {row["stem"]: row for row in rows}
    for path in connector_paths(project):
        stem = stem_at(path)
        known.setdefault(stem, _nothing() | {"stem": stem})
    return [row | {"source": seen.get(stem, "unknown")} for stem, row in sorted(known.items())]


def by_stem(states: Iterable[Row]) -> list[Row]:
    """Turn counts by state and gate into one row a stem."""
    found: dict[str, Row] = {}
    for row in states:
        stem = found.setdefault(row["stem"], _nothing() | {"stem": row["stem"]})
        stem["read"] += row["records"]
        stem[row["state"]] += row["records"]
        if row["gate"] in GATES:
            stem[row["gate"]] += row["records"]
    return list(found.values())


def _nothing() -> Row:
    return dict.fromkeys(("read", "sent", *STATES, *GATES), 0)


def summed(rows: Iterable[Row]) -> Row:
    """Add up the counts of rows."""
    total = _nothing()
    for row in rows:
        for name in total:
            total[name] += row.get(name, 0)
    return total
