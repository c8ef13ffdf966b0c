"""Writes a step's rows into the agencies' databases and files; repeating it changes nothing."""

from __future__ import annotations

import csv
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import orjson
from openpyxl import Workbook
from psycopg2 import sql

from pophub.postgres import Cursor, connect, copy_rows, transaction
from pophub.settings import Settings
from pophub.simulation import journals, topics
from pophub.simulation.databases import drop_folder, sales_file
from pophub.simulation.declaration import Declaration, declarations
from pophub.simulation.model import Version
from pophub.simulation.procedures import HEADER
from pophub.simulation.tables import INSERT_SALES, SALES_COLUMNS, Table


def write(settings: Settings, versions: Iterable[Version]) -> None:
    """Write every version's row to its source; each source in one transaction of its own."""
    by_stem: dict[str, list[Version]] = defaultdict(list)
    for version in versions:
        by_stem[version.stem].append(version)
    for stem, table in journals.tables().items():
        if by_stem[stem]:
            _table(settings, table, by_stem[stem])
    _sales(sales_file(settings), by_stem["moit.ecommerce_sales"])
    _dropped(drop_folder(settings), by_stem["thanhhoa.procedures"])
    for one in declarations():
        if one.source.in_sqlite:
            journals.fill_sqlite(settings, one, by_stem[one.stem])
        elif one.source.kind == "kafka":
            topics.fill(settings, one, by_stem[one.stem])
        elif one.source.files:
            _declared(settings, one, by_stem[one.stem])


def _table(settings: Settings, table: Table, versions: list[Version]) -> None:
    rows = [tuple(v.row[column] for column in table.columns) for v in versions if not _vanished(table, v)]
    gone = [v.key for v in versions if _vanished(table, v)]
    connection = connect(settings, table.database, database=table.database)
    incoming = f"incoming_{table.name.replace('.', '_')}"
    try:
        with transaction(connection, table.name) as cursor:
            made = sql.SQL("create temp table {} (like {}) on commit drop")
            cursor.execute(made.format(sql.Identifier(incoming), _name(table)))
            copy_rows(cursor, incoming, table.columns, rows)
            _merge(cursor, table, incoming)
            if gone:
                left = sql.SQL("delete from {} where {} = any(%s)")
                cursor.execute(left.format(_name(table), sql.Identifier(table.primary_key)), (gone,))
    finally:
        connection.close()


def _vanished(table: Table, version: Version) -> bool:
    """Tell whether a version is that its row is no more: a journal says so in a row, a table lacks it."""
    return table.logged and version.delete


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(*table.name.split("."))


def _merge(cursor: Cursor, table: Table, incoming: str) -> None:
    """Insert new rows and change known ones in place, as the agency's own software would."""
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    changed = [c for c in table.columns if c != table.primary_key]
    cursor.execute(
        sql.SQL(
            "insert into {name} ({columns}) select {columns} from {incoming} "
            "on conflict ({key}) do update set ({changed}) = row({new})"
        ).format(
            name=_name(table),
            incoming=sql.Identifier(incoming),
            columns=columns,
            key=sql.Identifier(table.primary_key),
            changed=sql.SQL(", ").join(map(sql.Identifier, changed)),
            new=sql.SQL(", ").join(sql.Identifier("excluded", c) for c in changed),
        )
    )
    cursor.execute("select pg_get_serial_sequence(%s, %s)", (table.name, table.primary_key))
    (sequence,) = cursor.fetchone() or (None,)
    if sequence is not None:  # rows that a visitor inserts by SQL are numbered after ours
        cursor.execute(
            sql.SQL("select setval(%s, (select max({}) from {}) + 1000000)").format(
                sql.Identifier(table.primary_key), _name(table)
            ),
            (sequence,),
        )


def _sales(path: Path, versions: list[Version]) -> None:
    connection = sqlite3.connect(path, timeout=30)
    try:
        with connection:
            connection.executemany(INSERT_SALES, [tuple(v.row[c] for c in SALES_COLUMNS) for v in versions])
    finally:
        connection.close()


def _dropped(folder: Path, versions: list[Version]) -> None:
    """Drop Thanh Hoa's files, CSV and XLSX in turn."""
    for name, rows in _by_file(HEADER, versions):
        suffix = "csv" if int(name[-1]) % 2 else "xlsx"
        _file(folder / f"ho_so_{name}.{suffix}", rows)


def _declared(settings: Settings, declaration: Declaration, versions: list[Version]) -> None:
    """Drop a declared dataset's files, one a month or term."""
    folder, source = journals.folder(settings, declaration), declaration.source
    for name, rows in _by_file(journals.columns_of(declaration), versions):
        _file(folder / f"{source.name}_{name}.{source.kind}", rows)


def _by_file(header: Sequence[str], versions: list[Version]) -> list[tuple[str, list[list[object]]]]:
    """Give the rows of each file, its header first, in the order of the files' names."""
    found: dict[str, list[list[object]]] = defaultdict(lambda: [list(header)])
    for version in versions:
        found[version.file].append([version.row[column] for column in header])
    return sorted(found.items())


def _file(path: Path, rows: list[list[object]]) -> None:
    """Drop one complete file; one that is there already stays as it is."""
    if path.exists():
        return
    draft = path.parent.parent / f".{path.name}"  # outside the folder; a killed step writes it anew
    draft.touch(0o600)  # before anything stands in it
    _WRITERS[path.suffix](draft, rows)
    draft.replace(path)


def _csv(path: Path, rows: list[list[object]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)


def _jsonl(path: Path, rows: list[list[object]]) -> None:
    header, *values = rows
    names = [str(name) for name in header]
    with path.open("wb") as file:
        for row in values:
            file.write(orjson.dumps(dict(zip(names, row, strict=True))) + b"\n")


def _xlsx(path: Path, rows: list[list[object]]) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Hồ sơ")
    for row in rows:
        sheet.append(row)
    book.save(path)


_WRITERS: dict[str, Callable[[Path, list[list[object]]], None]] = {
    ".csv": _csv,
    ".xlsx": _xlsx,
    ".jsonl": _jsonl,
}
