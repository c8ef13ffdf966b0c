"""A file is held to what the agency's manifest says of it: rows and digest."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

import pytest
from drop_kit import GOOD, codes, folder, workbook

from pophub.sources.files import DropFolder

SHA = hashlib.sha256(GOOD.encode()).hexdigest()
SUMS = {"file": "*.sha256"}
LIST = {"file": "ke_khai_*.csv", "name": "Tên tệp", "rows": "Số dòng", "digest": "Mã băm"}
HEAD = "Tên tệp,Số dòng,Mã băm\n"


def taken(drop: DropFolder) -> list[str]:
    return [file.name for file in drop.files([])]


def test_a_file_that_is_as_its_manifest_says_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "ke_khai_1.csv").write_text(f"{HEAD}a.csv,2,{SHA.upper()}\n")
    drop = folder(tmp_path, manifest=LIST)
    assert (taken(drop), drop.bad(), drop.left_out()) == (["a.csv"], [], [])


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "sha512"])
def test_sums_are_read_as_the_usual_programs_write_them(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "b.csv").write_text(GOOD + "H3,x,01/02/2024 03:04:05\n")
    found = {n: hashlib.new(kind, (tmp_path / n).read_bytes()).hexdigest() for n in ("a.csv", "b.csv")}
    (tmp_path / "x.sha256").write_text(f"{found['a.csv']}  a.csv\n{found['b.csv']} *b.csv\n")
    assert taken(folder(tmp_path, manifest=SUMS)) == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        (f"{HEAD}a.csv,3,{SHA}\n", "it has 2 rows, and ke_khai_1.csv says 3"),
        (f"{HEAD}a.csv,2,{SHA[:-1]}0\n", "its sha256 is not the one that ke_khai_1.csv says"),
        (f"{HEAD}b.csv,2,{SHA}\n", "no manifest names the file"),
        (f"{HEAD}a.csv,2,{SHA}\na.csv,9,{SHA}\n", "says 9"),  # the last word counts
    ],
)
def test_a_file_that_is_otherwise_is_not_taken(tmp_path: Path, manifest: str, told: str) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "ke_khai_1.csv").write_text(manifest)
    drop = folder(tmp_path, manifest=LIST)
    assert taken(drop) == []
    assert {(error.code, error.where) for error in drop.bad()} >= {
        ("source.manifest", "thanhhoa.procedures: a.csv")
    }
    assert any(told in error.what for error in drop.bad())


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ("Tên tệp,Số dòng\n", "has no column Mã băm"),
        ("", "has no column Tên tệp"),
        (f"{HEAD}a.csv,2\n", "is cut or lacks a value"),
        (f"{HEAD}a.csv,two,{SHA}\n", "the number of rows is no number"),
        (f"{HEAD}a.csv,2,{SHA[:-4]}\n", "neither MD5"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_named_and_its_files_wait(
    tmp_path: Path, manifest: str, told: str
) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "ke_khai_1.csv").write_text(manifest)
    drop = folder(tmp_path, manifest=LIST)
    assert codes(drop)["a.csv"] == "source.manifest"
    assert any(told in error.what and "ke_khai_1.csv" in error.where for error in drop.bad())
    assert drop.no_longer_bad(["ke_khai_1.csv"]) == {}
    (tmp_path / "ke_khai_1.csv").write_text(f"{HEAD}a.csv,2,{SHA}\n")
    assert taken(drop) == ["a.csv"]
    assert list(drop.no_longer_bad(["ke_khai_1.csv"])) == ["ke_khai_1.csv"]


def test_sums_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "x.sha256").write_text(f"{SHA}  a.csv\nnothing\n")
    drop = folder(tmp_path, manifest=SUMS)
    assert taken(drop) == [], "half a manifest proves nothing"
    assert {error.where for error in drop.bad()} == {
        f"thanhhoa.procedures: {n}" for n in ("a.csv", "x.sha256:2")
    }


def test_a_manifest_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "ke_khai_1.csv").write_text(HEAD, encoding="utf-16")
    assert codes(folder(tmp_path, manifest=LIST)) == dict.fromkeys(
        ("a.csv", "ke_khai_1.csv"), "source.manifest"
    )


def test_a_file_that_a_manifest_names_and_that_is_not_there_is_told_until_it_comes(tmp_path: Path) -> None:
    (tmp_path / "x.sha256").write_text(f"{SHA}  a.csv\n")
    drop = folder(tmp_path, manifest=SUMS)
    assert codes(drop) == {"x.sha256": "source.manifest"}
    assert "names a.csv, which is not there" in drop.bad()[0].what
    (tmp_path / "a.csv").write_text(GOOD)
    (file,) = drop.files([])
    (tmp_path / "a.csv").unlink()
    assert list(drop.files([file.digest])) == drop.bad() == [], "what was taken may be taken away"


def test_a_younger_manifest_has_the_last_word_and_names_are_compared_composed(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "hồ_sơ.csv")
    (tmp_path / name).write_text(GOOD)
    (tmp_path / "1.sha256").write_text(f"{'0' * 64}  hồ_sơ.csv\n")
    (tmp_path / "2.sha256").write_text(f"{SHA}  hồ_sơ.csv\n")
    assert taken(folder(tmp_path, manifest=SUMS)) == [name]


def test_rows_of_a_workbook_are_counted_as_they_are_read(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx", [("Mã hồ sơ", "Cập nhật"), ("H1", "x"), (None, None), ("H2", "y")])
    (tmp_path / "ke_khai_1.csv").write_text("Tên tệp,Số dòng\na.xlsx,2\n")
    said = {name: LIST[name] for name in ("file", "name", "rows")}
    assert taken(folder(tmp_path, manifest=said)) == ["a.xlsx"]


def test_without_a_declaration_a_manifest_is_a_file_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "a.csv.sha256").write_text(f"{SHA}  a.csv\n")
    drop = folder(tmp_path, pattern="*.csv")
    assert (taken(drop), drop.left_out()) == (["a.csv"], ["a.csv.sha256"])
