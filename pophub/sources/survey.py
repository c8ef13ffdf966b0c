"""What a database tells of its tables before anything is declared: columns, keys, indexes, references, first rows."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from sqlalchemy import Inspector, exc, func, inspect, select
from sqlalchemy import column as sql_column
from sqlalchemy import table as sql_table
from sqlalchemy.engine import Connection
from sqlalchemy.types import (
    Boolean,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    Numeric,
    String,
    TypeEngine,
)

from pophub.contracts.patterns import table_parts
from pophub.domain.errors import ContractBreach
from pophub.domain.record import Columns
from pophub.sources.address import read_address, unproved
from pophub.sources.postgres_values import is_unchecked, recoded
from pophub.sources.sql import chunks_of, open_engine
from pophub.sources.sql_errors import translated

HeldKind = Literal["text", "integer", "decimal", "double", "boolean", "date", "time", "bytes", "other"]
"""What a column's type says that it holds; `other` comes as text, as the database prints it."""

_KINDS: tuple[tuple[type[TypeEngine[Any]], HeldKind], ...] = (
    (Boolean, "boolean"),
    (Integer, "integer"),
    (Float, "double"),
    (Numeric, "decimal"),
    (DateTime, "time"),
    (Date, "date"),
    (LargeBinary, "bytes"),
    (String, "text"),
)
_BY_VALUES: tuple[tuple[HeldKind, set[type]], ...] = (
    ("boolean", {bool}),
    ("integer", {int}),
    ("decimal", {int, Decimal}),
    ("double", {int, float}),
)
_HIDDEN = re.compile(r"pg_|information_schema$")


class SurveyedColumn(NamedTuple):
    """A column of a source: its name, its type as the database writes it, what that holds."""

    name: str
    type: str
    kind: HeldKind
    nullable: bool
    digits: int = 0  # of a decimal, `scale` of them behind the point; 0 where the type bounds none
    scale: int = 0


def held_by(values: Iterable[Any]) -> HeldKind:
    """Tell what a column without a type of its own holds, by its values; of several kinds it is text.

    >>> held_by([1, None, 2]), held_by([Decimal("1.5"), 1]), held_by(["1", 1]), held_by([date(2026, 1, 2)])
    ('integer', 'decimal', 'text', 'date')
    """
    there = [value for value in values if value is not None]
    kinds = {type(value) for value in there}
    for held, types in _BY_VALUES:
        if kinds and kinds <= types:
            return held
    if kinds and kinds <= {date, datetime}:
        midnight = all(type(one) is date or one.time() == time() for one in there)
        return "date" if midnight else "time"
    return "text"


class SurveyedForm(NamedTuple):
    """How what was looked at is read: keys of the part `source`, the reason of some, what a person has to decide."""

    keys: dict[str, Any]
    why: dict[str, str]
    asks: list[str]


class TableLink(NamedTuple):
    """A foreign key: columns of this table, the table that they lead to, its columns."""

    columns: tuple[str, ...]
    table: str
    to: tuple[str, ...]


@dataclass(frozen=True)
class Survey:
    """What is known of one table or dropped file.

    Shape: `rows` are the first rows, in no order; `indexed` are columns with which an index begins, None
    where that cannot be told, as of a view.
    """

    table: str
    columns: tuple[SurveyedColumn, ...]
    rows: Columns
    key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    indexed: frozenset[str] | None = None
    links: tuple[TableLink, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)


def declared_name(schema: str | None, name: str) -> str:
    """Write a table as a connector's file names it.

    >>> declared_name(None, "trường học"), declared_name("a.b", 'say "so"')
    ('trường học', '"a.b"."say ""so\"""')
    """
    return ".".join(_quoted(part) for part in (schema, name) if part is not None)


def _quoted(part: str) -> str:
    plain = not re.search(r"""["'.;\\\x00-\x1f\x7f]""", part) and part == part.strip() and part
    return part if plain else '"' + part.replace('"', '""') + '"'


