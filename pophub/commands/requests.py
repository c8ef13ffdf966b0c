"""What people ask for on a page that takes secrets which the pages do not have: a row, taken up by the attendant."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Literal, NamedTuple

from pophub.postgres import Connection, only_row, statements, transaction
from pophub.process.failpoints import reach

SQL = statements("request")
RequestKind = Literal["verify", "run"]
LOOK_AGAIN_S = 0.1


class RequestSeen(NamedTuple):
    """A request and its answer. Shape: `code` None while it is open, empty once it was done; `told` as its kind says."""

    request: int
    asked_by: str
    asked_at: datetime
    code: str | None
    told: dict[str, Any] | None
    answered_at: datetime | None


def ask(connection: Connection, kind: RequestKind, stem: str, by: str) -> int:
    """Put a request on record and give its number; of what is open that of the one who asked first."""
    values = {"kind": kind, "stem": stem, "by": by}
    with transaction(connection, "asking") as cursor:
        cursor.execute(SQL["lock_asking"], values)
        cursor.execute(SQL["open_request"], values)
        row = cursor.fetchone()
        if row is None:
            cursor.execute(SQL["ask"], values)
            row = only_row(cursor)
            reach("request.asking")
    return int(row[0])


def newest(kind: RequestKind, stem: str, connection: Connection) -> RequestSeen | None:
    """Give the newest request of a kind, None where nobody asked."""
    with transaction(connection, "requests") as cursor:
        cursor.execute(SQL["newest_request"], {"kind": kind, "stem": stem})
        row = cursor.fetchone()
    return None if row is None else RequestSeen(*row)


def wait_briefly(connection: Connection, kind: RequestKind, stem: str, seconds: float) -> None:
    """Wait for the answer to the newest request of a kind, as long as a page may."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = newest(kind, stem, connection)
        if found is None or found.code is not None:
            return
        time.sleep(LOOK_AGAIN_S)
