"""A table or view of a database, read through SQLAlchemy in one streamed, read-only query."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import compress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import CursorResult, Engine, create_engine, event, exc, inspect, select
from sqlalchemy import column as sql_column
from sqlalchemy import table as sql_table
from sqlalchemy.engine import URL, Connection
from sqlalchemy.pool import NullPool
from sqlalchemy.sql import Select
from sqlalchemy.sql.elements import ColumnClause
from sqlalchemy.types import TypeEngine

from pophub.contracts.patterns import table_parts
from pophub.contracts.source_model import DatabaseSource
from pophub.domain.dates import hours_of
from pophub.domain.errors import ContractBreach, TransientError
from pophub.domain.record import Columns, Measured
from pophub.sources.address import read_address
from pophub.sources.column_check import check_marker, check_names
from pophub.sources.marker_sql import MarkerColumn
from pophub.sources.mysql_values import is_moment, leave_unread, moments, session
from pophub.sources.postgres_values import catalogue_types, is_unchecked, lenient, recoded, wire
from pophub.sources.sql_errors import translated

FETCH_ROWS = 500
CHUNK_BYTES = 16 << 20  # a chunk of long values has fewer rows
CONNECT_S = 10
STATEMENT_S = 300
_PLAIN = {type(None), str, int, float, bool, bytes, Decimal, date, datetime}
_SIZED = {str, bytes}
_TEXTS = _SIZED | {type(None)}


Found = dict[str, tuple[str, TypeEngine[Any]]]  # a column's name: the name as it is sent, and the type


class SqlTable:
    """A table read in the order of its change marker (`ports.TableSource`)."""

    def __init__(self, source: DatabaseSource, url: str, *, where: str = "") -> None:
        self._source = source
        self._where = where or source.table
        self._table = table_parts(source.table)  # as it is sent
        self.ordered = True  # whether the chunks that `read` gives now are in the order of their markers
        self._url = read_address(url, self._where)
        with translated(self._where):
            self._engine = open_engine(self._url)

    def columns(self) -> tuple[str, ...]:
        """Give the names of the columns as they are now at the source."""
        with translated(self._where), self._connect() as connection:
            return tuple(self._found(connection))

    def read(self, from_marker: int | None, chunk_rows: int) -> Iterator[Columns]:
        """Give rows from `from_marker` on and those without a usable marker, in chunks.

        Shape: all columns of the table; ordered by marker and key, rows without a marker last. Rows whose
        marker is text of another form than declared come first, and in no order (`ordered`).
        Values are None, str, int, float, bool, Decimal, date, datetime, or bytes where text is undecodable;
        any other type comes as text, as the source's own client prints it.
        Errors: `source.unreachable`, `source.timeout` (retry); `source.password`,
        `source.permission`; `source.table_missing`, `source.column_missing`.
        """
        with translated(self._where), self._connect() as connection:
            found = self._found(connection)
            self._check(found)
            if self._source.marker.numbered:
                query = self._select(found).order_by(*self._key(found))
                yield from self._streamed(connection, found, query, chunk_rows)
                return
            marker_name = self._source.marker.column
            sent, kind = found[marker_name]
            marker = MarkerColumn(self._source.marker, sql_column(sent), kind, connection.dialect.name)
            rows, key = self._select(found), self._key(found)
            odd, bound = marker.odd(), marker.bound(from_marker)
            if odd is not None:
                self.ordered = False
                query = rows.where(odd).order_by(*key)
                for columns in self._streamed(connection, found, query, chunk_rows):
                    yield from _not_below(columns, marker, marker_name, from_marker)
            self.ordered = True
            query = (rows if bound is None else rows.where(bound)).order_by(*marker.order(), *key)
            for columns in self._streamed(connection, found, query, chunk_rows):
                yield from _not_below(columns, marker, marker_name, from_marker)

    def _streamed(
        self, connection: Connection, found: Found, query: Select[Any], chunk_rows: int
    ) -> Iterator[Columns]:
        streamed = connection.execution_options(stream_results=True, max_row_buffer=chunk_rows)
        unchecked = is_unchecked(connection)
        dialect = connection.dialect.name
        zoned = [at for at, (_, kind) in enumerate(found.values()) if is_moment(kind, dialect)]
        for columns in chunks_of(streamed.execute(query), len(found), chunk_rows):
            values = [list(recoded(column)) for column in columns] if unchecked else list(columns)
            for at in zoned:
                values[at] = moments(values[at])
            yield dict(zip(found, values, strict=True))

    def _found(self, connection: Connection) -> Found:
        types = self._types(connection)
        found = dict(zip(_names(types, connection), types.items(), strict=True))
        check_names(found, self._where)
        if self._source.marker.column in found:
            kind = found[self._source.marker.column][1]
            check_marker(self._source, kind, connection.dialect.name, self._where)
        return found

    def _check(self, found: Found) -> None:
        missing = [c for c in (*self._source.marker.columns, *self._source.key) if c not in found]
        if missing:
            raise ContractBreach(
                "source.column_missing",
                f"the source has no column {', '.join(missing)}",
                where=self._where,
                remedy="ask the agency what changed; mend `source.marker` or `source.key`",
            )

    def _select(self, found: Found) -> Select[Any]:
        # Columns without a type: SQLAlchemy converts nothing, the driver's value stays as it is.
        columns: list[ColumnClause[Any]] = [sql_column(sent) for sent, _ in found.values()]
        schema, name = self._table
        return select(*columns).select_from(sql_table(name, *columns, schema=schema))

    def _key(self, found: Found) -> list[ColumnClause[Any]]:
        return [sql_column(found[key][0]) for key in self._source.key]

    def _types(self, connection: Connection) -> dict[str, TypeEngine[Any]]:
        schema, name = self._table = _sent(self._source.table, is_unchecked(connection))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", exc.SAWarning)  # a type unknown to SQLAlchemy comes as text
            with catalogue_types(connection):
                found = inspect(connection).get_columns(name, schema=schema)
        return {column["name"]: column["type"] for column in found}

    def _connect(self) -> Connection:
        path = self._url.database
        if self._url.get_backend_name() == "sqlite" and not (path and Path(path).is_file()):
            raise TransientError(
                "source.unreachable",
                "the source's SQLite file is not there",
                where=self._where,
                remedy="see that the file's folder is mounted; the run tries again",
            )
        return self._engine.connect()


def _sent(table: str, unchecked: bool) -> tuple[str | None, str]:
    """Give schema and table as they stand in a statement: as Latin-1 where no encoding is checked."""
    schema, name = table_parts(table)
    return (schema and wire(schema), wire(name)) if unchecked else (schema, name)


def _not_below(
    columns: Columns, marker: MarkerColumn, name: str, from_marker: int | None
) -> Iterator[Columns]:
    """Give the rows whose marker, where it is text, is not below the bound."""
    values = columns[name]
    if from_marker is None or str not in set(map(type, values)):
        yield columns
        return
    keep = [marker.not_below(value, from_marker) for value in values]
    if all(keep):
        yield columns
    elif any(keep):
        yield {column: list(compress(found, keep)) for column, found in columns.items()}


def _names(types: Iterable[str], connection: Connection) -> tuple[str, ...]:
    """Give the columns' names, where the server checks no encoding too."""
    if not is_unchecked(connection):
        return tuple(types)
    return tuple(name if isinstance(name, str) else name.decode("latin-1") for name in recoded(tuple(types)))


