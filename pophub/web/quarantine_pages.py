"""The quarantine: groups by cause, what a replay would do, and what a person does about a group."""

from __future__ import annotations

import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pophub.domain.errors import ConfigError
from pophub.postgres import Connection, connect
from pophub.quarantine import browse, repair, steps
from pophub.quarantine.export import export
from pophub.quarantine.feedback import feed_all
from pophub.quarantine.selection import Selection
from pophub.settings import Settings
from pophub.web.asked import asked_for, put_down
from pophub.web.counts import Counts
from pophub.web.declarations import declarations
from pophub.web.layout import PAGE_ROWS, PageMaker, Pager, here, page_number
from pophub.web.missing import NotThere, demand_dataset
from pophub.web.visitors import needs

MOST = (1 << 63) - 1
KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def router(settings: Settings, counts: Counts, pages: PageMaker) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(default_response_class=HTMLResponse)
    _looks(routes, settings, counts, pages)
    _replays(routes, settings, counts, pages)
    _acts(routes, settings)
    return routes


def _looks(routes: APIRouter, settings: Settings, counts: Counts, pages: PageMaker) -> None:
    @routes.get("/quarantine")
    @needs("see")
    def groups(request: Request, page: int = 1) -> HTMLResponse:
        told = counts.found("groups", _grouped)
        causes, taken, total, proposals = told.rows[0]
        pager = Pager(page_number(page), len(causes))
        return pages.render(
            request, "quarantine.html", told=[told], causes=causes[pager.first : pager.first + PAGE_ROWS], pager=pager,
            steps=taken, total=total, owners=owners(settings), proposals=proposals,
        )  # fmt: skip

    @routes.get("/quarantine/versions")
    @needs("see")
    def versions(
        request: Request, stem: str = "", code: str = "", field: str | None = None, page: int = 1
    ) -> HTMLResponse:
        chosen, page = selection(stem, code, field), page_number(page)
        told = counts.found(("versions", chosen, page), partial(_listed, chosen, page))
        total, rows = told.rows[0]
        return pages.render(
            request, "versions.html", told=[told], chosen=chosen, rows=rows, pager=Pager(page, total),
        )  # fmt: skip

    @routes.get("/quarantine/group")
    @needs("see")
    def group(request: Request, stem: str, code: str, field: str = "") -> HTMLResponse:
        demand_dataset(counts, settings.project, stem)
        chosen = selection(stem, code, field)
        told = counts.found(("group", chosen), partial(_group, chosen))
        cause, taken, rows = told.rows[0]
        return pages.render(
            request, "group.html", told=[told], stem=stem, code=code, field=field, cause=cause, rows=rows,
            steps=[s for s in taken if s.about == (stem, code, field)], owner=owners(settings).get(stem),
            kinds=list(KINDS),
        )  # fmt: skip

    @routes.get("/quarantine/proposals")
    @needs("see")
    def proposals(request: Request) -> HTMLResponse:
        told = counts.found("proposals", repair.waiting)
        return pages.render(request, "proposals.html", told=[told], rows=told.rows[0])


def _replays(routes: APIRouter, settings: Settings, counts: Counts, pages: PageMaker) -> None:
    def begin(request: Request, kind: Literal["preview", "replay"]) -> RedirectResponse:
        form = request.state.form
        chosen = selection(form.get("stem", ""), form.get("code", ""), form.get("field", ""))
        if chosen.stem is None or chosen.code is None:
            raise ConfigError("config.missing", "a replay is of one group", remedy="begin on its page")
        demand_dataset(counts, settings.project, chosen.stem)
        number = put_down(settings, kind, chosen.stem, request.state.visitor.name, chosen)
        return RedirectResponse(here(request, f"/quarantine/work/{number}"), 303)

    @routes.post("/quarantine/preview")
    @needs("act")
    def preview(request: Request) -> RedirectResponse:
        return begin(request, "preview")

    @routes.post("/quarantine/replay")
    @needs("act")
    def replay(request: Request) -> RedirectResponse:
        return begin(request, "replay")

    @routes.get("/quarantine/work/{number}")
    @needs("act")
    def work(request: Request, number: int) -> HTMLResponse:
        told = asked_for(counts, min(number, MOST))
        asked = told.rows[0]
        if asked is None or asked.kind not in ("preview", "replay"):
            raise NotThere("no_work", str(number), [("quarantine",)])
        chosen = Selection.of_values(asked.chosen)
        return pages.render(request, "work.html", told=[told], asked=asked, chosen=chosen)


