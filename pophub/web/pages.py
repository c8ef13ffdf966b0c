"""The pages: overview, dataset and run. Server-side templates, nothing from outside.

The one script, of ten lines, follows the theme of the frame that the pages stand in, Airflow's.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pophub.domain.codes import GATES
from pophub.domain.dates import HO_CHI_MINH, shown_time
from pophub.web import counts as sql
from pophub.web.counts import Counts, Row, with_percent
from pophub.web.held import in_language
from pophub.web.missing import NotThere, demand_dataset, demand_run
from pophub.web.words import Language, language, number, words

STATES = ("shared", "quarantined", "duplicate", "superseded")
_FOLDER = resources.files("pophub.web").joinpath("templates")
STYLE = _FOLDER.joinpath("pophub.css").read_text(encoding="utf-8")
SCRIPT = _FOLDER.joinpath("theme.js").read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_digest(STYLE)}'; script-src 'sha256-{_digest(SCRIPT)}'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)


def router(counts: Counts, project: Path) -> APIRouter:
    """Make the routes of the pages of a project."""
    routes = APIRouter(default_response_class=HTMLResponse)

    @routes.get("/")
    def overview(request: Request) -> HTMLResponse:
        states, recipients, growth, holds, year, first = counts.several(
            (sql.STATES, sql.RECIPIENTS, sql.GROWTH, sql.HOLDS, sql.THIS_YEAR, sql.FIRST),
            zone=HO_CHI_MINH.key,
        )
        connectors = _connectors(states)
        return _page(
            request,
            "overview.html",
            connectors=connectors,
            total=_sum(connectors),
            first=_sum(first),
            recipients=recipients,
            growth=with_percent(growth, year[0]["period"]),
            holds=[in_language(hold, language(request)) for hold in holds],
        )

    @routes.get("/datasets/{stem}")
    def dataset(request: Request, stem: str) -> HTMLResponse:
        demand_dataset(counts, project, stem)
        runs, months, holds, first = counts.several((sql.RUNS, sql.MONTHS, sql.HOLDS, sql.FIRST), stem=stem)
        states = [row for row in counts.rows(sql.STATES) if row["stem"] == stem]
        return _page(
            request,
            "dataset.html",
            stem=stem,
            total=_sum(_connectors(states)),
            first=_sum(row for row in first if row["stem"] == stem),
            runs=runs,
            months=months,
            holds=[in_language(hold, language(request)) for hold in holds if hold["stem"] == stem],
        )

    @routes.get("/runs/{dag_id}/{run_id:path}")
    def run(request: Request, dag_id: str, run_id: str) -> HTMLResponse:
        demand_dataset(counts, project, dag_id)
        demand_run(counts, dag_id, run_id)
        batches, states = counts.several((sql.BATCHES, sql.RUN_STATES), stem=dag_id, run=run_id)
        total = _sum(_connectors(states))
        return _page(
            request, "run.html", stem=dag_id, run_id=run_id, batches=batches, first=_sum(batches), total=total
        )

    return routes


async def missing(request: Request, error: Exception) -> HTMLResponse:
    """Say in the reader's language that a page is not there, and which there are."""
    assert isinstance(error, NotThere)
    return _page(request, "missing.html", status=404, kind=error.kind, name=error.name, there=error.there)


def _connectors(states: Iterable[Row]) -> list[Row]:
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


def _sum(rows: Iterable[Row]) -> Row:
    total = _nothing()
    for row in rows:
        for name in total:
            total[name] += row.get(name, 0)
    return total


def _page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    lang = language(request)
    prefix = request.scope.get("root_path", "")

    def link(*parts: str) -> str:
        path = "/".join(quote(part, safe="") for part in parts)
        return f"{prefix}/{path}?lang={lang}"

    def in_language(other: Language) -> str:
        return f"{request.url.path}?lang={other}"

    text = (
        _templates()
        .get_template(template)
        .render(
            lang=lang,
            w=words(lang),
            n=lambda value: number(value, lang),
            t=_local,
            link=link,
            in_language=in_language,
            style=Markup(STYLE),  # noqa: S704  our own file
            script=Markup(SCRIPT),  # noqa: S704  our own file
            states=STATES,
            gates=GATES,
            **values,
        )
    )
    return HTMLResponse(text, status, headers={"Content-Language": lang, "Vary": "Accept-Language"})


def _local(moment: datetime) -> str:
    return shown_time(moment, "%d/%m/%Y %H:%M")


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("pophub.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