def open_engine(url: URL, *, as_printed: bool = True) -> Engine:
    """Make what connects to a source: read only, by its own clock in UTC, with texts that are none as bytes.

    `as_printed`: values of types that have no exact one come as the database prints them; a look at its
    catalogue needs them as they are.
    """
    arguments: dict[str, object] = {}
    backend = url.get_backend_name()
    if backend == "postgresql":
        arguments = {
            "connect_timeout": CONNECT_S,
            "client_encoding": "UTF8",
            "keepalives_idle": 30,
            "application_name": "pophub_extract",
            "options": "-c default_transaction_read_only=on -c timezone=UTC -c bytea_output=hex"
            f" -c statement_timeout={STATEMENT_S}s",
        }
    elif url.get_driver_name() == "pymysql":
        arguments = {
            "connect_timeout": CONNECT_S,
            "read_timeout": STATEMENT_S,
            "charset": "utf8mb4",
        }
    elif backend == "sqlite" and url.database:
        arguments = {"timeout": CONNECT_S, "uri": True}
        location = quote(str(Path(url.database).absolute()))
        url = url.set(database=f"file:{location}", query={"mode": "ro", "uri": "true"})
    hstore = {"use_native_hstore": False} if url.get_driver_name() == "psycopg2" else {}  # as text
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments, **hstore)
    if backend == "sqlite":
        event.listen(engine, "connect", _lenient_sqlite)
    elif engine.driver == "psycopg2" and as_printed:
        event.listen(engine, "connect", lenient(engine))
    elif engine.driver == "pymysql":
        event.listen(engine, "connect", session(STATEMENT_S))
        event.listen(engine, "invalidate", leave_unread)
    return engine


def _lenient_sqlite(connection: Any, _record: object) -> None:
    """Give text that is not UTF-8 as bytes, so that one bad value never fails the read."""
    connection.text_factory = _text_or_bytes


def _text_or_bytes(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def chunks_of(result: CursorResult[Any], width: int, most: int) -> Iterator[Sequence[list[Any]]]:
    """Give the columns in chunks of so many rows at most, fewer where they are long.

    What is fetched at once follows the size of the rows fetched before.
    """
    chunk = [Measured() for _ in range(width)]
    count, size, fetch = 0, 0, min(FETCH_ROWS, most)
    while rows := result.fetchmany(min(fetch, most - count)):
        fetched = 0
        for column, values in zip(chunk, zip(*rows, strict=True), strict=True):
            plain, length, longest = _plain(values)
            column.add(plain, longest)
            fetched += length
        count += len(rows)
        size += fetched
        fetch = min(FETCH_ROWS, 2 * fetch, max(1, CHUNK_BYTES * len(rows) // (4 * fetched + 1)))
        if count >= most or size >= CHUNK_BYTES:
            yield chunk
            chunk, count, size = [Measured() for _ in range(width)], 0, 0
    if count:
        yield chunk


def _plain(values: Sequence[Any]) -> tuple[Sequence[Any], int, int | None]:
    """Give the values in the types that `SqlTable.read` promises, how long their texts are together, and the
    longest of them, None where others are among them.
    """
    kinds = set(map(type, values))
    if not kinds <= _PLAIN:
        values = [value if type(value) in _PLAIN else as_text(value) for value in values]
        kinds = set(map(type, values))
    if kinds.isdisjoint(_SIZED):
        return values, 0, 0 if kinds <= _TEXTS else None
    if not kinds <= _TEXTS:
        return values, sum([len(value) for value in values if type(value) in _SIZED]), None
    lengths = list(map(len, filter(None, values) if type(None) in kinds else values))
    return values, sum(lengths), max(lengths, default=0)


def as_text(value: Any) -> str | bytes:
    """Give a value of a type that has no exact one here as its database prints it."""
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, timedelta):  # MySQL's TIME
        return hours_of(value)
    return str(value)
