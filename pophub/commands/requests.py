"""What people ask for on a page that takes secrets of the hub's own, or longer than a page may: a row for the attendant."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from pophub.postgres import Connection, Cursor, only_row, statements, transaction
from pophub.process.failpoints import reach

SQL = statements("request")
RequestKind = Literal["verify", "run", "preview", "replay"]
LOOK_AGAIN_S = 0.1


class RequestSeen(NamedTuple):
    """A request, how far it is, and its answer.

    Shape: `chosen` which versions a preview or a replay is of, by the names of a `Selection`; `judged` and `total` None
    before it moved; `code` None while it is open, empty once it was done; `told` as its kind says.
    """

    request: int
    kind: RequestKind
    stem: str
    chosen: dict[str, Any]
    asked_by: str
    asked_at: datetime
    judged: int | None = None
    total: int | None = None
    code: str | None = None
    told: dict[str, Any] | None = None
    answered_at: datetime | None = None


class Done(NamedTuple):
    """What came of a request: `code` is empty where it was done."""

    code: str
    told: dict[str, Any] | None = None


def ask(
    connection: Connection, kind: RequestKind, stem: str, by: str, chosen: Mapping[str, Any] | None = None
) -> int:
    """Put a request on record and give its number; of what is open that of the one who asked first."""
    values = {"kind": kind, "stem": stem, "by": by, "chosen": json.dumps(chosen or {})}
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
        return _seen(cursor, "newest_of", kind=kind, stem=stem)


def of_number(request: int, connection: Connection) -> RequestSeen | None:
    """Give a request by its number."""
    with transaction(connection, "requests") as cursor:
        return _seen(cursor, "of_number", request=request)


def oldest_open(kind: RequestKind, connection: Connection) -> RequestSeen | None:
    """Give what is to be taken up next of a kind."""
    with transaction(connection, "requests") as cursor:
        return _seen(cursor, "oldest_open", kind=kind)


def wait_briefly(connection: Connection, request: int, seconds: float) -> None:
    """Wait for the answer to a request, as long as a page may."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = of_number(request, connection)
        if found is None or found.code is not None:
            return
        time.sleep(LOOK_AGAIN_S)


def _seen(cursor: Cursor, which: str, **values: Any) -> RequestSeen | None:
    cursor.execute(SQL["seen"].replace(":which", SQL[which]), values)
    row = cursor.fetchone()
    return None if row is None else RequestSeen(*row)
