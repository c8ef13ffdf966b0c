"""The two web applications: the pages, and the read part of the Schema Registry's API; each tells its health."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from pophub.domain.errors import ConfigError, PophubError, PromiseBroken
from pophub.settings import Settings
from pophub.web import (
    catalogue_pages,
    datasets,
    figures_pages,
    ledger_pages,
    now,
    quarantine_pages,
    record_lists,
    record_pages,
    registry,
    run_pages,
    sign_in,
    steps_pages,
    subscription_pages,
    workbench_pages,
)
from pophub.web.counts import Counts
from pophub.web.head import HeadAsGet
from pophub.web.hosts import DeclaredHosts, declared_hosts
from pophub.web.layout import CONTENT_SECURITY_POLICY, PageMaker, came_back, files, server_of
from pophub.web.login import Login
from pophub.web.metrics import add_metrics
from pophub.web.missing import NotThere
from pophub.web.oidc import provider_named
from pophub.web.visitors import NotAllowed, Sessions, SignedOut, guard
from pophub.web.words import language

Next = Callable[[Request], Awaitable[Response]]


def create_pages(
    settings: Settings, *, visitor: Callable[..., Any] | None = None, urls: Sequence[str] = ()
) -> FastAPI:
    """Make the pages; `visitor` is a FastAPI dependency that gives who asks (`pophub.web.visitors`).

    Without one they have their own sign-in. `urls` are further addresses under which the application answers.

    No connection is opened before the first request.
    """
    app, counts = _application(settings, urls)
    pages = PageMaker(visitor is None, settings.project, provider="" if visitor else provider_named())
    if visitor is None:
        sessions = Sessions(counts)
        visitor = sessions.visitor
        _tell_health(app, counts)
        add_metrics(app, settings)
        app.include_router(sign_in.router(settings, counts, sessions, pages))
    app.include_router(files())
    rooms = (
        now.router(settings, counts, pages),
        quarantine_pages.router(settings, counts, pages),
        record_pages.router(settings, counts, pages),
        ledger_pages.router(settings, counts, pages),
        datasets.router(settings, counts, pages),
        record_lists.router(settings, counts, pages),
        run_pages.router(settings, counts, pages),
        subscription_pages.router(settings, counts, pages),
        catalogue_pages.router(settings, counts, pages),
        figures_pages.router(settings, counts, pages),
        workbench_pages.router(settings, pages),
        steps_pages.router(settings),
    )
    for room in rooms:
        app.include_router(room, dependencies=[Depends(guard(visitor))])
    _answer_errors(app, pages)
    return app


def create_registry(settings: Settings, *, guards: Sequence[Any] | None = None) -> FastAPI:
    """Make the schema registry, a server of its own: subscribers come to it, and to no page.

    `guards` are FastAPI dependencies that each must pass; without any given it has its own login. No connection
    is opened before the first request.
    """
    app, counts = _application(settings, ())
    _tell_health(app, counts)
    login = [Depends(Login(counts).registry)] if guards is None else list(guards)
    app.include_router(registry.router(counts), dependencies=login)
    app.add_exception_handler(registry.RegistryError, registry.refusal)
    app.add_exception_handler(PophubError, registry.out_of_order)
    return app


def _application(settings: Settings, urls: Sequence[str]) -> tuple[FastAPI, Counts]:
    app = FastAPI(title="pophub", docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(_secure)
    app.add_middleware(HeadAsGet)
    app.add_middleware(DeclaredHosts, hosts=declared_hosts(settings, urls))
    return app, Counts(settings)


def _tell_health(app: FastAPI, counts: Counts) -> None:
    """Let a monitor ask without a login, where the application has a port of its own."""

    @app.get("/health")
    def health() -> dict[str, str]:
        """Tell that the process answers, and whether PostgreSQL does."""
        return {"status": "healthy" if counts.reachable() else "no database"}


def _answer_errors(app: FastAPI, pages: PageMaker) -> None:
    """Say in the reader's language what is not there, not allowed, not done or out of order."""

    async def signed_out(request: Request, _error: Exception) -> Response:
        return sign_in.ask(pages, request)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, NotAllowed)
        return pages.render(request, "refused.html", 403, why=error.why)

    async def missing(request: Request, error: Exception) -> Response:
        assert isinstance(error, NotThere)
        return pages.render(request, "missing.html", 404, kind=error.kind, name=error.name, there=error.there)

    async def no_page(request: Request, _error: Exception) -> Response:
        return pages.render(request, "missing.html", 404, kind="no_page", name=request.url.path, there=[()])

    async def out_of_order(request: Request, error: Exception) -> Response:
        assert isinstance(error, PophubError)
        wrong = request.method == "POST" and isinstance(error, ConfigError | PromiseBroken)
        came_from = (
            form.get("back", "/") if (form := getattr(request.state, "form", {})) else came_back(request)
        )
        return pages.render(
            request, "broken.html", 422 if wrong else 503, error=error, meaning=pages.means(error.code, language(request)),
            server=server_of(error), wrong=wrong, came_from=came_from,
        )  # fmt: skip

    app.add_exception_handler(SignedOut, signed_out)
    app.add_exception_handler(NotAllowed, refused)
    app.add_exception_handler(NotThere, missing)
    app.add_exception_handler(RequestValidationError, no_page)
    app.add_exception_handler(404, no_page)
    app.add_exception_handler(405, no_page)
    app.add_exception_handler(PophubError, out_of_order)


async def _secure(request: Request, call_next: Next) -> Response:
    """Set the headers that keep a page from loading, sending or being framed elsewhere."""
    response = await call_next(request)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response
