"""Who asks the registry: HTTP Basic with logins that the hub has handed out.

The operator is Airflow's administrator (`admin`, the secret `airflow.admin`) and sees everything. A subscriber
logs in as to the broker, and sees the subjects of the rights that are in force. The server holds no secret of
theirs: what was given is compared with a fingerprint in `hub.login`. The pages have sessions: `pophub/web/visitors.py`.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode
from contextvars import ContextVar

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from pophub.sharing.logins import OPERATOR
from pophub.sharing.secret_in_use import fingerprint
from pophub.web.counts import Counts

SUBSCRIBER = re.compile(r"subscriber-([a-z][a-z0-9_]{0,62})")
KNOWN = "select fingerprint from hub.login where name = %(name)s"
RIGHTS = "select stem from hub.access where recipient = %(recipient)s and ended_at is null"
SEEN: ContextVar[frozenset[str] | None] = ContextVar("SEEN", default=None)
"""The subjects that who asks may see; None: all."""


class Login:
    """The guard of the registry."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    async def registry(self, request: Request) -> None:
        """Let the operator pass, and a subscriber to the subjects of its rights."""
        user, password = _given(request)
        named = SUBSCRIBER.fullmatch(user)
        if not (user == OPERATOR or named) or not await run_in_threadpool(
            is_known, self._counts, user, password
        ):
            raise _who_asks()
        if named is None:
            SEEN.set(None)
            return
        rights = await run_in_threadpool(self._counts.rows, RIGHTS, recipient=named[1])
        if not rights:
            raise _who_asks()
        SEEN.set(frozenset(f"sub.{named[1]}.{row['stem']}-value" for row in rights))


def is_known(counts: Counts, name: str, password: str) -> bool:
    """Tell whether this is the secret of a login that the hub handed out."""
    found = counts.rows(KNOWN, name=name)
    return bool(found) and hmac.compare_digest(bytes(found[0]["fingerprint"]), fingerprint(name, password))


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
