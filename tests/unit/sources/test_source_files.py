"""What docs/source-files.md says of a drop folder and nothing else shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from drop_kit import GOOD, codes, folder, whole, workbook


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "Thêm,Cập nhật,Họ và tên,Mã hồ sơ\n?,01/02/2024 03:04:05,Nguyễn Văn A,H1\n"
    )
    ((chunk,),) = whole(folder(tmp_path)).values()
    assert (chunk["Mã hồ sơ"], chunk["Họ và tên"], chunk["Thêm"]) == (["H1"], ["Nguyễn Văn A"], ["?"])


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_a_line_above_the_header_is_told(tmp_path: Path, name: str) -> None:
    if name.endswith(".csv"):
        (tmp_path / name).write_text("BÁO CÁO THÁNG 11,,\n" + GOOD)
    else:
        workbook(tmp_path / name, [("BÁO CÁO THÁNG 11",), *(line.split(",") for line in GOOD.splitlines())])
    drop = folder(tmp_path)
    assert codes(drop) == {name: "source.header_missing"}
    assert "lacks Mã hồ sơ, Cập nhật" in drop.bad()[0].what


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_what_stands_above_the_declared_line_is_left_out(tmp_path: Path, name: str) -> None:
    if name.endswith(".csv"):
        (tmp_path / name).write_text('BÁO CÁO "THÁNG 11;;\n\n' + GOOD.replace(",", ";"))
    else:
        rows = [line.split(",") for line in GOOD.splitlines()]
        workbook(tmp_path / name, [("BÁO CÁO", None, "THÁNG 11"), ("",), *rows])
    ((chunk,),) = whole(folder(tmp_path, header_line=3), chunk_rows=9).values()
    assert chunk["Mã hồ sơ"] == ["H1", "H2"]
    (tmp_path / name).rename(tmp_path / f"b{name}")  # a later line names no columns
    assert codes(folder(tmp_path, header_line=4)) == {f"b{name}": "source.header_missing"}


def test_a_suffix_may_be_written_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "a.CSV").write_text(GOOD)
    workbook(tmp_path / "b.XLSX", [line.split(",") for line in GOOD.splitlines()])
    (tmp_path / "HO_SO.csv").write_text(GOOD + "H3,x,01/02/2024 03:04:05\n")
    drop = folder(tmp_path, pattern="[a-z]*")
    assert list(whole(drop)) == ["a.CSV", "b.XLSX"]
    assert drop.left_out() == ["HO_SO.csv"]
