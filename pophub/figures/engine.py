"""DuckDB, alone with the tables that it is given: no file, no network, no setting that a figure could change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from pophub.contracts.suite import nearest, refuse
from pophub.domain.dates import HO_CHI_MINH
from pophub.figures.declared import Figure

MEMORY = "256MB"
MOST_ROWS = 1_000
"""A figure has so many rows at most: more would be records, not a figure of them."""
PARAMETERS = frozenset({"by", "day"})
_LINE = re.compile(r"^LINE (\d+):", re.M)
_NO_TABLE = re.compile(r"Table with name \"?([\w.]+)\"? does not exist")
_NO_COLUMN = re.compile(
    r"""Referenced column "([^"]+)" not found|have a column named "([^"]+)"|Column "([^"]+)" does not exist"""
)


@dataclass(frozen=True)
class FigureNeeds:
    """What a figure's SQL reads. Shape: `names` are all names in it, of which some are fields; `star`: all fields."""

    tables: frozenset[str]
    names: frozenset[str]
    star: bool
    parameters: frozenset[str]


@dataclass(frozen=True)
class FigureRows:
    """What a figure's SQL gave."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Engine:
    """One database in memory; what does not fit goes to a folder that ends with it. Persons are tokens in both."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = TemporaryDirectory(dir=folder, prefix="figures-")
        self._database = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": MEMORY, "threads": "1", "temp_directory": self._folder.name,
                "python_enable_replacements": "false", "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )  # fmt: skip
        self._database.execute("set enable_external_access = false")
        self._database.execute(f"set TimeZone = '{HO_CHI_MINH.key}'")
        self._database.execute("set lock_configuration = true")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._database.close()
        self._folder.cleanup()

    def take(self, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        """Make a table `<schema>.<name>` of Arrow batches, one after the other."""
        self._database.execute(f'create schema if not exists "{table.split(".")[0]}"')
        stopped: list[BaseException] = []
        reader = pa.RecordBatchReader.from_batches(schema, _kept(batches, stopped))
        try:
            self._database.from_arrow(reader).create(table)
        except duckdb.Error:
            if stopped:  # DuckDB tells of what stopped the batches in its own words
                raise stopped[0] from None
            raise

    def needs(self, figure: Figure) -> FigureNeeds:
        """Tell what a figure reads, without running it.

        Errors: `figure.sql` where it is not one SELECT.
        """
        with _told(figure, ()):
            statements = duckdb.extract_statements(figure.sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            what = f"there are {len(statements)} statements" if len(statements) != 1 else "it is no SELECT"
            raise refuse("figure.sql", what, str(figure.document.path))
        with _told(figure, ()):
            answer = self._database.execute("select json_serialize_sql($sql)", {"sql": figure.sql}).fetchone()
        tree = json.loads(answer[0]) if answer else {}
        tables: set[str] = set()
        names: set[str] = set()
        star = _walk(tree, tables, names)
        return FigureNeeds(
            frozenset(tables), frozenset(names), star, frozenset(statements[0].named_parameters)
        )

    def ask(self, figure: Figure, parameters: dict[str, Any], known: Iterable[str] = ()) -> FigureRows:
        """Run a figure; `known` are names for which a wrong one may have been meant.

        Errors: `figure.dataset`, `figure.field`, `figure.sql` with file and line; `figure.rows`.
        """
        with _told(figure, known):
            answer = self._database.execute(figure.sql, parameters)
            columns = tuple(str(column[0]) for column in answer.description or ())
            rows = answer.fetchmany(MOST_ROWS + 1)
        if len(rows) > MOST_ROWS:
            raise refuse("figure.rows", f"it has more than {MOST_ROWS:,} rows", str(figure.document.path))
        return FigureRows(columns, rows)


def _kept(batches: Iterable[pa.RecordBatch], stopped: list[BaseException]) -> Iterator[pa.RecordBatch]:
    """Give the batches; keep what stops them, as it is."""
    try:
        yield from batches
    except Exception as error:
        stopped.append(error)
        raise


def _walk(part: Any, tables: set[str], names: set[str]) -> bool:
    """Gather tables and names of a tree of DuckDB's; tell whether it asks for all columns somewhere."""
    if isinstance(part, str):
        names.add(part)
        return False
    if isinstance(part, list):
        return any([_walk(one, tables, names) for one in part])
    if not isinstance(part, dict):
        return False
    if part.get("type") == "BASE_TABLE":
        tables.add(".".join(filter(None, (part["schema_name"], part["table_name"]))))
    star = part.get("class") == "STAR"
    return any([_walk(one, tables, names) for one in part.values()]) or star


@contextmanager
def _told(figure: Figure, known: Iterable[str]) -> Iterator[None]:
    """Turn what DuckDB refuses into our codes with file and line; its text may hold values and is not shown whole."""
    try:
        yield
    except duckdb.Error as error:
        said = str(error)
        if table := _NO_TABLE.search(said):
            whole = re.search(
                rf"(?:\w+\.)?{re.escape(table[1])}\b", figure.sql
            )  # DuckDB leaves the schema out
            name, stems = whole[0] if whole else table[1], [one for one in known if "." in one]
            what = f"there is no dataset {name}{nearest(name, stems)}"
            raise refuse("figure.dataset", what, _where(figure, said, table[1])) from None
        if column := _NO_COLUMN.search(said):
            name = next(filter(None, column.groups()))
            what = f"there is no field {name}{nearest(name, known)}"
            raise refuse("figure.field", what, _where(figure, said, name)) from None
        raise refuse("figure.sql", _short(error, said), _where(figure, said, "")) from None


def _where(figure: Figure, said: str, name: str) -> str:
    """Give file and line: as DuckDB says it, else where the name stands first, else the last line."""
    line = _LINE.search(said)
    at = figure.sql.find(name) if name else -1
    before = figure.sql.rstrip() if at < 0 else figure.sql[:at]
    return f"{figure.document.path}:{line[1] if line else before.count(chr(10)) + 1}"


def _short(error: duckdb.Error, said: str) -> str:
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException):
        return "a value cannot be converted"  # the message has the value
    return said.partition(": ")[2].partition("\n")[0].rstrip(".!") or type(error).__name__
