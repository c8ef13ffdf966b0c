"""What can I get and what does it promise: each dataset as it is declared, found by words without tone marks."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from pophub.catalogue.entries import CatalogueEntry
from pophub.commands.shown import shown, typed
from pophub.domain.vietnamese import sort_key
from pophub.settings import Settings
from pophub.web.counts import Counts
from pophub.web.declarations import declarations
from pophub.web.joints import newest
from pophub.web.layout import PageMaker
from pophub.web.missing import NotThere
from pophub.web.now import look_again
from pophub.web.visitors import needs
from pophub.web.words import language

ON_RECORD = "select recipient from hub.access where stem = %(stem)s"


def router(settings: Settings, counts: Counts, pages: PageMaker) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(default_response_class=HTMLResponse)

    @routes.get("/catalogue")
    @needs("see")
    def listed(request: Request, find: str = "") -> HTMLResponse:
        lang, seen = language(request), look_again(settings, counts)
        found = [one for one in declarations(settings.project).entries if one.tells_of(find)]
        found.sort(key=lambda one: sort_key(one.connector.file.title.model_dump()[lang]))
        return pages.render(
            request, "catalogue.html", told=[seen], find=find, rows=found, sources=seen.rows[0].states
        )

    @routes.get("/catalogue/{stem}")
    @needs("see")
    def one(request: Request, stem: str) -> HTMLResponse:
        known = {one.stem: one for one in declarations(settings.project).entries}
        if stem not in known:
            raise NotThere("no_dataset", stem, [("catalogue", name) for name in sorted(known)])
        seen, told = look_again(settings, counts), counts.figures((ON_RECORD,), stem=stem)
        source = seen.rows[0].states.get(stem)
        return pages.render(
            request, "catalogue_entry.html", told=[seen, told], entry=known[stem], source=source, newest=newest(source),
            on_record={row["recipient"] for row in told.rows[0]}, sample=sample(known[stem], settings),
        )  # fmt: skip

    return routes


def sample(entry: CatalogueEntry, settings: Settings) -> list[dict[str, str | None]]:
    """Give the made-up records of a dataset as people read them; None where nothing stands."""
    fields = entry.connector.contract.fields
    rows: list[dict[str, Any]] = [typed(fields, row) for row in entry.sample(settings.project)]
    return [{name: None if value is None else shown(value) for name, value in row.items()} for row in rows]
