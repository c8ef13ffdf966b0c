"""Statements as they are kept in `pophub/sql/`, and values for many rows at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any

from pophub.postgres.connection import Cursor, only_row

PAGE_ROWS = 5000
CLOCK = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"


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
    if len(kinds) <= 1 and kinds <= REPEATED:
        made = {value: _literal(cursor, value) for value in set(column)}
        return [made[value] for value in column]
    return [_literal(cursor, value) for value in column]


_NEEDS_QUOTING = re.compile(r"['\\\0]")
REPEATED = {bool, bytes, date, datetime}


def _literal(cursor: Cursor, value: Any) -> str:
    literal: bytes = cursor.mogrify("%s", (value,))
    return literal.decode()


def text_array(values: Sequence[str]) -> str:
    """Write texts as one array literal: PostgreSQL parses it many times faster than `array['a', ...]`."""
    if not values:
        return "{}"
    joined = '","'.join(values)
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        joined = '","'.join(v.replace("\\", "\\\\").replace('"', '\\"') for v in values)
    return f'{{"{joined}"}}'


def now_us(cursor: Cursor) -> int:
    """Give the database's clock, which is the hub's: microseconds UTC."""
    cursor.execute(CLOCK)
    return int(only_row(cursor)[0])


@cache
def statements(file: str) -> dict[str, str]:
    """Read the named statements of `pophub/sql/<file>.sql`: each starts with `-- name: <name>`."""
    text = resources.files("pophub").joinpath("sql", f"{file}.sql").read_text()
    found: dict[str, str] = {}
    for part in text.split("-- name: ")[1:]:
        name, _, body = part.partition("\n")
        found[name.strip()] = body.strip().rstrip(";")
    return found
