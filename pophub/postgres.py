"""The one room of psycopg2: connections, transactions, COPY, and its errors in pophub's words."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any

import psycopg2
import psycopg2.extensions
from psycopg2 import errors as pg

from pophub import copy_binary
from pophub.domain.errors import ConfigError, PophubError, PromiseBroken, TransientError
from pophub.process.deadline import deadline
from pophub.settings import Settings

Connection = psycopg2.extensions.connection
Cursor = psycopg2.extensions.cursor
CONNECT_S = 10
COMMIT_S = 300


def connect(settings: Settings, role: str, *, database: str | None = None) -> Connection:
    """Open a connection of `role` in its own session; one a process and stage, never across a fork.

    Errors: `postgres.unreachable` (transient), `postgres.password` (config).
    """
    with translated(f"role {role}"):
        dsn: dict[str, Any] = dict(settings.dsn(role, database))
        connection: Connection = psycopg2.connect(
            **dsn,
            connect_timeout=CONNECT_S,
            keepalives_idle=10,
            options="-c statement_timeout=300000 -c idle_in_transaction_session_timeout=600000 -c timezone=UTC",
        )
    return connection


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn psycopg2's errors into pophub's, with their cause and without their texts' values."""
    try:
        yield
    except (pg.DeadlockDetected, pg.SerializationFailure) as cause:
        raise TransientError(
            "postgres.deadlock",
            "the transaction met another one",
            where=where,
            remedy="it is retried as a whole",
        ) from cause
    except pg.DiskFull as cause:
        raise TransientError(
            "postgres.disk_full",
            "PostgreSQL has no space left",
            where=where,
            remedy="free or add disk space; the batch was rolled back",
        ) from cause
    except psycopg2.OperationalError as cause:
        raise _operational(cause, where) from cause
    except psycopg2.InterfaceError as cause:
        raise TransientError(
            "postgres.connection_lost",
            "the connection to PostgreSQL is gone",
            where=where,
            remedy="see `pophub status`; the stage reads where it stands and goes on",
        ) from cause
    except psycopg2.Error as cause:  # its text may hold values of a row: only its state goes on
        raise PromiseBroken(
            "postgres.refused",
            f"PostgreSQL refused a statement with SQLSTATE {cause.pgcode}",
            where=where,
            remedy="the transaction was rolled back; see the server's log",
        ) from None


def _operational(cause: psycopg2.OperationalError, where: str) -> PophubError:
    text = str(cause)
    if "password authentication failed" in text or "no password supplied" in text:
        return ConfigError(
            "postgres.password",
            "PostgreSQL refused the password",
            where=where,
            remedy="compare the secret file of this role, or run `pophub up` to set the roles anew",
        )
    if "does not exist" in text:
        return ConfigError(
            "postgres.missing",
            "PostgreSQL lacks the database or role",
            where=where,
            remedy="run `pophub up`, which prepares the hub",
        )
    return TransientError(
        "postgres.unreachable",
        "PostgreSQL cannot be reached",
        where=where,
        remedy="start it with `pophub up`, or see `pophub status`",
    )


def only_row(cursor: Cursor) -> tuple[Any, ...]:
    """Give the one row that a statement always returns."""
    row = cursor.fetchone()
    if row is None:
        raise PromiseBroken(
            "postgres.row_missing",
            "a row that is always there is not",
            remedy="run `pophub up`, which prepares the hub",
        )
    return row


def worker_lock(cursor: Cursor, stage: str, subject: str) -> str | None:
    """Try to become the one worker of a subject until this connection ends; name who is it already.

    Shape: None when the lock is ours now.
    """
    cursor.execute("select pg_try_advisory_lock(hashtext(%s), hashtext(%s))", (stage, subject))
    if only_row(cursor)[0]:
        return None
    cursor.execute(
        "select coalesce(string_agg(a.application_name || ' pid ' || a.pid, ', '), 'a worker that just ended') "
        "from pg_locks l join pg_stat_activity a using (pid) where l.locktype = 'advisory' and l.granted "
        "and l.classid::bigint = (hashtext(%s)::bigint & 4294967295) "
        "and l.objid::bigint = (hashtext(%s)::bigint & 4294967295)",
        (stage, subject),
    )
    return str(only_row(cursor)[0])


@contextmanager
def transaction(connection: Connection, where: str) -> Iterator[Cursor]:
    """One transaction: COMMIT at the end of the block, ROLLBACK on any error.

    After a `TransientError` from here the COMMIT is indefinite: read the state before deciding.
    """
    with translated(where), connection.cursor() as cursor:
        try:
            yield cursor
        except BaseException:
            if not connection.closed:
                connection.rollback()
            raise
        with deadline(COMMIT_S, f"the commit of {where}"):
            connection.commit()


PAGE_ROWS = 5000


