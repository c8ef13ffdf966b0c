"""What was reported of other tools that read databases and files: `tests/reports.md`, rows 1 to 15."""

from __future__ import annotations

import re
import sqlite3
import traceback
import zipfile
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.cell_range import CellRange

from pophub import avro
from pophub.contracts.load import load_connector
from pophub.contracts.source_model import FilesSource, SqlSource
from pophub.domain.errors import PophubError
from pophub.domain.record import Columns, Mapped
from pophub.gates.mapping import ContractMapper
from pophub.sources.file_rows import FileRow
from pophub.sources.files import DropFolder
from pophub.sources.sql import SqlTable, as_text
from pophub.sources.xlsx_merged import leaving_rows_empty

PROJECT = Path(__file__).resolve().parents[3]
CONNECTOR = load_connector(PROJECT / "connectors/thanhhoa/procedures.yaml", PROJECT)
SOUND = {
    "Mã hồ sơ": "HS1", "Mã thủ tục": "TT01", "Số định danh": "001090000001", "Họ và tên": "Nguyễn Văn An",
    "Ngày sinh": "15/03/1990", "Ngày nộp": "01/03/2024", "Ngày trả": None, "Kênh": "Trực tuyến",
    "Đã số hóa": "x", "Lệ phí": 50000, "Trạng thái": "Đã tiếp nhận", "Cập nhật": "02/03/2024 08:00:00",
}  # fmt: skip
SHEET = "xl/worksheets/sheet1.xml"


def workbook(folder: Path, *changed: dict[str, object]) -> Path:
    """Write a workbook with a row for each change of the sound one, HS1, HS2 and so on."""
    book = Workbook()
    assert book.active is not None
    book.active.title = "Hồ sơ"
    book.active.append(list(SOUND))
    for number, change in enumerate(changed, 1):
        book.active.append(list({**SOUND, "Mã hồ sơ": f"HS{number}", **change}.values()))
    path = folder / "ho_so_1.xlsx"
    book.save(path)
    return path


def drop(folder: Path) -> DropFolder:
    declared = CONNECTOR.file.source.model_dump() | {"quiet_s": 0}
    names = [mapping.source for mapping in CONNECTOR.file.mapping.values()]
    return DropFolder(FilesSource.model_validate(declared), folder, columns=names, where=CONNECTOR.stem)


def rows_of(folder: Path) -> Columns:
    found = drop(folder)
    (file,) = found.files([])
    (chunk,) = found.read(file, 100)
    return chunk


def mapped(raw: Columns) -> Mapped:
    """Map raw columns through the bytes that lie on the topic."""
    block = avro.decode_block(avro.encode_block(avro.Block(1, 0, 1, len(raw["_place"]), raw)))
    return ContractMapper(CONNECTOR).map(block.columns)


def held(folder: Path) -> list[str]:
    found = drop(folder)
    assert not list(found.files([]))
    return [f"{error.code}: {error.what}" for error in found.bad()]


def changed(path: Path, part: str, old: bytes, new: bytes) -> None:
    """Change the XML of a part of a workbook, by a pattern."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part], count = re.subn(old, new, parts[part])
    assert count == 1
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def merge(path: Path, *stretches: str) -> None:
    book = load_workbook(path)
    assert book.active is not None
    for stretch in stretches:
        book.active.merge_cells(stretch)
    book.save(path)


def table(path: Path, *rows: tuple[str, object]) -> SqlTable:
    """Give a table `t` of key and marker with these rows."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS t (ma TEXT, cap_nhat TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    connection.close()
    declared = {"kind": "sql", "url": "${X}", "table": "t", "key": ["ma"], "marker": {"column": "cap_nhat"}}
    return SqlTable(SqlSource.model_validate(declared), f"sqlite:///{path}")