class SurveyedDatabase:
    """A database that is looked at, read only; `unproved` is its kind where no test of pophub has read one.

    Errors: as those of `SqlTable`.
    """

    def __init__(self, url: str, where: str) -> None:
        self._where = where
        self._url = read_address(url, where)
        self.unproved = unproved(self._url)
        with translated(where):
            self._engine = open_engine(self._url)
            self._catalogue = open_engine(self._url, as_printed=False)

    def tables(self) -> list[str]:
        """Give the tables that the account sees, as a connector's file names them; views are left out."""
        with translated(self._where), self._catalogue.connect() as connection:
            looked = inspect(connection)
            own = looked.default_schema_name
            schemas = [s for s in looked.get_schema_names() if not _HIDDEN.match(s)]
            if connection.dialect.name == "sqlite":
                return sorted(declared_name(None, name) for name in looked.get_table_names())
            return sorted(
                declared_name(None if schema == own else schema, name)
                for schema in schemas
                for name in looked.get_table_names(schema=schema)
            )

    def survey(self, table: str, rows: int) -> Survey:
        """Look at one table or view and its first rows."""
        schema, name = table_parts(table)
        with (
            translated(self._where),
            self._engine.connect() as connection,
            self._catalogue.connect() as catalogue,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", exc.SAWarning)  # a type unknown to SQLAlchemy comes as text
            looked = inspect(catalogue)
            if not (looked.has_table(name, schema=schema)):
                raise ContractBreach(
                    "source.table_missing", f"there is no table {table}", where=self._where,
                    remedy="name one as `schema.table`; a part with a dot in it stands in double quotes",
                )  # fmt: skip
            columns = tuple(map(_surveyed, looked.get_columns(name, schema=schema)))
            key = tuple(looked.get_pk_constraint(name, schema=schema).get("constrained_columns") or ())
            view = name in {*looked.get_view_names(schema=schema)}
            unique = _unique(looked, name, schema)
            starts = _starts(looked, name, schema)
            return Survey(
                table,
                columns,
                _rows(connection, schema, name, [c.name for c in columns], rows),
                key,
                unique,
                None if view else frozenset([*starts, *(k[0] for k in (key, *unique) if k)]),
                tuple(_links(looked, name, schema)),
            )

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        schema, name = table_parts(table)
        with translated(self._where), self._engine.connect() as connection:
            counted = connection.execute(select(func.count()).select_from(sql_table(name, schema=schema)))
            return int(counted.scalar_one())


def _surveyed(column: Any) -> SurveyedColumn:
    kind = column["type"]
    held: HeldKind = next((held for sql, held in _KINDS if isinstance(kind, sql)), "other")
    bounded = held == "decimal" and kind.precision is not None
    digits, scale = (kind.precision, kind.scale or 0) if bounded else (0, 0)
    try:
        shown = str(kind).lower()
    except exc.CompileError:
        shown = type(kind).__name__.lower()
    return SurveyedColumn(column["name"], shown, held, bool(column.get("nullable", True)), digits, scale)


def _unique(looked: Inspector, name: str, schema: str | None) -> tuple[tuple[str, ...], ...]:
    found = [tuple(one["column_names"]) for one in looked.get_unique_constraints(name, schema=schema)]
    for one in looked.get_indexes(name, schema=schema):
        if one.get("unique") and not one.get("dialect_options", {}).get("postgresql_where"):
            found.append(tuple(n for n in one["column_names"] if n is not None))
    return tuple(sorted({columns for columns in found if columns}))


def _starts(looked: Inspector, name: str, schema: str | None) -> list[str]:
    firsts = [
        one["column_names"][0] for one in looked.get_indexes(name, schema=schema) if one["column_names"]
    ]
    return [first for first in firsts if first is not None]


def _links(looked: Inspector, name: str, schema: str | None) -> list[TableLink]:
    return [
        TableLink(
            tuple(one["constrained_columns"]),
            declared_name(one["referred_schema"], one["referred_table"]),
            tuple(one["referred_columns"]),
        )
        for one in looked.get_foreign_keys(name, schema=schema)
    ]


def _rows(
    connection: Connection, schema: str | None, name: str, columns: Sequence[str], most: int
) -> Columns:
    """Give the first rows as an extract would, values as `SqlTable.read` gives them."""
    asked: list[Any] = [sql_column(one) for one in columns]
    query = select(*asked).select_from(sql_table(name, *asked, schema=schema)).limit(most)
    found: Columns = {one: [] for one in columns}
    unchecked = is_unchecked(connection)
    for chunk in chunks_of(connection.execute(query), len(columns), most):
        for one, values in zip(columns, chunk, strict=True):
            found[one] += recoded(tuple(values)) if unchecked else values
    return found
