"""Sign in and out, where the pages are served alone; these two routes alone are open to somebody unknown."""

from __future__ import annotations

import secrets
from contextlib import closing

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse

from pophub.domain.errors import ConfigError
from pophub.postgres import connect
from pophub.quarantine.persons import LoggedIn, known
from pophub.settings import Settings
from pophub.sharing.logins import OPERATOR
from pophub.web.counts import Counts
from pophub.web.layout import PageMaker, here
from pophub.web.login import is_known
from pophub.web.visitors import COOKIE, SESSION_S, Sessions, demand_own, form_of

FORM_COOKIE = "pophub_form"


def router(settings: Settings, counts: Counts, sessions: Sessions, pages: PageMaker) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(default_response_class=HTMLResponse)

    @routes.get("/sign-in")
    def form(request: Request) -> Response:
        return ask(pages, request, status=200)

    @routes.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        request.state.form = sent = await form_of(request)
        demand_own(request, request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe())
        name, password = sent.get("name", ""), sent.get("password", "")
        person = await run_in_threadpool(_person, settings, counts, name, password)
        if person is None:
            return ask(pages, request, status=403, wrong=True)
        answer = RedirectResponse(here(request, sent.get("back", "")), 303)
        _keep(request, answer, COOKIE, sessions.begin(person.name, person.role))
        answer.delete_cookie(FORM_COOKIE, path=_path(request))
        return answer

    @routes.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        request.state.form = await form_of(request)
        who = await sessions.visitor(request)
        demand_own(request, who.token)
        sessions.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse(here(request, "/sign-in"), 303)
        answer.delete_cookie(COOKIE, path=_path(request))
        return answer

    return routes


def ask(pages: PageMaker, request: Request, status: int = 401, wrong: bool = False) -> Response:
    """Give the form to sign in, which brings back to where somebody wanted to be."""
    token = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(32)
    sent = getattr(request.state, "form", {})
    back = sent.get("back") or (_inner(request) if status == 401 and request.method == "GET" else "/")
    answer = pages.render(request, "sign_in.html", status, wrong=wrong, back=back, token=token)
    _keep(request, answer, FORM_COOKIE, token)
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Form realm="pophub"'
    return answer


def _inner(request: Request) -> str:
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    return f"{path}?{request.url.query}" if request.url.query else path


def _person(settings: Settings, counts: Counts, name: str, password: str) -> LoggedIn | None:
    """Give whose name and password these are, or nobody."""
    if name == OPERATOR:
        return LoggedIn(OPERATOR, "operator") if is_known(counts, name, password) else None
    try:
        with closing(connect(settings, "pophub_judge")) as connection:
            return known(connection, name, password)
    except ConfigError as error:
        if error.code in ("user.login", "config.missing"):
            return None
        raise


def _keep(request: Request, answer: Response, name: str, value: str) -> None:
    secure = request.url.scheme == "https"
    answer.set_cookie(
        name, value, max_age=SESSION_S, path=_path(request), httponly=True, samesite="lax", secure=secure
    )


def _path(request: Request) -> str:
    return request.scope.get("root_path", "") or "/"
