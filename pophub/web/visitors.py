"""Who looks at the pages, and what the role lets them do: no page is seen by somebody unknown.

Served alone, a person signs in with a login of the hub (`pophub user add`), as Airflow's administrator, or by an OpenID
provider where one is declared (`pophub/web/oidc.py`); the session lives in this process, under the digest of the token in a cookie of the same site. Inside Airflow its own
session stands before the pages, and the plug-in says who it is. A route that names no right is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlsplit

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.formparsers import MultiPartException, MultiPartParser

from pophub.sharing.logins import OPERATOR
from pophub.web.counts import Counts

RIGHTS = {
    "viewer": frozenset({"see"}),
    "operator": frozenset({"see", "find", "act"}),
    "auditor": frozenset({"see", "find", "audit"}),
}
COOKIE = "pophub_session"
SESSION_S = 8 * 3_600
MOST_SESSIONS = 1_000
MOST_FORM_BYTES, MOST_UPLOAD_BYTES = 65_536, 524_288
"""Of a form; of one with files, which a route has to ask for by `takes_files`."""
MOST_FIELDS = 200
ROLE_OF = "select role from hub.person where name = %(name)s and removed_at is null"
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class Visitor(NamedTuple):
    """Somebody known. Shape: `token` is what each form of theirs has to bring; `local` where they signed in here."""

    name: str
    role: str
    token: str
    local: bool = False

    def may(self, right: str) -> bool:
        """Tell whether the role has a right: `see`, `find` a record by what names it, `act`, `audit`."""
        return right in RIGHTS[self.role]


class SignedOut(Exception):
    """Nobody known asks: 401, and the form to sign in."""


class NotAllowed(Exception):
    """Somebody known asks for what the role does not allow, or by a form that is not ours: 403."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _Session(NamedTuple):
    name: str
    role: str
    token: str
    until: float
    outside: bool


class Sessions:
    """Who is signed in, by the digest of their cookie: a copy of this memory opens no session."""

    def __init__(self, counts: Counts) -> None:
        self._counts, self._lock = counts, threading.Lock()
        self._known: dict[bytes, _Session] = {}

    def begin(self, name: str, role: str, *, outside: bool = False) -> str:
        """Begin a session and give the value of its cookie; `outside`: who it is was said by an OpenID provider."""
        cookie, now = secrets.token_urlsafe(32), time.monotonic()
        with self._lock:
            self._known = {key: kept for key, kept in self._known.items() if kept.until > now}
            while len(self._known) >= MOST_SESSIONS:
                del self._known[next(iter(self._known))]
            self._known[_digest(cookie)] = _Session(
                name, role, secrets.token_urlsafe(32), now + SESSION_S, outside
            )
        return cookie

    def end(self, cookie: str) -> None:
        """End a session."""
        with self._lock:
            self._known.pop(_digest(cookie), None)

    async def visitor(self, request: Request) -> Visitor:
        """Give who asks.

        Errors: `SignedOut`, also for one whose user was removed or has another role since.
        """
        cookie = request.cookies.get(COOKIE, "")
        with self._lock:
            found = self._known.get(_digest(cookie))
        if found is None or found.until < time.monotonic():
            raise SignedOut
        if not await run_in_threadpool(self._still, found):
            self.end(cookie)
            raise SignedOut
        return Visitor(found.name, found.role, found.token, local=True)

    def _still(self, session: _Session) -> bool:
        """Tell whether the user is as at sign-in, or was when PostgreSQL last answered."""
        if session.outside or session.name == OPERATOR:
            return True
        told = self._counts.figures((ROLE_OF,), name=session.name)
        return [row["role"] for row in told.rows[0]] == [session.role]


def needs(right: str) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint with the right that it takes; one without a mark is refused to everybody."""

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.right = right  # type: ignore[attr-defined]
        return endpoint

    return mark


def takes_files(endpoint: Endpoint) -> Endpoint:
    """Mark an endpoint whose form may bring files: each is the field of its name, as text."""
    endpoint.takes_files = True  # type: ignore[attr-defined]
    return endpoint


def guard(visitor: Callable[..., Any]) -> Callable[..., Awaitable[None]]:
    """Make the dependency that each route goes through, over the one that says who asks."""

    async def guarded(request: Request, who: Visitor = Depends(visitor)) -> None:  # noqa: B008
        endpoint = request.scope["route"].endpoint
        right = getattr(endpoint, "right", None)
        if right is None or not who.may(right):
            raise NotAllowed("role")
        request.state.visitor = who
        if request.method not in ("GET", "HEAD"):
            request.state.form = await form_of(request, files=hasattr(endpoint, "takes_files"))
            demand_own(request, who.token)

    return guarded


async def form_of(request: Request, *, files: bool = False) -> dict[str, str]:
    """Give the fields of a form that was sent, each once, without surrounding space; files as text, where they may come.

    Errors: `NotAllowed` for one that is too large, no form, or has a file that is no text.
    """
    parts = files and request.headers.get("content-type", "").startswith("multipart/form-data")
    most, body = MOST_UPLOAD_BYTES if parts else MOST_FORM_BYTES, b""
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise NotAllowed("form")
    try:
        pairs = await _parts(request, body) if parts else _pairs(body)
    except (ValueError, MultiPartException):
        raise NotAllowed("form") from None
    if any("\0" in value for _, value in pairs):
        raise NotAllowed("form")
    return {name: value.strip() for name, value in pairs}


def _pairs(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")


async def _parts(request: Request, body: bytes) -> list[tuple[str, str]]:
    """Read a form with files, which is in memory as a whole; a field for which no file was chosen is left out."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        request.headers,
        stream(),
        max_files=MOST_FIELDS,
        max_fields=MOST_FIELDS,
        max_part_size=MOST_UPLOAD_BYTES,
    )
    pairs = []
    form = await parser.parse()
    try:
        for name, value in form.multi_items():
            if isinstance(value, str):
                pairs.append((name, value))
            elif value.filename:
                pairs.append((name, (await value.read()).decode("utf-8-sig")))
    finally:
        await form.close()
    return pairs


def demand_own(request: Request, token: str) -> None:
    """Refuse a form that a page of somebody else sent, or one of an earlier session."""
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
    if foreign or not hmac.compare_digest(request.state.form.get("token", "").encode(), token.encode()):
        raise NotAllowed("form")


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode(errors="surrogateescape")).digest()
