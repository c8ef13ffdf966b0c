"""Airflow plug-in: pophub's pages in the navigation, on each DAG and on each DAG run.

The pages are mounted in Airflow's own server and ask for its login; security headers are set on
all that the server answers, since Airflow sets none.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'self'; object-src 'none'; base-uri 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
MOUNT = "/pophub"
_BASE = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + MOUNT


class SecurityHeaders:
    """Sets headers that a page has not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class Pages:
    """The pages as an application that is made at the first request, in the API server only."""

    def __init__(self) -> None:
        self._app: Callable[[Scope, Receive, Send], Awaitable[None]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            self._app = _pages()
        await self._app(scope, receive, send)


def _pages() -> Any:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends

    from pophub.settings import Settings
    from pophub.web.app import create_pages
    from pophub.web.visitors import Visitor

    key = conf.get("api", "secret_key").encode()

    def visitor(user: Any = Depends(get_user)) -> Visitor:  # noqa: B008
        """Give who is signed in to Airflow; who may start runs is an operator here, others look."""
        name = user.get_name()
        starts = get_auth_manager().is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, user=user
        )
        token = hmac.new(key, f"pophub pages\0{user.get_id()}".encode(), "sha256").hexdigest()
        return Visitor(f"airflow user {name}", "operator" if starts else "viewer", token)

    urls = [conf.get("api", "base_url", fallback="")]
    return create_pages(Settings.load(), visitor=visitor, urls=urls)


class PophubPlugin(AirflowPlugin):  # type: ignore[misc]  # Airflow is skipped by mypy
    """What Airflow reads at its start."""

    name = "pophub"
    fastapi_apps = [{"name": "pophub pages", "app": Pages(), "url_prefix": MOUNT}]  # noqa: RUF012
    fastapi_root_middlewares = [  # noqa: RUF012
        {"name": "security headers", "middleware": SecurityHeaders, "args": [], "kwargs": {}}
    ]
    external_views = [  # noqa: RUF012
        {
            "name": "pophub",
            "href": f"{_BASE}/",
            "destination": "nav",
            "url_route": "pophub",
            "nav_top_level": True,
        },
        {
            "name": "Sharing",
            "href": f"{_BASE}/datasets/{{DAG_ID}}",
            "destination": "dag",
            "url_route": "pophub-sharing",
        },
        {
            "name": "Counts",
            "href": f"{_BASE}/runs/{{DAG_ID}}/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "pophub-counts",
        },
    ]