def us(text: str) -> int:
    """Give microseconds of a time in Hanoi."""
    moment = datetime.fromisoformat(f"{text}+07:00").astimezone(UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_each_test_that_the_page_of_reports_names_is_there() -> None:
    page = (PROJECT / "tests/reports.md").read_text(encoding="utf-8")
    named = re.findall(r"(tests/[a-z_/0-9]+\.py)(?:::(test_[a-z0-9_]+))?", page)
    assert len(named) > 15
    for path, name in named:
        assert re.search(
            rf"(?m)^def {name}\b" if name else "", (PROJECT / path).read_text(encoding="utf-8")
        ), name


def test_03_a_marker_shared_by_the_last_row_of_a_chunk_loses_no_row_behind_it(tmp_path: Path) -> None:
    found = table(
        tmp_path / "x", *((key, "2024-01-02 03:04:05") for key in "abcd"), ("e", "2024-01-03 00:00:00")
    )
    first = next(found.read(None, 2))
    assert first["ma"] == ["a", "b"]
    again = found.read(us(first["cap_nhat"][-1]), 2)
    assert [key for chunk in again for key in chunk["ma"]] == ["a", "b", "c", "d", "e"]


def test_04_a_row_committed_at_the_newest_marker_after_the_read_is_in_the_next_one(tmp_path: Path) -> None:
    path, newest = tmp_path / "x", "2024-01-02 03:04:05.123456"
    assert [chunk["ma"] for chunk in table(path, ("a", newest)).read(None, 9)] == [["a"]]
    assert [chunk["ma"] for chunk in table(path, ("b", newest)).read(us(newest), 9)] == [["a", "b"]]


@pytest.mark.parametrize("text", ["NA", "N/A", "null", "NULL", "None", "nan", "#N/A", "-"])
def test_05_a_text_that_looks_like_nothing_stays_a_text(tmp_path: Path, text: str) -> None:
    cells = {**SOUND, "Trạng thái": text}
    lines = (",".join(cells), ",".join("" if cell is None else str(cell) for cell in cells.values()))
    (tmp_path / "ho_so_1.csv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    found = mapped(rows_of(tmp_path))
    assert (found.columns["status"], found.failures) == ([text], [])


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(hours=25), "25:00:00"),
        (-timedelta(hours=838, minutes=59, seconds=59), "-838:59:59"),
        (timedelta(hours=8, microseconds=5), "08:00:00.000005"),
        (timedelta(), "00:00:00"),
    ],
)
def test_06_a_time_beyond_a_day_or_below_zero_is_what_its_database_prints(span: timedelta, text: str) -> None:
    assert as_text(span) == text


@pytest.mark.parametrize("query", ["user=lan&password=Sekr1t", "user=lan&password=Sekr1t&nosuchoption=1"])
def test_10_a_password_among_the_options_of_an_address_is_never_shown(query: str) -> None:
    declared = {"kind": "sql", "url": "${X}", "table": "t", "key": ["ma"], "marker": {"column": "cap_nhat"}}
    with pytest.raises(PophubError) as error:
        SqlTable(SqlSource.model_validate(declared), f"postgresql://127.0.0.1:9/dancu?{query}").columns()
    assert error.value.code in ("source.unreachable", "source.url")
    assert "Sekr1t" not in "".join(traceback.format_exception(error.value))


def test_11_a_value_of_another_type_takes_no_row_away(tmp_path: Path) -> None:
    odd = (7, 1.5, b"\xff\xfe", "\x00", "31/31/2024", None, 1 << 62, "9999-12-31 23:59:59", "")
    rows = [(f"k{number}", value) for number, value in enumerate(odd)]
    for since in (None, us("2024-01-01 00:00:00")):
        chunks = list(table(tmp_path / f"{since}", *rows).read(since, 4))
        assert sorted(key for chunk in chunks for key in chunk["ma"]) == [key for key, _ in rows]


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2024-02-29 12:00:00.123456", 123_456),
        ("2024-02-29 12:00:00.000001", 1),
        ("2024-02-29 12:00:00.1234567", None),
        ("2024-02-29 12:00:00.123456789", None),
    ],
)
def test_12_a_fraction_of_a_second_is_whole_or_refused(text: str, micros: int | None) -> None:
    citizens = load_connector(PROJECT / "connectors/mps/citizens.yaml", PROJECT)
    column = citizens.file.source.marker.column
    for value in (text, datetime.fromisoformat(text)) if micros else (text,):
        (marker,), _ = ContractMapper(citizens).markers_of({column: [value]})
        assert marker == (us("2024-02-29 12:00:00") + micros if micros else None)


def test_13_merged_cells_never_become_nulls(tmp_path: Path) -> None:
    path = workbook(tmp_path, {}, {}, {"Trạng thái": None})
    merge(path, "K3:K4")
    (told,) = held(tmp_path)
    assert told == (
        "source.cells_merged: the cells K3:K4 of sheet Hồ sơ are merged: only the first has the value"
    )
    path = workbook(tmp_path, {}, {})
    merge(path, "A4:L5", "N1:N3")  # a note below the table, and a column that nobody maps
    assert rows_of(tmp_path)["Mã hồ sơ"] == ["HS1", "HS2"]


