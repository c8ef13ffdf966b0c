"""docs/types.md is true of SQLite, CSV and XLSX: each of its rows is sent through."""

from __future__ import annotations

import sqlite3
import sys
from datetime import datetime, time
from pathlib import Path
from typing import Any

import openpyxl

from pophub.contracts.source_model import FilesSource, SqlSource
from pophub.sources.files import DropFolder
from pophub.sources.sql import SqlTable

sys.path.insert(0, str(Path(__file__).parents[2]))  # the kit lies with all tests

from types_page import Sent, connector, differences, reached, rows

MARKER = "2024-01-01 00:00:00"


def sqlite_row(path: Path, row: Sent) -> str:
    with sqlite3.connect(path) as connection:
        connection.execute(f"create table t (k text, v {row.kind}, m text)")
        connection.execute(f"insert into t values ('a', {row.value}, '{MARKER}')")
    connection.close()
    made = connector("sql", row.field)
    assert isinstance(made.file.source, SqlSource)
    (found,) = reached(list(SqlTable(made.file.source, f"sqlite:///{path}").read(None, 10)), made)
    return found


def test_the_table_of_sqlite_is_true(tmp_path: Path) -> None:
    found = [sqlite_row(tmp_path / f"{number}", row) for number, row in enumerate(rows("SQLite"))]
    assert differences("SQLite", found) == []


def folder_row(folder: Path, row: Sent) -> str:
    made = connector("files", row.field)
    assert isinstance(made.file.source, FilesSource)
    source = DropFolder(made.file.source, folder, columns=("k", "v"), where="lab.types")
    (file,) = list(source.files(()))
    (found,) = reached(list(source.read(file, 10)), made)
    return found


def csv_row(folder: Path, row: Sent) -> str:
    folder.mkdir()
    value = row.value.encode("latin-1" if row.kind == "not UTF-8" else "utf-8").replace(b"\\0", b"\0")
    (folder / "x.csv").write_bytes(b"k,v,m\na," + value.replace(b"(nothing)", b"") + f",{MARKER}\n".encode())
    return folder_row(folder, row)


def test_the_table_of_csv_is_true(tmp_path: Path) -> None:
    found = [csv_row(tmp_path / f"{number}", row) for number, row in enumerate(rows("CSV"))]
    assert differences("CSV", found) == []


def cell(row: Sent) -> Any:
    """Give what openpyxl is told to write."""
    match row.kind:
        case "number":
            return float(row.value) if "." in row.value or "e" in row.value else int(row.value)
        case "boolean":
            return row.value == "TRUE"
        case "date or time":
            return datetime.fromisoformat(row.value)
        case "time of day":
            return time.fromisoformat(row.value)
        case "empty":
            return None
        case _:
            return row.value


def xlsx_row(folder: Path, row: Sent) -> str:
    folder.mkdir()
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["k", "v", "m"])
    sheet.append(["a", cell(row), MARKER])
    if row.kind == "error":
        sheet["B2"].data_type = "e"
    book.save(folder / "x.xlsx")
    return folder_row(folder, row)


def test_the_table_of_xlsx_is_true(tmp_path: Path) -> None:
    found = [xlsx_row(tmp_path / f"{number}", row) for number, row in enumerate(rows("XLSX"))]
    assert differences("XLSX", found) == []
