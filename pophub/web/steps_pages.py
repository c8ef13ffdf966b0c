"""What a person does about a group or a late dataset, from any page that shows it."""

from __future__ import annotations

from contextlib import closing

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from pophub.domain.errors import ConfigError
from pophub.postgres import connect
from pophub.quarantine import steps
from pophub.settings import Settings
from pophub.web.layout import here
from pophub.web.visitors import needs

HERE = ("assigned", "acknowledged")  # what is returned is given to the agency too: `quarantine_pages`


def router(settings: Settings) -> APIRouter:
    """Make the routes; each leads back to the page that the form stood on."""
    routes = APIRouter(default_response_class=HTMLResponse)

    @routes.post("/steps")
    @needs("act")
    def take(request: Request) -> RedirectResponse:
        form = request.state.form
        act = form.get("act", "")
        if act not in HERE:
            raise ConfigError(
                "cli.choice", f"a step is one of {', '.join(HERE)}", remedy="load the page again"
            )
        about = steps.About(form.get("stem", ""), form.get("code", ""), form.get("field", ""))
        with closing(connect(settings, "pophub_judge")) as connection:
            steps.take(
                connection, act, about, request.state.visitor.name,
                whom=form.get("whom", ""), reason=form.get("reason", ""),
            )  # fmt: skip
        return RedirectResponse(here(request, form.get("back", "/"), done=act), 303)

    @routes.post("/steps/{step}/undo")
    @needs("act")
    def undo(request: Request, step: int) -> RedirectResponse:
        with closing(connect(settings, "pophub_judge")) as connection:
            steps.undo(connection, step, request.state.visitor.name)
        return RedirectResponse(here(request, request.state.form.get("back", "/"), done="undone"), 303)

    return routes
