"""PostgreSQL's values through psycopg2: a type of Python where nothing is lost by it, else what psql prints.

A server in SQL_ASCII checks no encoding: one text that is not UTF-8 would fail the whole read. Its texts
are read as Latin-1, which takes any byte, and made what they are value by value (`recoded`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql import psycopg2

_TIMES = (1082, 1114, 1184)  # OIDs of date, timestamp, timestamptz
_EXACT = (16, 20, 21, 23, 26, 700, 701, 1700)  # of booleans, integers and numbers: as Python has them
_TEXTS = (18, 19, 25, 1043)  # of "char", name, text, varchar
_PADDED = 1042  # of char(n), in which blanks at the end mean nothing
UNCHECKED = "SQL_ASCII"

TypeCast = Callable[[Any, Any], Any]


def lenient(engine: Engine) -> Callable[[Any, object], None]:
    """Give what a new connection is told about types: no value may fail a read, or come out altered.

    Times that Python cannot hold (year 10000, BC, infinity), and all types that have no exact one in
    Python (json, intervals, times of day, arrays, ranges, bytea), come as psql prints them.
    """
    extensions: Any = engine.dialect.dbapi.extensions  # type: ignore[union-attr]
    made = _lenient_types(engine.dialect.dbapi)

    def register(connection: Any, _record: object) -> None:
        for cast in made:
            extensions.register_type(cast, connection)
        if connection.info.parameter_status("server_encoding") == UNCHECKED:
            connection.set_client_encoding("LATIN1")

    return register


def _lenient_types(driver: Any) -> list[Any]:
    known: dict[int, Any] = driver.extensions.string_types
    casts = {oid: _tolerant(known[oid], (ValueError, OverflowError, driver.Error)) for oid in _TIMES}
    printed = set(known) - set(_TIMES) - set(_EXACT) - set(_TEXTS)
    casts |= dict.fromkeys(printed, _as_printed) | {_PADDED: _unpadded}
    return [driver.extensions.new_type((oid,), f"pophub_{oid}", cast) for oid, cast in casts.items()]


@cache
def _log_types() -> dict[int, TypeCast | None]:
    """Give what reads the text of a value of each type that is not left as it is printed."""
    driver: Any = psycopg2.dialect.import_dbapi()  # type: ignore[no-untyped-call]
    known: dict[int, Any] = driver.extensions.string_types
    casts: dict[int, TypeCast | None] = {oid: known[oid] for oid in _EXACT}
    for made in _lenient_types(driver):
        casts |= dict.fromkeys(made.values, made)
    return casts


def printed_reader(oid: int, cursor: object) -> Callable[[bytes], Any]:
    """Give what makes of a value in the log, which is as the server prints it, what a query would give.

    A text that is not UTF-8 stays bytes. `cursor` is one of the driver's, which its casts of times look into:
    without one they end the process.
    """
    cast = _log_types().get(oid)

    def read(octets: bytes) -> Any:
        try:
            text = octets.decode()
        except UnicodeDecodeError:
            return octets
        return text if cast is None else cast(text, cursor)

    return read


@contextmanager
def catalogue_types(connection: Any) -> Iterator[None]:
    """Let a connection (SQLAlchemy's) give json and arrays as SQLAlchemy's own look at the catalogue needs them."""
    if connection.dialect.driver != "psycopg2":
        yield
        return
    driver, held = connection.dialect.dbapi, connection.connection.dbapi_connection
    extensions = driver.extensions
    for known in extensions.string_types.values():
        extensions.register_type(known, held)
    try:
        yield
    finally:
        for cast in _lenient_types(driver):
            extensions.register_type(cast, held)


def _tolerant(strict: Any, failed: tuple[type[Exception], ...]) -> TypeCast:
    def cast(value: str | None, cursor: object) -> Any:
        if value in ("infinity", "-infinity"):  # psycopg2 would give the last day that Python has
            return value
        try:
            return strict(value, cursor)
        except failed:
            return value

    return cast


def _as_printed(value: str | None, _cursor: object) -> str | None:
    return value


def _unpadded(value: str | None, _cursor: object) -> str | None:
    return None if value is None else value.rstrip(" ")


def is_unchecked(connection: Any) -> bool:
    """Say whether texts of this connection (SQLAlchemy's) come as Latin-1, whatever they are."""
    return getattr(connection.connection.dbapi_connection, "encoding", None) == "LATIN1"


def recoded(values: Sequence[Any]) -> Sequence[Any]:
    """Give values with texts that came as Latin-1: as UTF-8 where they are, else as their bytes."""
    return [_recoded(value) if type(value) is str and not value.isascii() else value for value in values]


def _recoded(text: str) -> str | bytes:
    octets = text.encode("latin-1")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets


def wire(name: str) -> str:
    """Give a name as it must stand in a statement that is sent as Latin-1."""
    return name.encode().decode("latin-1")
