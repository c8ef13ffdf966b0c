"""A cell of a workbook is what is stored there, or it is refused: never null, never a text of an error."""

from __future__ import annotations

import re
import shutil
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from pophub import avro
from pophub.contracts.load import load_connector
from pophub.contracts.model import Connector
from pophub.contracts.source_model import FilesSource
from pophub.domain.errors import ConfigError
from pophub.domain.record import Columns, Mapped
from pophub.gates.mapping import ContractMapper
from pophub.sources.files import DropFolder

PROJECT = Path(__file__).resolve().parents[3]
CONNECTOR = load_connector(PROJECT / "connectors/thanhhoa/procedures.yaml", PROJECT)
HEADER = ["Mã hồ sơ", "Mã thủ tục", "Số định danh", "Họ và tên", "Ngày sinh", "Ngày nộp", "Ngày trả", "Kênh",
          "Đã số hóa", "Lệ phí", "Trạng thái", "Cập nhật"]  # fmt: skip
FILE = "ho_so_1.xlsx"
SOUND = ["HS1", "TT01", "001090000001", "Nguyễn Văn An", "15/03/1990", "01/03/2024", None, "Trực tuyến", "x",
         50000, "Đã tiếp nhận", "02/03/2024 08:00:00"]  # fmt: skip


def row(**changed: object) -> list[object]:
    """Give a sound dossier with some cells changed; `_` stands for a blank in a column's name."""
    cells: list[object] = list(SOUND)
    for name, value in changed.items():
        cells[HEADER.index(name.replace("_", " "))] = value
    return cells


def dropped(folder: Path, sheets: dict[str, list[list[object]]], **more: object) -> DropFolder:
    """Write a workbook of these sheets, `-` before the name of a hidden one, and give its folder."""
    book = Workbook()
    assert book.active is not None
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name.removeprefix("-"))
        sheet.sheet_state = "hidden" if name.startswith("-") else "visible"
        for cells in rows:
            sheet.append(cells)
    folder.mkdir(exist_ok=True)
    book.save(folder / FILE)
    declared = CONNECTOR.file.source.model_dump() | {"quiet_s": 0} | more
    mapped = [mapping.source for mapping in CONNECTOR.file.mapping.values()]
    return DropFolder(FilesSource.model_validate(declared), folder, columns=mapped, where=CONNECTOR.stem)


def rows_of(drop: DropFolder) -> Columns:
    """Give all rows of the folder's file as columns."""
    files = list(drop.files([]))
    assert not drop.bad()
    (file,) = files
    chunks = list(drop.read(file, 100))
    return {name: [value for chunk in chunks for value in chunk[name]] for name in chunks[0]}


def codes(mapped: Mapped) -> list[tuple[int, str, str | None]]:
    """Give row, code and field of each failure."""
    return sorted((f.row, f.code, f.field or "") for f in mapped.failures)


def mapped(raw: Columns, connector: Connector = CONNECTOR) -> Mapped:
    """Map raw columns through the bytes that lie on the topic."""
    rows = len(raw["_place"])
    block = avro.decode_block(avro.encode_block(avro.Block(1, 0, 1, rows, raw)))
    return ContractMapper(connector).map(block.columns)