def _acts(routes: APIRouter, settings: Settings) -> None:
    @routes.post("/quarantine/return")
    @needs("act")
    def give_back(request: Request) -> RedirectResponse:
        form, who = request.state.form, request.state.visitor.name
        about = steps.About(form.get("stem", ""), form.get("code", ""), form.get("field", ""))
        feed_all(settings, [about.stem.split(".")[0]])
        with closing(connect(settings, "pophub_judge")) as connection:
            steps.take(connection, "returned", about, who, reason=form.get("reason", ""))
        return RedirectResponse(here(request, form.get("back", "/"), done="returned"), 303)

    @routes.post("/quarantine/export")
    @needs("act")
    def write(request: Request) -> Response:
        form = request.state.form
        stem, code, field = form.get("stem", ""), form.get("code", ""), form.get("field", "")
        kind = form.get("format", "")
        if kind not in KINDS or not stem:
            raise ConfigError(
                "cli.choice", "an export is a csv or an xlsx of one dataset", remedy="load the page again"
            )
        with closing(connect(settings, "pophub_judge")) as connection:
            body = _export(settings, connection, selection(stem, code, field), kind, request)
        name = f'attachment; filename="{stem}.{kind}"'
        return Response(body, media_type=KINDS[kind], headers={"Content-Disposition": name})


def selection(stem: str, code: str, field: str | None) -> Selection:
    """Give the versions that wait: of a dataset, a code and a field where they are named."""
    return Selection(stem=stem or None, code=code or None, field=field if code else None)


def owners(settings: Settings) -> dict[str, Any]:
    """Give who answers for each dataset, by its declaration."""
    return {c.stem: c.file.owner for c in declarations(settings.project).connectors}


def _grouped(connection: Connection) -> tuple[Any, ...]:
    chosen = Selection()
    taken = {(s.act, *s.about): s for s in steps.open_steps(connection)}
    causes = browse.groups(connection, chosen)
    return causes, taken, browse.count(connection, chosen), repair.waiting(connection)


def _listed(chosen: Selection, page: int, connection: Connection) -> tuple[Any, ...]:
    rows = browse.listing(connection, chosen, PAGE_ROWS, (page - 1) * PAGE_ROWS)
    return browse.count(connection, chosen), rows


def _group(chosen: Selection, connection: Connection) -> tuple[Any, ...]:
    found = [
        cause for cause in browse.groups(connection, chosen)
        if (cause.code, cause.field or "") == (chosen.code, chosen.field or "")
    ]  # fmt: skip
    return next(iter(found), None), steps.open_steps(connection), browse.listing(connection, chosen, 20)


def _export(
    settings: Settings, connection: Connection, chosen: Selection, kind: str, request: Request
) -> bytes:
    """Give an export's bytes, once it is on record who takes it and why."""
    records = browse.count(connection, chosen)
    if not records:
        raise ConfigError("quarantine.unknown", "nothing waits in this group", remedy="load the page again")
    what = " ".join(["export", chosen.code or "", chosen.field or ""]).strip()
    reason = request.state.form.get("reason", "")
    steps.reveal(connection, chosen.stem or "", what, records, reason, request.state.visitor.name)
    with tempfile.TemporaryDirectory(prefix="pophub-export-") as folder:
        path = Path(folder, f"export.{kind}")
        export(connection, chosen, kind, path, declarations(settings.project).codes)
        return path.read_bytes()
