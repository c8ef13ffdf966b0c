"""MariaDB's and MySQL's session and values through PyMySQL: a TIMESTAMP is a moment, and comes as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.types import TIMESTAMP, TypeEngine

DIALECTS = ("mysql", "mariadb")
# UTC, so that a moment that a change of clocks doubles is still one; MariaDB reads the first comment, MySQL the second
_SESSION = (
    "SET SESSION TRANSACTION READ ONLY",
    "SET SESSION time_zone = '+00:00'"
    " /*M! , SESSION max_statement_time = {s} */ /*!50700 , SESSION max_execution_time = {ms} */",
)


def session(statement_s: int) -> Callable[[Any, object], None]:
    """Give how a new session begins: read only, in UTC, with so many seconds for a statement."""

    def begin(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            for statement in _SESSION:
                cursor.execute(statement.format(s=statement_s, ms=statement_s * 1000))

    return begin


def leave_unread(connection: Any, _record: object, _error: object) -> None:
    """Let the driver not wait for the rest of a result whose connection is gone: it would fail while closing."""
    if (result := connection._result) is not None:
        result.unbuffered_active = False


def is_moment(kind: TypeEngine[Any], dialect: str) -> bool:
    """Tell whether a column holds moments without saying so: a TIMESTAMP is shown in the session's zone."""
    return dialect in DIALECTS and isinstance(kind, TIMESTAMP)


def moments(values: Sequence[Any]) -> list[Any]:
    """Give a TIMESTAMP's values as the moments in UTC that they are; '0000-00-00' stays a text."""
    return [value.replace(tzinfo=UTC) if type(value) is datetime else value for value in values]
