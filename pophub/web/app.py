"""The two web applications: the pages, and the read part of the Schema Registry's API; each tells its health."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from pophub.domain.errors import PophubError
from pophub.settings import Settings
from pophub.web import pages, registry
from pophub.web.counts import Counts
from pophub.web.head import HeadAsGet
from pophub.web.hosts import DeclaredHosts, declared_hosts
from pophub.web.login import Login
from pophub.web.missing import NotThere

Next = Callable[[Request], Awaitable[Response]]


def create_pages(
    settings: Settings, *, guards: Sequence[Any] | None = None, urls: Sequence[str] = ()
) -> FastAPI:
    """Make the pages; `guards` are FastAPI dependencies that each must pass.

    Without any given they have their own login: `pophub.web.login`. `urls` are further addresses under
    which the application answers.

    No connection is opened before the first request.
    """
    app, counts = _application(settings, urls)
    login = [Depends(Login(counts).pages)] if guards is None else list(guards)
    app.include_router(pages.router(counts, settings.project), dependencies=login)
    app.add_exception_handler(NotThere, pages.missing)
    app.add_exception_handler(PophubError, _out_of_order)
    return app


def create_registry(settings: Settings, *, guards: Sequence[Any] | None = None) -> FastAPI:
    """Make the schema registry, a server of its own: subscribers come to it, and to no page.

    `guards` as for the pages. No connection is opened before the first request.
    """
    app, counts = _application(settings, ())
    login = [Depends(Login(counts).registry)] if guards is None else list(guards)
    app.include_router(registry.router(counts), dependencies=login)
    app.add_exception_handler(registry.RegistryError, registry.refusal)
    app.add_exception_handler(PophubError, registry.out_of_order)
    return app


def _application(settings: Settings, urls: Sequence[str]) -> tuple[FastAPI, Counts]:
    app = FastAPI(title="pophub", docs_url=None, redoc_url=None, openapi_url=None)
    counts = Counts(settings)

    @app.get("/health")
    def health() -> dict[str, str]:
        """Tell that the process answers, and whether PostgreSQL does."""
        return {"status": "healthy" if counts.reachable() else "no database"}

    app.middleware("http")(_secure)
    app.add_middleware(HeadAsGet)
    app.add_middleware(DeclaredHosts, hosts=declared_hosts(settings, urls))
    return app, counts


async def _secure(request: Request, call_next: Next) -> Response:
    """Set the headers that keep a page from loading, sending or being framed elsewhere."""
    response = await call_next(request)
    response.headers["Content-Security-Policy"] = pages.CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response


async def _out_of_order(_request: Request, error: Exception) -> Response:
    assert isinstance(error, PophubError)
    return PlainTextResponse(str(error), 503)
