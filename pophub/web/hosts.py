"""Answers only under the names that the hub declares.

A page of a stranger, open in a browser of this machine, can let its own name point to the loopback
address: the browser then lets it read what answers there. The name in its Host header gives it away.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pophub.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
VARIABLE = "POPHUB_WEB_HOSTS"
REFUSAL = f"This hub does not answer under that name: declare it in {VARIABLE} (comma separated).\n"


def declared_hosts(settings: Settings, more: Iterable[str] = ()) -> frozenset[str]:
    """Give the names: loopback, those of the addresses of pages, registry and Airflow, and of POPHUB_WEB_HOSTS."""
    known = settings.endpoints
    urls = (known.web_url, known.pages_url, known.registry_url, known.airflow_url, *more)
    named = os.environ.get(VARIABLE, "").split(",")
    found = {*LOOPBACK, *(urlsplit(url).hostname or "" for url in urls), *(n.strip().lower() for n in named)}
    return frozenset(found - {""})


def host_of(header: str) -> str:
    """Give the name in a Host header, without its port; nothing where there is none.

    >>> host_of("LocalHost.:8081"), host_of("[::1]:8081"), host_of("a@127.0.0.1"), host_of("[x"), host_of("")
    ('localhost', '::1', '', '', '')
    """
    if "@" in header or "/" in header:
        return ""
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


class DeclaredHosts:
    """Refuses requests under a name that is not declared, before anything is looked up."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421, or pass the request on."""
        if scope["type"] == "http" and host_of(Headers(scope=scope).get("host", "")) not in self._hosts:
            await PlainTextResponse(REFUSAL, 421)(scope, receive, send)
            return
        await self._app(scope, receive, send)