@pytest.mark.parametrize(
    ("merged", "found"),
    [
        (["B2:B3"], "B2:B3"),
        (["A2:B2"], "A2:B2"),
        (["B1:B2"], "B1:B2"),  # a header of two lines
        (["A2:A2", "B2:B2"], None),
        (["C2:D2"], None),  # only its first cell is mapped
        (["D2:D9"], None),
        (["A2:C2"], None),  # a note
        (["B4:B9"], None),  # below the rows
        (["A3:A4", "B2:B3"], "B2:B3"),
        ([f"A1:C{last}" for last in range(3, 9)], "A1:C3"),  # overlapping as no program writes them
    ],
)
def test_13_stretches_that_take_a_value_from_a_row(merged: list[str], found: str | None) -> None:
    rows = [FileRow(2, ("x", "y", "z", None)), FileRow(3, ("x", "y", "z", None))]
    told = leaving_rows_empty(rows, map(CellRange, merged), (1, 2, 3))
    assert (told and told.coord) == found


@pytest.mark.parametrize("cell", [time(1, 30), time(0), timedelta(hours=25), timedelta(days=3)])
def test_14_a_time_of_day_or_a_duration_never_becomes_a_text(tmp_path: Path, cell: object) -> None:
    workbook(tmp_path, {"Trạng thái": cell}, {"Ngày sinh": cell}, {})
    found = mapped(rows_of(tmp_path))
    assert sorted((f.row, f.code, f.field) for f in found.failures) == [
        (0, "contract.type", "status"),
        (1, "contract.type", "birth_date"),
    ]


def test_15_a_sheet_is_read_to_its_end_whatever_size_it_claims(tmp_path: Path) -> None:
    path = workbook(tmp_path, *({} for _ in range(5)))
    changed(path, SHEET, rb'<dimension ref="A1:L6" ?/>', b'<dimension ref="A1"/>')
    found = rows_of(tmp_path)
    assert found["Mã hồ sơ"] == ["HS1", "HS2", "HS3", "HS4", "HS5"]
    assert found["Cập nhật"] == [SOUND["Cập nhật"]] * 5


def test_15_a_cell_is_read_from_its_own_column_in_whatever_order_it_is_stored(tmp_path: Path) -> None:
    path = workbook(tmp_path, {}, {})
    changed(path, SHEET, rb'(?s)(<c r="A3".*?)(<c r="J3".*)(</row></sheetData>)', rb"\2\1\3")
    found = rows_of(tmp_path)
    assert [found[name][1] for name in ("Mã hồ sơ", "Ngày trả", "Lệ phí", "Trạng thái", "Cập nhật")] == [
        "HS2", None, 50000, "Đã tiếp nhận", "02/03/2024 08:00:00",
    ]  # fmt: skip
    changed(path, SHEET, rb'r="B3"', b'r="A3"')
    assert held(tmp_path) == ["source.file_truncated: the file is cut or damaged"]


def test_rows_that_a_filter_or_a_person_hid_are_read_like_all_others(tmp_path: Path) -> None:
    path = workbook(tmp_path, {}, {}, {})
    book = load_workbook(path)
    assert book.active is not None
    book.active.row_dimensions[3].hidden = True
    book.active.auto_filter.ref = "A1:L4"
    book.save(path)
    assert rows_of(tmp_path)["Mã hồ sơ"] == ["HS1", "HS2", "HS3"]


@pytest.mark.parametrize(("epoch", "day"), [(b"", "1990-03-15"), (b' date1904="1"', "1994-03-16")])
def test_a_day_is_counted_from_the_epoch_that_the_workbook_names(
    tmp_path: Path, epoch: bytes, day: str
) -> None:
    path = workbook(tmp_path, {"Ngày sinh": datetime(1990, 3, 15), "Ngày trả": datetime(1990, 3, 15, 16, 26)})
    changed(path, "xl/workbook.xml", b"<workbookPr ?/>", b"<workbookPr%s/>" % epoch)
    found = rows_of(tmp_path)
    assert found["Ngày sinh"] == [datetime.fromisoformat(day)]
    assert found["Ngày trả"] == [datetime.fromisoformat(f"{day} 16:26:00")]
    mapped_on = (datetime.fromisoformat(day) - datetime(1970, 1, 1)).days
    assert mapped(found).columns["birth_date"] == [mapped_on]
