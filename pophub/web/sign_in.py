"""Sign in and out, where the pages are served alone; these routes alone are open to somebody unknown."""

from __future__ import annotations

import secrets
from contextlib import closing
from functools import cache

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse

from pophub.domain.errors import ConfigError, PophubError, TransientError
from pophub.postgres import connect
from pophub.quarantine.persons import LoggedIn, known
from pophub.settings import Settings
from pophub.sharing.logins import OPERATOR
from pophub.web.counts import Counts
from pophub.web.layout import PageMaker, here
from pophub.web.login import is_known
from pophub.web.oidc import BACK, BEGIN, SEALED_S, Provider, declared
from pophub.web.visitors import COOKIE, SESSION_S, Sessions, demand_own, form_of
from pophub.web.words import language

FORM_COOKIE, OIDC_COOKIE = "pophub_form", "pophub_oidc"


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

    if pages.provider:
        _by_provider(routes, settings, sessions, pages)
    return routes


def _by_provider(routes: APIRouter, settings: Settings, sessions: Sessions, pages: PageMaker) -> None:
    """Make the routes to the OpenID provider and back; a login of the hub still signs in beside it."""

    @cache
    def provider() -> Provider:
        return Provider(declared(settings))

    def refused(request: Request, error: PophubError) -> Response:
        return ask(pages, request, 503 if isinstance(error, TransientError) else 403, problem=error)

    @routes.get(BEGIN)
    async def begin(request: Request, back: str = "/") -> Response:
        try:
            answer, sealed = await provider().begin(request, back, language(request))
        except PophubError as error:
            return refused(request, error)
        _keep(request, answer, OIDC_COOKIE, sealed, SEALED_S)
        return answer

    @routes.get(BACK)
    async def back(request: Request) -> Response:
        try:
            person, to, lang = await provider().end(request, request.cookies.get(OIDC_COOKIE, ""))
        except PophubError as error:
            answer = refused(request, error)
        else:
            answer = RedirectResponse(here(request, to, lang=lang), 303)
            _keep(request, answer, COOKIE, sessions.begin(person.name, person.role, outside=True))
        answer.delete_cookie(OIDC_COOKIE, path=_path(request))
        return answer


def ask(
    pages: PageMaker,
    request: Request,
    status: int = 401,
    wrong: bool = False,
    problem: PophubError | None = None,
) -> Response:
    """Give the form to sign in, which brings back to where somebody wanted to be."""
    token = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(32)
    sent = getattr(request.state, "form", {})
    back = sent.get("back") or (_inner(request) if status == 401 and request.method == "GET" else "/")
    answer = pages.render(
        request,
        "sign_in.html",
        status,
        wrong=wrong,
        problem=problem,
        back=back,
        token=token,
        provider=pages.provider,
    )
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


def _keep(request: Request, answer: Response, name: str, value: str, most_s: int = SESSION_S) -> None:
    secure = request.url.scheme == "https"
    answer.set_cookie(
        name, value, max_age=most_s, path=_path(request), httponly=True, samesite="lax", secure=secure
    )


def _path(request: Request) -> str:
    return request.scope.get("root_path", "") or "/"