def rewrite(path: Path, part: str, *changes: tuple[bytes, bytes]) -> None:
    """Change the XML of a part of a workbook."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for old, new in changes:
        assert old in parts[part]
        parts[part] = parts[part].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_a_formula_without_a_result_and_an_error_name_their_field(tmp_path: Path) -> None:
    drop = dropped(tmp_path, {"S": [
        HEADER,
        row(Lệ_phí="=600+40"),
        row(Mã_hồ_sơ='="XD"&"0003"'),
        row(Trạng_thái="#N/A"),
        row(Đã_số_hóa="#REF!"),
        row(Cập_nhật="=NOW()"),
        row(),
    ]})  # fmt: skip
    raw = rows_of(drop)
    found = mapped(raw)
    assert codes(found) == [
        (0, "contract.cell.formula", "fee_vnd"),
        (1, "contract.cell.formula", "dossier_no"),
        (1, "contract.key.unmappable", ""),
        (2, "contract.cell.error", "status"),
        (3, "contract.cell.error", "digitised"),
        (4, "contract.marker.unmappable", ""),
    ]
    assert found.columns["digitised"] == [True, True, True, None, True, True]
    assert "#N/A" not in str(raw) and "600" not in str(raw)
    mapper = ContractMapper(CONNECTOR)
    assert mapper.key_of(raw) == ["HS1", None, "HS1", "HS1", "HS1", "HS1"]
    assert [marker is None for marker in mapper.markers_of(raw)[0]] == [False] * 4 + [True, False]


def stored(folder: Path, cell: bytes, *, recalculated: bool = False) -> Any:
    """Give the status of a row whose cell is this XML, in a workbook that a spreadsheet program saved."""
    drop = dropped(folder, {"S": [HEADER, row(Trạng_thái="=X")]})
    rewrite(folder / FILE, "xl/worksheets/sheet1.xml", (b'<c r="K2"><f>X</f><v /></c>', cell))
    if not recalculated:
        rewrite(folder / FILE, "xl/workbook.xml", (b' fullCalcOnLoad="1"', b""))
    raw = rows_of(drop)
    return raw["_flaws"][0] or raw["Trạng thái"][0]


def test_a_stored_result_is_taken_unless_the_workbook_calls_it_stale(tmp_path: Path) -> None:
    text = b'<c r="K2" t="str"><f>X</f><v>xong</v></c>'
    assert stored(tmp_path, text) == "xong"
    assert stored(tmp_path, b'<c r="K2" t="str"><f>X</f><v></v></c>') is None
    assert stored(tmp_path, b'<c r="K2"><f>X</f><v>7</v></c>') == 7
    formula, error = '{"Trạng thái": "contract.cell.formula"}', '{"Trạng thái": "contract.cell.error"}'
    assert stored(tmp_path, b'<c r="K2"><f>X</f><v/></c>') == formula
    assert stored(tmp_path, b'<c r="K2"><f>X</f></c>') == formula
    assert stored(tmp_path, text, recalculated=True) == formula
    assert stored(tmp_path, b'<c r="K2" t="e"><f>X</f><v>#DIV/0!</v></c>') == error


@pytest.mark.parametrize("shared", [True, False])
def test_escapes_are_the_characters_that_they_stand_for(tmp_path: Path, shared: bool) -> None:
    told = "Đã_x000D__x0033__xD83D__xDE00__x005F_x000D_"
    drop = dropped(tmp_path, {"S": [HEADER, row(Trạng_thái="=X")]})
    new = f'<c r="K2" t="inlineStr"><is><t>{told}</t></is></c>'
    if shared:
        new = '<c r="K2" t="s"><v>0</v></c>'
        main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        table = f'<sst xmlns="{main}"><si><t>{told}</t></si></sst>'.encode()
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
        override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'.encode()
        with zipfile.ZipFile(tmp_path / FILE, "a") as archive:
            archive.writestr("xl/sharedStrings.xml", table)
        rewrite(tmp_path / FILE, "[Content_Types].xml", (b"</Types>", override))
    rewrite(tmp_path / FILE, "xl/worksheets/sheet1.xml", (b'<c r="K2"><f>X</f><v /></c>', new.encode()))
    assert rows_of(drop)["Trạng thái"] == ["Đã\r3\U0001f600_x000D_"]


def held(drop: DropFolder) -> list[str]:
    """Give what was refused."""
    assert not list(drop.files([]))
    return [f"{error.code}: {error.what}" for error in drop.bad()]


def numbers(raw: Columns) -> list[str]:
    """Give dossier numbers with the sheets that they come from."""
    return [
        f"{place.rsplit('!')[1]} {number}"
        for number, place in zip(raw["Mã hồ sơ"], raw["_place"], strict=True)
    ]


def test_a_second_sheet_with_the_columns_holds_the_workbook_until_it_is_declared(tmp_path: Path) -> None:
    sheets = {"Tháng 1": [HEADER, row()], "Tháng 2": [HEADER, row(Mã_hồ_sơ="HS2")], "Ghi chú": [["xem"]]}
    (told,) = held(dropped(tmp_path, sheets))
    assert told.startswith("source.sheet_unread: the sheet Tháng 2")
    both = ["Tháng 1:2 HS1", "Tháng 2:2 HS2"]
    assert numbers(rows_of(dropped(tmp_path, sheets, sheet="*"))) == both
    assert numbers(rows_of(dropped(tmp_path, sheets, sheet="Tháng *"))) == both
    one = {"sheet": "Tháng 2", "unread_sheets": "ignore"}
    assert numbers(rows_of(dropped(tmp_path, sheets, **one))) == both[1:]
    (told,) = held(dropped(tmp_path, sheets, sheet="Tháng 2"))
    assert told.startswith("source.sheet_unread: the sheet Tháng 1")
    (told,) = held(dropped(tmp_path, sheets, sheet="Quý *"))
    assert told == "source.sheet_missing: no sheet to read among Tháng 1, Tháng 2, Ghi chú"
    empty = {**sheets, "Tháng 2": [HEADER]}
    assert numbers(rows_of(dropped(tmp_path, empty))) == both[:1]


def test_a_hidden_sheet_is_never_read_unless_it_is_named(tmp_path: Path) -> None:
    sheets = {"-Cũ": [HEADER, row(Mã_hồ_sơ="OLD")], "Mới": [HEADER, row(Mã_hồ_sơ="NEW")]}
    for sheet in (None, "*"):
        (told,) = held(dropped(tmp_path, sheets, sheet=sheet))
        assert told.startswith("source.sheet_unread: the hidden sheet Cũ")
        drop = dropped(tmp_path, sheets, sheet=sheet, unread_sheets="ignore")
        assert numbers(rows_of(drop)) == ["Mới:2 NEW"]
    drop = dropped(tmp_path, sheets, sheet="Cũ", unread_sheets="ignore")
    assert numbers(rows_of(drop)) == ["Cũ:2 OLD"]


def test_a_sheet_with_some_of_the_columns_is_not_passed_over(tmp_path: Path) -> None:
    sheets = {"Tháng 1": [HEADER, row()], "Tháng 2": [HEADER[:-1], row()[:-1]]}
    (told,) = held(dropped(tmp_path, sheets, sheet="*"))
    assert told.startswith("source.header_missing: the first line of sheet Tháng 2 lacks Cập nhật")


def with_numbers(**declared: str) -> Connector:
    """Give the connector with fields that take numbers as text."""
    mapping = {
        name: field.model_copy(update={"numbers": declared.get(name, "refuse")})
        for name, field in CONNECTOR.file.mapping.items()
    }
    return CONNECTOR.model_copy(update={"file": CONNECTOR.file.model_copy(update={"mapping": mapping})})


def test_a_number_in_a_text_field_is_refused_where_it_may_have_lost_digits(tmp_path: Path) -> None:
    drop = dropped(tmp_path, {"S": [
        HEADER, row(Mã_hồ_sơ=382024010000012345), row(Mã_hồ_sơ=382024010000012346), row(Mã_hồ_sơ=1),
        row(Trạng_thái=1), row(Trạng_thái=10**15), row(Trạng_thái=1.5), row(Số_định_danh=1090000001),
        row(Lệ_phí=10**15), row(Lệ_phí=10**9),
    ]})  # fmt: skip
    raw = rows_of(drop)
    lost = [
        (0, "contract.key.unmappable", ""), (0, "contract.type", "dossier_no"),
        (1, "contract.key.unmappable", ""), (1, "contract.type", "dossier_no"),
        (2, "contract.key.unmappable", ""), (2, "contract.type", "dossier_no"),
    ]  # fmt: skip
    rest = [
        (4, "contract.type", "status"), (5, "contract.type", "status"),
        (6, "correct.id.type", "citizen_id"), (7, "contract.type", "fee_vnd"),
    ]  # fmt: skip
    assert codes(mapped(raw)) == [*lost, (3, "contract.type", "status"), *rest]
    free = mapped(raw, with_numbers(status="as_text", dossier_no="as_text"))
    assert codes(free) == [*lost, *rest]
    assert free.columns["status"][3] == "1"


def test_only_a_plain_text_may_take_numbers_as_text(tmp_path: Path) -> None:
    for folder in ("connectors/thanhhoa", "schemas/thanhhoa", "expectations/thanhhoa", "codes"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    path = tmp_path / "connectors/thanhhoa/procedures.yaml"
    text = path.read_text()
    for field, sound in {"dossier_no": False, "citizen_id": False, "fee_vnd": False, "status": True}.items():
        path.write_text(re.sub(rf"(  {field}: {{.*)}}", r"\1, numbers: as_text}", text))
        with nullcontext() if sound else pytest.raises(ConfigError, match=f"{field} cannot take numbers"):
            load_connector(path, tmp_path)
