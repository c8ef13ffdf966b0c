"""What docs/source-sql.md says of tables and nothing else shows."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

sys.path.insert(0, str(Path(__file__).parents[1]))

from draft_kit import School, stranger

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own

NEW = ("new", "moet.schools", "--from", "POPHUB_SOURCE_MOET_URL", "--table", "truong")
WIDE = 200
LONG = 2_000_000


class OtherDialect(SQLiteDialect_pysqlite):
    """A kind of server that SQLAlchemy knows and pophub does not."""

    name = "other"
    supports_statement_cache = True


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> School:
    found = stranger(tmp_path, monkeypatch)
    monkeypatch.setenv("POPHUB_SOURCE_MOET_URL", f"sqlite:///{found.database}")
    return found


def fill(school: School, columns: str, *rows: tuple[Any, ...]) -> None:
    with sqlite3.connect(school.database) as source:
        source.execute(f"create table truong ({columns})")
        marks = ", ".join("?" * len(rows[0]))
        source.executemany(f"insert into truong values ({marks})", rows)


def test_a_kind_of_server_that_no_test_has_read_is_named(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register("other", __name__, "OtherDialect")
    fill(school, "ma text primary key, ten text", ("T1", "Trường Một"), ("T2", "Trường Hai"))
    assert not [one for one in school.run(*NEW)["drafted"][0]["decisions"] if one.startswith("server")]
    for file in school.folder.rglob("*schools*"):
        file.unlink() if file.is_file() else None
    for sample in (school.folder / "tests/samples/moet.schools").iterdir():
        sample.unlink()
    (school.folder / "tests/samples/moet.schools").rmdir()
    monkeypatch.setenv("POPHUB_SOURCE_MOET_URL", f"other:///{school.database}")
    (decision,) = [one for one in school.run(*NEW)["drafted"][0]["decisions"] if one.startswith("server")]
    assert "other" in decision
    assert f"# To decide: {decision}" in school.texts()["connectors/moet/schools.yaml"]
    told = school.run("check", "moet.schools")
    (finding,) = [one for one in told["findings"] if one["code"] == "connector.server_unproved"]
    assert (finding["level"], finding["cost"]) == ("advice", 0)
    assert "other" in finding["what"] and "connector try STEM --show-values" in finding["remedy"]
    assert school.run("try", "moet.schools")["states"]["shared"] == 2


def test_a_table_of_two_hundred_columns_and_long_texts_is_drafted_and_read(school: School) -> None:
    names = ["ma text primary key", "ghi_chu text", *(f"cot_{n} integer" for n in range(WIDE - 2))]
    numbers = tuple(range(WIDE - 2))
    fill(school, ", ".join(names), ("T1", "ngắn", *numbers), ("T2", "dài " * (LONG // 4), *numbers))
    assert school.run(*NEW)["drafted"][0]["fields"] == WIDE
    told = school.run("try", "moet.schools")
    assert (told["states"]["shared"], [rule["code"] for rule in told["rules"]]) == (1, ["contract.size"])
    path = school.folder / "connectors/moet/schools.yaml"
    path.write_text(path.read_text() + f"limits: {{max_record_bytes: {4 * LONG}}}\n")
    told = school.run("try", "moet.schools")
    assert (told["states"]["shared"], told["rules"]) == (2, [])


def test_columns_that_cannot_be_declared_or_speak_of_a_secret_are_left_out_and_told(school: School) -> None:
    long = "cột " + "rất " * 60 + "dài"
    fill(school, f'ma text primary key, "{long}" text, mat_khau text', ("T1", "x", "y"))
    told = school.run(*NEW)["drafted"][0]
    assert told["fields"] == 1
    left = [one for one in told["decisions"] if "left out" in one]
    assert len(left) == 2 and "cannot be declared" in left[0] and "speaks of a secret" in left[1]


def test_names_of_people_are_personal_whatever_their_column_is_called(school: School) -> None:
    given = ["An", "Bình", "Cúc", "Dũng"]
    rows = [(n, f"Nguyễn Văn {given[n % 4]}", ["Lý", "Hóa"][n % 2]) for n in range(40)]
    fill(school, "so integer primary key, chu_trang_trai text, mon text", *rows)
    school.run(*NEW)
    text = school.texts()["connectors/moet/schools.yaml"]
    assert "personal: [chu_trang_trai]" in text
    assert not [text for text in school.texts().values() if "Nguyễn Văn" in text]
    told = school.run("try", "moet.schools")
    assert [one["row"]["chu_trang_trai"] for one in told["examples_shared"]] == ["•••"] * 3
