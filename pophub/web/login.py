"""Who asks, where pages and registry are served alone: HTTP Basic with logins that the hub has handed out.

The operator is Airflow's administrator (`admin`, the secret `airflow.admin`) and sees everything. A subscriber
logs in to the registry as to the broker, and sees the subjects of the rights that are in force; pages are not
for it. Inside Airflow its own login stands before both.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode
from contextvars import ContextVar

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from pophub.settings import Settings
from pophub.web.counts import Counts

OPERATOR = "admin"
SUBSCRIBER = re.compile(r"subscriber-([a-z][a-z0-9_]{0,62})")
RIGHTS = "select stem from hub.access where recipient = %(recipient)s and ended_at is null"
SEEN: ContextVar[frozenset[str] | None] = ContextVar("SEEN", default=None)
"""The subjects that who asks may see; None: all."""


class Login:
    """The guards of a server of its own."""

    def __init__(self, settings: Settings, counts: Counts) -> None:
        self._settings = settings
        self._counts = counts

    async def pages(self, request: Request) -> None:
        """Let the operator pass."""
        if not self._is_operator(*_given(request)):
            raise _who_asks()

    async def registry(self, request: Request) -> None:
        """Let the operator pass, and a subscriber to the subjects of its rights."""
        user, password = _given(request)
        if self._is_operator(user, password):
            SEEN.set(None)
            return
        named = SUBSCRIBER.fullmatch(user)
        if named is None or not self._has(f"kafka.{user}", password):
            raise _who_asks()
        rights = await run_in_threadpool(self._counts.rows, RIGHTS, recipient=named[1])
        if not rights:
            raise _who_asks()
        SEEN.set(frozenset(f"sub.{named[1]}.{row['stem']}-value" for row in rights))

    def _is_operator(self, user: str, password: str) -> bool:
        return user == OPERATOR and self._has("airflow.admin", password)

    def _has(self, secret: str, password: str) -> bool:
        if not self._settings.has_secret(secret):
            return False
        return hmac.compare_digest(self._settings.secret(secret).encode(), password.encode())


def _given(request: Request) -> tuple[str, str]:
    kind, _, told = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        user, _, password = b64decode(told, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password


def _who_asks() -> HTTPException:
    return HTTPException(401, headers={"WWW-Authenticate": 'Basic realm="pophub", charset="UTF-8"'})
