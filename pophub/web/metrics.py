"""What Prometheus asks for, under a token of its own: a scrape is no session, and must tell when PostgreSQL is away."""

from __future__ import annotations

import hmac
import threading
from collections import Counter
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response

from pophub.metrics.exposition import CONTENT_TYPE, exposition
from pophub.metrics.families import Sample
from pophub.metrics.gather import Gatherer
from pophub.settings import Settings
from pophub.sharing.logins import SCRAPER

REFUSED = (401, 403, 421)
Next = Callable[[Request], Awaitable[Response]]


def add_metrics(app: FastAPI, settings: Settings) -> None:
    """Let Prometheus scrape the pages' own server."""
    refused: Counter[int] = Counter()
    gatherer, one_at_a_time = Gatherer(settings), threading.Lock()
    routes = APIRouter()

    @app.middleware("http")
    async def count(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        if response.status_code in REFUSED:
            refused[response.status_code] += 1
        return response

    @routes.get("/metrics")
    def metrics(request: Request) -> Response:
        """Give the figures of now, to who brings the token."""
        if not is_scraper(settings, request.headers.get("authorization", "")):
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        with one_at_a_time:
            samples = gatherer.samples()
        samples += [Sample("pophub_refused_requests", (str(code),), refused[code]) for code in REFUSED]
        return Response(exposition(samples), media_type=CONTENT_TYPE)

    app.include_router(routes)


def is_scraper(settings: Settings, told: str) -> bool:
    """Tell whether a request brings the token, which `pophub up` makes; where it is not here, none does."""
    kind, _, token = told.partition(" ")
    if kind.lower() != "bearer" or not settings.has_secret(SCRAPER):
        return False
    return hmac.compare_digest(
        token.strip().encode(errors="surrogateescape"), settings.secret(SCRAPER).encode()
    )
