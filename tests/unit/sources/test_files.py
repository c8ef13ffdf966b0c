"""A drop folder takes each whole file once and tells what is wrong with the others."""

from __future__ import annotations

import os
import shutil
import time
import unicodedata
import zipfile
from pathlib import Path

import pytest
from drop_kit import GOOD, HEADER, codes, folder, whole, workbook

from pophub.domain.errors import TransientError


def test_csv_and_xlsx_give_the_same_columns_in_name_order(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    workbook(
        tmp_path / "a.xlsx",
        [["Mã hồ sơ", "Họ và tên", "Cập nhật", None], ["001", "A", "x"], [None], ["2", None, 5]],
    )
    read = whole(folder(tmp_path), chunk_rows=10)
    assert list(read) == ["a.xlsx", "b.csv"]
    assert read["a.xlsx"] == [
        {
            "Mã hồ sơ": ["001", "2"],
            "Họ và tên": ["A", None],
            "Cập nhật": ["x", 5],
            "_extra": [None, None],
            "_place": ["a.xlsx!Sheet:2", "a.xlsx!Sheet:4"],
            "_flaws": [None, None],
        }
    ]
    assert read["b.csv"][0]["Mã hồ sơ"] == ["H1", "H2"]
    assert read["b.csv"][0]["_place"] == ["b.csv:2", "b.csv:3"]
    assert len(whole(folder(tmp_path), chunk_rows=1)["b.csv"]) == 2


def test_a_file_is_taken_once_by_content(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    shutil.copy(tmp_path / "a.csv", tmp_path / "copy.csv")
    drop = folder(tmp_path)
    (found,) = drop.files([])
    assert found.name == "a.csv"
    assert not list(drop.files([found.digest]))


def test_undecodable_bytes_spoil_their_own_value_only(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(GOOD.encode().replace("Thị".encode(), b"Th\xff"))
    (chunk,) = whole(folder(tmp_path), chunk_rows=9)["a.csv"]
    assert chunk["Họ và tên"] == ["Nguyễn Văn A", b"Tr\xe1\xba\xa7n Th\xff B"]


def test_rows_of_another_width_are_kept_and_marked(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEADER + "H1,A\nH2,B,C,D,E\nH3,C,x\n\n")
    (chunk,) = whole(folder(tmp_path), chunk_rows=9)["a.csv"]
    assert chunk["_extra"] == ["[]", '["D", "E"]', None]
    assert chunk["Cập nhật"] == [None, "C", "x"]


def test_a_refused_file_is_named_and_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "cut.csv").write_text(GOOD[: len(GOOD) - 30])
    (tmp_path / "half_value.csv").write_text(GOOD[:-2])
    (tmp_path / "quote.csv").write_text(GOOD + 'H3,"never ends,x\n')
    (tmp_path / "pdf.csv").write_bytes(b"%PDF-1.7 ...")
    (tmp_path / "text.xlsx").write_text(GOOD)
    (tmp_path / "header.csv").write_text("a;b;c\n1;2;3\n")
    (tmp_path / "twice.csv").write_text("Mã hồ sơ,Cập nhật,Cập nhật\n")
    workbook(tmp_path / "good.xlsx", [["Mã hồ sơ", "Cập nhật"], ["1", "x"]])
    body = (tmp_path / "good.xlsx").read_bytes()
    (tmp_path / "half.xlsx").write_bytes(body[: len(body) // 2])
    (tmp_path / "book.csv").write_bytes(body)
    with zipfile.ZipFile(tmp_path / "other.xlsx", "w") as archive:
        archive.writestr("readme", "no workbook")
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * (40 << 20))
    drop = folder(tmp_path)
    assert [file.name for file in drop.files([])] == ["good.xlsx"]
    assert codes(drop) == {
        "empty.csv": "source.file_empty",
        "cut.csv": "source.file_end_open",
        "half_value.csv": "source.file_end_open",
        "quote.csv": "source.file_truncated",
        "pdf.csv": "source.file_kind",
        "text.xlsx": "source.file_kind",
        "header.csv": "source.header_missing",
        "twice.csv": "source.header_repeated",
        "half.xlsx": "source.file_truncated",
        "book.csv": "source.file_kind",
        "other.xlsx": "source.file_kind",
        "bomb.xlsx": "source.file_bomb",
    }


def test_a_last_line_without_an_end_is_held_unless_declared(tmp_path: Path) -> None:
    (tmp_path / "cut.csv").write_text(GOOD[: len(GOOD) - 30])
    (tmp_path / "half_value.csv").write_text(GOOD[:-2])
    assert set(codes(folder(tmp_path)).values()) == {"source.file_end_open"}
    drop = folder(tmp_path, last_line="may_end_open")
    assert [file.name for file in drop.files([])] == ["half_value.csv"]
    assert codes(drop) == {"cut.csv": "source.file_truncated"}


def test_names_are_compared_in_their_composed_form_and_told(tmp_path: Path) -> None:
    (tmp_path / "nfd.csv").write_text(unicodedata.normalize("NFD", GOOD))
    (chunk,) = whole(folder(tmp_path), chunk_rows=9)["nfd.csv"]
    assert chunk["Mã hồ sơ"] == ["H1", "H2"]
    (tmp_path / "nfd.csv").write_text(GOOD.replace("Mã hồ sơ", "Mã hồ").replace("Cập nhật\n", "Cập nhật\n"))
    list((drop := folder(tmp_path)).files([]))
    (told,) = drop.bad()
    assert "lacks Mã hồ sơ; it has besides Mã hồ, Họ và tên" in told.what
    (tmp_path / "nfd.csv").write_text(GOOD.partition("\n")[2])
    list(drop.files([]))
    (told,) = drop.bad()
    assert "Nguyễn" not in told.what and "none of its 3 names" in told.what


def test_a_delimiter_at_the_end_of_each_line_is_no_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD.replace("\n", ",\n") + "H3,A,x\nH4,A,x,more\n")
    (chunk,) = whole(folder(tmp_path), chunk_rows=9)["a.csv"]
    assert chunk["_extra"] == [None, None, None, '["more"]']


def test_windows_1258_is_read_as_it_was_meant(tmp_path: Path) -> None:
    marks = {"\u0300", "\u0301", "\u0303", "\u0309", "\u0323"}  # tones, which the code page has apart
    split = "".join(
        unicodedata.normalize("NFC", "".join(c for c in one if c not in marks))
        + "".join(c for c in one if c in marks)
        for one in (unicodedata.normalize("NFD", letter) for letter in GOOD)
    )
    (tmp_path / "a.csv").write_bytes(split.encode("cp1258"))
    (chunk,) = whole(folder(tmp_path, encoding="cp1258"), chunk_rows=9)["a.csv"]
    assert chunk["Mã hồ sơ"] == ["H1", "H2"]
    assert unicodedata.normalize("NFC", chunk["Họ và tên"][0]) == "Nguyễn Văn A"


@pytest.mark.parametrize("last", ['H3,5" ống,x', 'H3,"a\nb",x', "H3,A,x"])
def test_sound_last_lines_are_not_taken_for_cut(tmp_path: Path, last: str) -> None:
    (tmp_path / "a.csv").write_text(GOOD + last)
    drop = folder(tmp_path, multiline=True, last_line="may_end_open")
    assert len(whole(drop, chunk_rows=9)["a.csv"][0]["_extra"]) == 3


def test_a_damaged_workbook_is_refused_not_crashed_on(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx", [["Mã hồ sơ", "Cập nhật"], *[[str(i), "x"] for i in range(99)]])
    body = bytearray((tmp_path / "a.xlsx").read_bytes())
    for at in [*range(0, len(body) - 900, 211), *range(len(body) - 900, len(body), 23)]:
        spoiled = bytearray(body)
        spoiled[at : at + 8] = b"\xff" * 8
        (tmp_path / "a.xlsx").write_bytes(spoiled)
        whole(folder(tmp_path), chunk_rows=50)


def test_unfinished_and_foreign_names_are_left_alone(tmp_path: Path) -> None:
    for name in ("a.csv.part", "~$a.xlsx", ".a.csv", "other.csv"):
        (tmp_path / name).write_text(GOOD)
    (tmp_path / "ho_so_link.csv").symlink_to(tmp_path / "other.csv")
    os.mkfifo(tmp_path / "ho_so_pipe.csv")
    drop = folder(tmp_path, pattern="ho_so_*")
    assert not list(drop.files([]))
    assert not drop.bad()


def test_a_young_file_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    began = time.monotonic()
    assert whole(folder(tmp_path, quiet_s=1))
    assert 0.5 < time.monotonic() - began < 3


def test_a_file_that_still_grows_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER)
    monkeypatch.setattr("pophub.sources.files.time.sleep", lambda _s: path.write_text(GOOD))
    assert not list(folder(tmp_path, quiet_s=60).files([]))


def test_a_file_changed_after_it_was_found_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    drop = folder(tmp_path)
    (found,) = drop.files([])
    (tmp_path / "a.csv").write_text(HEADER)
    with pytest.raises(TransientError, match=r"source\.file_changed"):
        list(drop.read(found, 10))


def test_a_missing_folder_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match=r"source\.unreachable"):
        list(folder(tmp_path / "nowhere").files([]))


def test_a_file_that_would_fill_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pophub.sources.csv_file.MAX_RECORD_CHARACTERS", 1_000)
    monkeypatch.setattr("pophub.sources.xlsx_file.MAX_ROWS", 50)
    monkeypatch.setattr("pophub.sources.xlsx_file.MAX_CELL_CHARACTERS", 1_000)
    (tmp_path / "line.csv").write_text(HEADER + "H1," + "x" * 1_001 + ",y\n")
    (tmp_path / "quote.csv").write_text(HEADER + '"' + "x\n" * 600)
    (tmp_path / "wide.csv").write_text(HEADER.rstrip() + ",x" * 2_000 + "\n")
    (tmp_path / "sound.csv").write_text(GOOD + "H3,A,x\n" * 200)
    head = ["Mã hồ sơ", "Cập nhật"]
    workbook(tmp_path / "rows.xlsx", [head, *[["1", "x"]] * 60])
    workbook(tmp_path / "cell.xlsx", [head, ["1", "x" * 1_001]])
    workbook(tmp_path / "columns.xlsx", [head, ["1", "x", *[None] * 2_000, "y"]])
    workbook(tmp_path / "far.xlsx", [head, ["1", "x"]])
    _far_below(tmp_path / "far.xlsx")
    drop = folder(tmp_path, multiline=True)
    assert [file.name for file in drop.files([])] == ["sound.csv"]
    assert set(codes(drop).values()) == {"source.file_bomb"}
    assert len(codes(drop)) == 7


def _far_below(path: Path) -> None:
    """Write a row number that no sheet has: a reader that fills the rows between never ends."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(b'<row r="2"', b'<row r="99999999999"').replace(
        b'"A2"', b'"A99999999999"'
    ).replace(b'"B2"', b'"B99999999999"')  # fmt: skip
    assert parts["xl/worksheets/sheet1.xml"] != sheet
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_long_cells_make_short_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pophub.sources.file_rows.CHUNK_CHARACTERS", 1_000)
    (tmp_path / "a.csv").write_text(HEADER + f"H1,{'x' * 600},y\n" * 6)
    chunks = whole(folder(tmp_path), chunk_rows=100)["a.csv"]
    assert [len(chunk["_extra"]) for chunk in chunks] == [2, 2, 2]


def test_an_encoding_that_python_does_not_know_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    drop = folder(tmp_path, encoding="utf-9")
    assert [file.name for file in drop.files([])] == []
    assert codes(drop) == {"a.csv": "source.encoding"}


@pytest.mark.parametrize(
    ("encoding", "delimiter", "told"),
    [
        ("utf-16", ",", "encoding utf-16, by its byte order mark"),
        (
            "utf-16",
            ";",
            "encoding utf-16, by its byte order mark; a semicolon between values, by its first line",
        ),
        ("utf-8", "\t", "a tab between values, by its first line"),
        ("utf-8-sig", "|", "a bar between values, by its first line"),
        ("utf-8", ",", ""),
    ],
)
def test_a_file_is_read_as_its_own_start_proves(
    tmp_path: Path, encoding: str, delimiter: str, told: str
) -> None:
    (tmp_path / "a.csv").write_bytes(GOOD.replace(",", delimiter).encode(encoding))
    drop = folder(tmp_path)
    (found,) = drop.files([])
    assert found.told == told
    (chunk,) = drop.read(found, 9)
    assert chunk["Họ và tên"] == ["Nguyễn Văn A", "Trần Thị B"]


def test_what_the_start_does_not_prove_is_held(tmp_path: Path) -> None:
    (tmp_path / "no_mark.csv").write_bytes(GOOD.encode("utf-16-le"))
    (tmp_path / "colon.csv").write_text(GOOD.replace(",", ":"))
    assert codes(folder(tmp_path)) == {
        "no_mark.csv": "source.file_kind",
        "colon.csv": "source.header_missing",
    }


def test_a_file_that_is_not_utf_16_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "b.csv").write_bytes(GOOD.replace("H1", "H9").encode("utf-16-le"))
    for declared in ("utf-16", "UTF_16_LE"):
        drop = folder(tmp_path, encoding=declared)
        files = list(drop.files([]))
        (refused,) = [error for error in drop.bad() if "a.csv" in error.where]
        assert refused.code == "source.encoding"
        assert "not UTF" in refused.what
        assert [file.name for file in files] == (["b.csv"] if "LE" in declared else [])
