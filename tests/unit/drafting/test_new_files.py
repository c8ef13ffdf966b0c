"""connector new drafts from drop folders: workbooks as people write them, JSON lines, CSV files below a title."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from draft_kit import NEWEST, School, drafted, folder_school, shared
from openpyxl import Workbook

__all__ = ["folder_school"]  # its fixture
pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own

HEADER = (
    "Mã hồ sơ",
    "Người nộp",
    "Lệ phí",
    "Điểm",
    "Ngày nộp",
    "Mã tỉnh",
    "Số hóa",
    "Số nhà",
    "Cập nhật lúc",
)
TITLE = [
    ("UBND TỈNH THANH HÓA", None, None, None, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"),
    (),
    ("DANH SÁCH HỒ SƠ",),
]
ROWS = [
    (f"HS{at:03d}", f"Nguyễn Văn {at}", at * 10, at + 0.5, datetime(2026, 9, at % 28 + 1), ["01", "38", "48"][at % 3],
     at % 2 == 0, at if at % 2 else f"{at}A", NEWEST - timedelta(hours=at))
    for at in range(40)
]  # fmt: skip
Sheets = dict[str, Sequence[Sequence[Any]]]


def drop(
    school: School, sheets: Sheets, hidden: str = "", merged: str = "", name: str = "ho_so.xlsx"
) -> None:
    """Drop a workbook; `hidden` is a sheet, `merged` cells of the first one."""
    book = Workbook()
    assert book.active is not None
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
        sheet.sheet_state = "hidden" if title == hidden else "visible"
    if merged:
        book.worksheets[0].merge_cells(merged)
    book.save(school.folder / "in" / name)


def test_a_workbook_is_drafted_with_the_types_of_its_cells_and_flows(school: School) -> None:
    drop(school, {"Hồ sơ": [HEADER, *ROWS]})
    told = drafted(school)
    connector = school.connector("hcc.dossiers")
    assert {field.name: field.type for field in connector.contract.fields} == {
        "ma_ho_so": "string", "nguoi_nop": "string", "le_phi": "long", "diem": "double", "ngay_nop": "date",
        "ma_tinh": "string", "so_hoa": "boolean", "so_nha": "string", "cap_nhat_luc": "timestamp-micros",
    }  # fmt: skip
    file = connector.file
    assert (file.key, file.source.kind, file.source.marker.column) == (("ma_ho_so",), "files", "Cập nhật lúc")
    assert (file.mapping["so_nha"].numbers, file.mapping["ma_tinh"].codes) == ("as_text", "province")
    assert "zeros that they began with are lost" in told["guesses"]["so_nha"]
    assert shared(school) == 40
    assert "Nguyễn Văn 1" not in "".join(school.texts().values())


def test_names_below_a_title_are_found_and_the_title_is_left_out(school: School) -> None:
    drop(school, {"Hồ sơ": [*TITLE, HEADER, *ROWS]}, merged="A3:I3")
    drafted(school)
    assert school.connector("hcc.dossiers").file.source.model_dump()["header_line"] == 4
    assert (
        "header_line: 4  # the names of the columns; what stands above"
        in school.texts()["connectors/hcc/dossiers.yaml"]
    )
    assert shared(school) == 40


def test_visible_sheets_with_the_columns_are_all_read_and_asked_about(school: School) -> None:
    halves = {"Tháng 10": [HEADER, *ROWS[:20]], "Tháng 11": [HEADER, *ROWS[20:]]}
    drop(school, {"Hướng dẫn": [("Điền vào bảng sau",)], **halves})
    told = drafted(school)
    assert school.connector("hcc.dossiers").file.source.model_dump()["sheet"] == "*"
    assert "sheet: whether all of Tháng 10, Tháng 11 are to be read" in told["decisions"]
    assert shared(school) == 40


def test_a_cover_before_the_only_sheet_with_columns_is_no_decision(school: School) -> None:
    drop(school, {"Bìa": [("Báo cáo",)], "Hồ sơ": [HEADER, *ROWS]})
    told = drafted(school)
    assert not [one for one in told["decisions"] if one.startswith(("sheet", "held"))]
    assert shared(school) == 40


@pytest.mark.parametrize(
    ("sheets", "hidden", "merged", "code"),
    [
        ({"Hồ sơ": [HEADER, *ROWS[:30]], "Cũ": [HEADER, *ROWS[30:]]}, "Cũ", "", "source.sheet_unread: the hidden sheet Cũ"),
        # a hidden sheet whose names stand in another line is noticed as well
        ({"Hồ sơ": [HEADER, *ROWS[:30]], "Cũ": [*TITLE, HEADER, *ROWS[30:]]}, "Cũ", "", "source.sheet_unread"),
        ({"Hồ sơ": [HEADER, *ROWS]}, "", "F2:F9", "source.cells_merged"),
    ],
)  # fmt: skip
def test_what_a_run_would_hold_is_said_as_a_decision(
    school: School, sheets: Sheets, hidden: str, merged: str, code: str
) -> None:
    drop(school, sheets, hidden, merged)
    (held,) = [one for one in drafted(school)["decisions"] if one.startswith("held as they are: ho_so.xlsx")]
    assert code in held
    assert school.run("try", "hcc.dossiers")["rows"] == 0, "held, as it was foretold"


@pytest.mark.parametrize("rows", [[("Chỉ có tiêu đề",)], [HEADER], [(*HEADER[:3], None, *HEADER[3:]), *ROWS]])
def test_a_workbook_without_a_line_of_names_is_told(school: School, rows: Sequence[Sequence[Any]]) -> None:
    drop(school, {"Hồ sơ": rows})
    told = school.run("new", "hcc.dossiers", "--from", "POPHUB_SOURCE_HCC_URL", code=2)
    assert (told["code"], school.texts()) == ("connector.from", {})


def test_the_newest_kind_is_drafted_and_what_the_pattern_leaves_out_is_told(school: School) -> None:
    (school.folder / "in/khac.csv").write_text("a,b\n1,2\n")
    drop(school, {"Danh mục": [("Mã", "Tên"), ("1", "x")]}, name="danh_muc.xlsx")
    drop(school, {"Hồ sơ": [HEADER, *ROWS]})
    told = drafted(school)
    said = " ".join(told["decisions"])
    assert "pattern: *.xlsx leaves out 1 files, such as khac.csv" in said
    assert "held as they are: danh_muc.xlsx (source.header_missing" in said
    school.run("new", "hcc.named", "--from", "POPHUB_SOURCE_HCC_URL", "--table", "ho_so*.xlsx")
    assert school.connector("hcc.named").file.source.model_dump()["pattern"] == "ho_so*.xlsx"


def test_json_lines_are_drafted_and_members_that_some_lack_are_told(school: School) -> None:
    lines = [
        {"ma": f"HS{at:03d}", "dia_chi": {"tinh": "01"}, "gia": 1.5, "cap_nhat": f"{NEWEST - timedelta(hours=at):%Y-%m-%d %H:%M:%S}"}
        | ({} if at == 5 else {"ghi_chu": None})
        for at in range(40)
    ]  # fmt: skip
    (school.folder / "in/a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = drafted(school)
    fields = {field.name: field.type for field in school.connector("hcc.dossiers").contract.fields}
    assert fields == {"ma": "string", "dia_chi_tinh": "string", "gia": "decimal", "ghi_chu": "string",
                      "cap_nhat": "timestamp-micros"}  # fmt: skip
    assert [
        one for one in told["decisions"] if one.startswith("the member ghi_chu is missing in 1 of 40 records")
    ]
    tried = school.run("try", "hcc.dossiers")
    assert (tried["states"]["shared"], [rule["code"] for rule in tried["rules"]]) == (
        39,
        ["contract.field.missing"],
    )


def test_a_csv_file_below_a_title_is_drafted_and_read(school: School) -> None:
    lines = [f"HS{at:03d};Hồ sơ {at};{NEWEST - timedelta(hours=at):%Y-%m-%d %H:%M:%S}" for at in range(40)]
    text = "\n".join(['DANH SÁCH "HỒ SƠ";;', "", "Mã hồ sơ;Nội dung;Ngày cập nhật", *lines])
    (school.folder / "in/a.csv").write_text(text, encoding="utf-8")
    told = drafted(school)
    declared = school.connector("hcc.dossiers").file.source.model_dump()
    assert (declared["header_line"], declared["delimiter"]) == (3, ";")
    assert [one for one in told["decisions"] if "source.file_end_open" in one], "its last line has no end"
    (school.folder / "in/a.csv").write_text(text + "\n", encoding="utf-8")
    assert shared(school) == 40


def test_suffixes_in_capitals_are_part_of_the_pattern(school: School) -> None:
    for name in ("a.csv", "B.CSV"):
        (school.folder / "in" / name).write_text("Mã,Ngày cập nhật\n" + "".join(
            f"{name[0]}{at},2026-11-01 08:00:{at:02d}\n" for at in range(30)))  # fmt: skip
    drafted(school)
    assert school.connector("hcc.dossiers").file.source.model_dump()["pattern"] == "*.[cC][sS][vV]"
    assert shared(school) == 60
