"""The tables and folders of declared datasets: made as their shape says, and filled."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from psycopg2 import sql

from pophub.settings import Settings
from pophub.simulation.declaration import Declaration, Filling, declarations
from pophub.simulation.model import Version
from pophub.simulation.tables import TABLES, Table

PUBLISHED = (
    "; do $$ begin if not exists (select from pg_publication where pubname = 'pophub') then "
    "create publication pophub for table {table}; end if; end $$"
)
MADE_UP = frozenset({"words"})
"""Defects that only a column of text can hold."""


def columns_of(declaration: Declaration) -> tuple[str, ...]:
    """Give the columns of a source in their order."""
    source = declaration.source
    first = (source.number,) if source.numbered else ()
    gone = (source.gone,) if source.gone is not None and source.numbered else ()
    return (*first, *declaration.columns, *gone, source.changed)


def tables() -> dict[str, Table]:
    """Give every table of a PostgreSQL database of an agency, by dataset."""
    declared = {one.stem: _table(one) for one in declarations() if one.source.in_postgres}
    return TABLES | declared


def folder(settings: Settings, declaration: Declaration) -> Path:
    """Give the folder of an agency's dataset: the drop folder, or where its SQLite file is."""
    return settings.home / "agencies" / declaration.agency / declaration.dataset


def sqlite_file(settings: Settings, declaration: Declaration) -> Path:
    """Give the SQLite file of a declared dataset."""
    return folder(settings, declaration) / "nguon.sqlite"


def make(settings: Settings, declaration: Declaration) -> None:
    """Make folder and file of a source that is no table of PostgreSQL; repeating it changes nothing."""
    if declaration.source.in_postgres or declaration.source.kind == "kafka":
        return
    settings.folder("agencies", declaration.agency, declaration.dataset)
    if not declaration.source.in_sqlite:
        return
    path = sqlite_file(settings, declaration)
    path.touch(0o600)
    definitions = ", ".join(
        f"{quoted(name)} {kind}" for name, kind in _types(declaration, "integer primary key", "text")
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"create table if not exists {quoted(declaration.source.name)} ({definitions})")


def fill_sqlite(settings: Settings, declaration: Declaration, versions: list[Version]) -> None:
    """Write rows into the SQLite file; those that are there already are written over."""
    names = columns_of(declaration)  # a table's columns in their order
    places = ", ".join("?" * len(names))
    statement = f"insert or replace into {quoted(declaration.source.name)} values ({places})"  # noqa: S608
    with closing(sqlite3.connect(sqlite_file(settings, declaration), timeout=30)) as connection, connection:
        connection.executemany(statement, [[v.row[name] for name in names] for v in versions])


def variable(declaration: Declaration) -> str:
    """Give how the variables of a dataset of its own begin."""
    return f"POPHUB_SOURCE_{declaration.agency}_{declaration.dataset}".upper()


def variables(settings: Settings, declaration: Declaration) -> dict[str, str]:
    """Give the variable that a connector finds a folder or a file of SQLite by."""
    source, name = declaration.source, variable(declaration)
    if source.files:
        return {f"{name}_URL": str(folder(settings, declaration))}
    return {f"{name}_URL": f"sqlite:///{sqlite_file(settings, declaration)}"}


def _table(declaration: Declaration) -> Table:
    source = declaration.source
    schema, _, name = source.name.partition(".")
    definitions = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind))
        for column, kind in _types(declaration, "bigserial primary key", "timestamptz")
    )
    create = sql.SQL(
        "create schema if not exists {schema}; create table if not exists {table} ({definitions}); "
        "create index if not exists {index} on {table} ({changed}, {key})"
        + (PUBLISHED if source.in_place else "")
    ).format(
        schema=sql.Identifier(schema),
        table=sql.Identifier(schema, name),
        definitions=definitions,
        index=sql.Identifier(f"{name}_{source.changed}"),
        changed=sql.Identifier(source.changed),
        key=sql.Identifier(source.key),
    )
    database = f"agency_{declaration.agency}"
    primary = source.number if source.numbered else source.key
    columns = columns_of(declaration)
    return Table(declaration.agency, database, source.name, primary, columns, create, source.in_place)


def _types(declaration: Declaration, number: str, time: str) -> list[tuple[str, str]]:
    """Give each column of a table with its type."""
    source = declaration.source
    found = [(source.number, number)] if source.numbered else []
    found += [(name, _type(column)) for name, column in declaration.columns.items()]
    if not source.numbered:
        found = [(name, "text primary key" if name == source.key else kind) for name, kind in found]
    if source.gone is not None and source.numbered:
        found.append((source.gone, "boolean"))
    return [*found, (source.changed, "text" if source.format else time)]


def _type(column: Filling) -> str:
    if MADE_UP & set(column.defects):
        return "text"
    if column.amount is not None:
        return "bigint"
    if column.flag is not None and {column.flag.yes, column.flag.no} <= {True, False}:
        return "boolean"
    return "text"


def quoted(name: str) -> str:
    """Write a name of a declaration as SQLite's identifier."""
    return '"' + name.replace('"', '""') + '"'
