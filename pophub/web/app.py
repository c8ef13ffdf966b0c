"""The web application: pages, the read part of the Schema Registry's API, health."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from pophub.domain.errors import PophubError
from pophub.settings import Settings
from pophub.web import pages, registry
from pophub.web.counts import Counts
from pophub.web.head import HeadAsGet
from pophub.web.hosts import DeclaredHosts, declared_hosts
from pophub.web.login import Login
from pophub.web.missing import NotThere

Next = Callable[[Request], Awaitable[Response]]


def create_app(
    settings: Settings, *, guards: Sequence[Any] | None = None, urls: Sequence[str] = ()
) -> FastAPI:
    """Make the application; `guards` are FastAPI dependencies that pages and registry must pass.

    Without any given, each has its own login: `pophub.web.login`. `urls` are further addresses under
    which the application answers.

    No connection is opened before the first request.
    """
    app = FastAPI(title="pophub", docs_url=None, redoc_url=None, openapi_url=None)
    counts = Counts(settings)

    @app.get("/health")
    def health() -> dict[str, str]:
        """Tell that the process answers, and whether PostgreSQL does."""
        return {"status": "healthy" if counts.reachable() else "no database"}

    login = Login(settings, counts)
    of_registry = [Depends(login.registry)] if guards is None else list(guards)
    of_pages = [Depends(login.pages)] if guards is None else list(guards)
    app.include_router(registry.router(counts), prefix="/registry", dependencies=of_registry)
    app.include_router(pages.router(counts, settings.project), dependencies=of_pages)
    app.add_exception_handler(registry.RegistryError, registry.refusal)
    app.add_exception_handler(NotThere, pages.missing)
    app.add_exception_handler(PophubError, _out_of_order)
    app.middleware("http")(_secure)
    app.add_middleware(HeadAsGet)
    app.add_middleware(DeclaredHosts, hosts=declared_hosts(settings, urls))
    return app


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


async def _out_of_order(request: Request, error: Exception) -> Response:
    assert isinstance(error, PophubError)
    if "/registry" in request.url.path:
        body = {
            "error_code": 50001,
            "message": f"the hub's database does not answer ({error.code})",
        }
        return JSONResponse(body, 500, media_type=registry.MEDIA_TYPE)
    return PlainTextResponse(str(error), 503)