def execute_values(
    cursor: Cursor, sql: str, rows: Sequence[tuple[Any, ...]], *, fetch: bool = False
) -> list[tuple[Any, ...]]:
    """Run `sql` with `values %s` for all rows; give what it returns when `fetch`."""
    head, tail = (part.replace("%%", "%") for part in sql.split("%s"))
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(rows), PAGE_ROWS):
        page = zip(*rows[start : start + PAGE_ROWS], strict=True)
        columns = [_literals(cursor, column) for column in page]
        body = "),(".join(map(",".join, zip(*columns, strict=True)))
        cursor.execute(f"{head}({body}){tail}")
        if fetch:
            found += cursor.fetchall()
    return found


def _literals(cursor: Cursor, column: Sequence[Any]) -> list[str]:
    """Write a column's values as SQL literals; the driver writes what is not plain."""
    kinds = set(map(type, column)) - {type(None)}
    if kinds == {int}:
        return ["null" if value is None else str(value) for value in column]
    if kinds == {str} and not _NEEDS_QUOTING.search("".join(filter(None, column))):
        return ["null" if value is None else f"'{value}'" for value in column]
    if len(kinds) <= 1 and kinds <= _REPEATED:
        made = {value: _literal(cursor, value) for value in set(column)}
        return [made[value] for value in column]
    return [_literal(cursor, value) for value in column]


_NEEDS_QUOTING = re.compile(r"['\\\0]")
_REPEATED = {bool, date, datetime}


def _literal(cursor: Cursor, value: Any) -> str:
    literal: bytes = cursor.mogrify("%s", (value,))
    return literal.decode()


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NEEDS_ESCAPE = re.compile(r"[\\\t\n\r]")


def _cells(column: Sequence[Any]) -> list[str]:
    """Write a column's values as COPY's text format has them."""
    if column and column.count(column[0]) == len(column):
        return [_cell(column[0])] * len(column)
    kinds = set(map(type, column)) - {type(None)}
    if kinds == {int}:
        return ["\\N" if value is None else str(value) for value in column]
    if kinds == {bytes}:
        return ["\\N" if value is None else "\\\\x" + value.hex() for value in column]
    if kinds == {str} and not _NEEDS_ESCAPE.search("".join(filter(None, column))):
        return ["\\N" if value is None else value for value in column]
    if len(kinds) <= 1 and kinds <= _REPEATED:
        made = {value: _cell(value) for value in set(column)}
        return [made[value] for value in column]
    return [_cell(value) for value in column]


def _cell(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if value is True:
        return "t"
    if value is False:
        return "f"
    return str(value)


BINARY_ROWS = 100  # from here on the binary format is worth its preparation


def copy_rows(cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """COPY rows into `table` (both names from code, never from data)."""
    if found := list(zip(*rows, strict=True)):
        copy_columns(cursor, table, dict(zip(columns, found, strict=True)))


def copy_columns(cursor: Cursor, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
    """COPY columns of one length into `table` (all names from code, never from data)."""
    count = len(next(iter(columns.values()), ()))
    encoded = copy_binary.encode(columns, _types(cursor, table)) if count >= BINARY_ROWS else None
    if encoded is not None:
        names, data = encoded
        statement = f"copy {table} ({', '.join(names)}) from stdin (format binary)"
        cursor.copy_expert(statement, io.BytesIO(data), 1 << 18)
        return
    text = "\n".join(map("\t".join, zip(*map(_cells, columns.values()), strict=True)))
    if text:
        body = io.BytesIO(f"{text}\n".encode())
        cursor.copy_expert(f"copy {table} ({', '.join(columns)}) from stdin", body, 1 << 18)


_known_types: dict[tuple[str, str], dict[str, str]] = {}


def _types(cursor: Cursor, table: str) -> dict[str, str]:
    """Give the name of each column's type, asked once a process, database and table."""
    place = (cursor.connection.dsn, table)
    if place not in _known_types:
        cursor.execute(
            "select attname, format_type(atttypid, null) from pg_attribute "
            "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped",
            (table,),
        )
        _known_types[place] = dict(cursor.fetchall())
    return _known_types[place]


def or_nothing(cursor: Cursor, work: Callable[[], None]) -> bool:
    """Do a part of a transaction whole; False, with nothing of it done, where a key is there already.

    Who inserts the same key at once is waited for.
    """
    cursor.execute("savepoint part")
    try:
        work()
    except pg.UniqueViolation:
        cursor.execute("rollback to savepoint part")
        return False
    cursor.execute("release savepoint part")
    return True


def text_array(values: Sequence[str]) -> str:
    """Write texts as one array literal: PostgreSQL parses it many times faster than `array['a', ...]`."""
    if not values:
        return "{}"
    joined = '","'.join(values)
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        joined = '","'.join(v.replace("\\", "\\\\").replace('"', '\\"') for v in values)
    return f'{{"{joined}"}}'


@cache
def statements(file: str) -> dict[str, str]:
    """Read the named statements of `pophub/sql/<file>.sql`: each starts with `-- name: <name>`."""
    text = resources.files("pophub").joinpath("sql", f"{file}.sql").read_text()
    found: dict[str, str] = {}
    for part in text.split("-- name: ")[1:]:
        name, _, body = part.partition("\n")
        found[name.strip()] = body.strip().rstrip(";")
    return found
