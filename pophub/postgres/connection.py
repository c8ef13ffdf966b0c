"""Connections, transactions, and psycopg2's errors in pophub's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import psycopg2.extensions
from psycopg2 import errors as pg

from pophub.domain.errors import ConfigError, PophubError, PromiseBroken, TransientError
from pophub.postgres.layout import refuse_other_layout
from pophub.process.deadline import deadline
from pophub.settings import Settings

Connection = psycopg2.extensions.connection
Cursor = psycopg2.extensions.cursor
CONNECT_S = 10
COMMIT_S = 300


def connect(settings: Settings, role: str, *, database: str | None = None) -> Connection:
    """Open a connection of `role` in its own session; one a process and stage, never across a fork.

    Another `database` than the hub's is one of the simulated agencies'.
    Errors: `postgres.unreachable` (transient), `postgres.password`, `postgres.missing`, `hub.layout` (config).
    """
    try:
        return _connected(settings, role, database)
    except ConfigError as error:
        if error.code == "postgres.password" and _never_made(settings, role):
            raise _missing(f"role {role}") from error
        raise


def _never_made(settings: Settings, role: str) -> bool:
    """Tell whether a role whose login was refused is not there at all: PostgreSQL says the same of both."""
    superuser = settings.endpoints.postgres_superuser
    if role == superuser or not settings.has_secret(f"postgres.{superuser}"):
        return False
    try:
        with closing(_connected(settings, superuser, None)) as connection, connection.cursor() as cursor:
            cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
            return cursor.fetchone() is None
    except PophubError as error:
        return error.code == "postgres.missing"  # not even the database is there


def _connected(settings: Settings, role: str, database: str | None) -> Connection:
    with translated(f"role {role}"):
        dsn: dict[str, Any] = dict(settings.dsn(role, database))
        connection: Connection = psycopg2.connect(
            **dsn,
            connect_timeout=CONNECT_S,
            keepalives_idle=10,
            options="-c statement_timeout=300000 -c idle_in_transaction_session_timeout=600000 -c timezone=UTC",
        )
        if database is None:
            try:
                refuse_other_layout(connection)
            except BaseException:
                connection.close()
                raise
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
        return _missing(where)
    return TransientError(
        "postgres.unreachable",
        "PostgreSQL cannot be reached",
        where=where,
        remedy="start it with `pophub up`, or see `pophub status`",
    )


def _missing(where: str) -> ConfigError:
    return ConfigError(
        "postgres.missing",
        "PostgreSQL lacks the database or role: it was not prepared",
        where=where,
        remedy="run `pophub up`, which prepares the hub",
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
