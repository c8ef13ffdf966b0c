"""COPY of columns or rows: in the binary format where it pays and each type has one, else as text."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pophub.postgres import copy_binary
from pophub.postgres.connection import Cursor
from pophub.postgres.sql import REPEATED

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
    if len(kinds) <= 1 and kinds <= REPEATED:
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
