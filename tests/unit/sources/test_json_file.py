"""JSON lines of a drop folder: each line a record, which alone suffers for what is wrong with it."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import pytest
from drop_kit import codes, folder, whole

from pophub.domain.record import EXTRA, FLAWS, PLACE, Columns
from pophub.sources.json_file import MAX_LINE_BYTES

SOUND = {"Mã hồ sơ": "H1", "Cập nhật": "01/02/2024 03:04:05"}


def written(path: Path, *records: object, end: str = "\n") -> None:
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in records) + end)


def columns(folder_: Path, chunk_rows: int = 10) -> Columns:
    found: Columns = {}
    for chunk in whole(folder(folder_), chunk_rows)["a.jsonl"]:
        for name, values in chunk.items():
            found.setdefault(name, []).extend(values)
    return found


@pytest.mark.parametrize("chunk_rows", [1, 10])
def test_records_are_read_as_those_of_an_api(tmp_path: Path, chunk_rows: int) -> None:
    more = {"phí": 1.50, "địa chỉ": {"tỉnh": "01"}, "tên": ["An", "Bình"], "số": 12345678901234567890}
    written(tmp_path / "a.jsonl", SOUND | more, SOUND | {"Mã hồ sơ": None})
    found = columns(tmp_path, chunk_rows)
    assert found["Mã hồ sơ"] == ["H1", None]
    assert found["phí"] == [Decimal("1.50"), None]
    assert found["số"] == [12345678901234567890, None]
    assert (found["địa chỉ.tỉnh"], found["tên"]) == (["01", None], ['["An","Bình"]', None])
    assert (found[PLACE], found[EXTRA], found[FLAWS]) == (["a.jsonl:1", "a.jsonl:2"], [None] * 2, [None] * 2)


def test_a_line_that_is_no_object_costs_that_record_alone(tmp_path: Path) -> None:
    lines = [
        json.dumps(SOUND),
        "[1]",
        "",
        '{"Mã hồ sơ": "H2"',
        '{"Mã hồ sơ": 1, "Mã hồ sơ": 2}',
        json.dumps(SOUND),
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    found = columns(tmp_path)
    assert found[FLAWS] == [None, *['{"": "contract.json.format"}'] * 3, None]
    assert found[PLACE] == [f"a.jsonl:{line}" for line in (1, 2, 4, 5, 6)]
    assert found[EXTRA][1] == '["[1]\\n"]', "the line as it stands goes along"


def test_a_member_that_some_records_lack_fails_those_alone(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", SOUND, {"Cập nhật": "x"})
    assert columns(tmp_path)[FLAWS] == [None, '{"Mã hồ sơ": "contract.field.missing"}']
    written(tmp_path / "a.jsonl", {"Cập nhật": "x"})
    assert codes(folder(tmp_path)) == {"a.jsonl": "source.header_missing"}


def test_a_cut_last_line_is_held(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", SOUND, end="")
    assert codes(folder(tmp_path)) == {}, "an object that is closed is whole"
    whole_file = (tmp_path / "a.jsonl").read_bytes()
    for cut in range(1, len(whole_file)):
        (tmp_path / "a.jsonl").write_bytes(whole_file[:cut])
        assert codes(folder(tmp_path)) == {"a.jsonl": "source.file_truncated"}


def test_a_text_that_is_not_utf_8_is_bytes_in_its_record_alone(tmp_path: Path) -> None:
    line = json.dumps(SOUND, ensure_ascii=False).encode()
    (tmp_path / "a.jsonl").write_bytes(line + b"\n" + line.replace(b"H1", b"H\xff") + b"\n")
    first, second = columns(tmp_path)["Mã hồ sơ"]
    assert (first, type(second)) == ("H1", bytes), "as in a page of an API"


def test_what_would_fill_memory_or_is_of_the_hub_is_held(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", SOUND | {"x": "y" * MAX_LINE_BYTES})
    assert codes(folder(tmp_path)) == {"a.jsonl": "source.file_bomb"}
    written(tmp_path / "a.jsonl", SOUND | {f"x{n}": n for n in range(2_001)})
    assert codes(folder(tmp_path)) == {"a.jsonl": "source.file_bomb"}
    written(tmp_path / "a.jsonl", SOUND | {EXTRA: "x"})
    assert codes(folder(tmp_path)) == {"a.jsonl": "source.header_repeated"}
    written(tmp_path / "a.json", SOUND)
    assert codes(folder(tmp_path))["a.json"] == "source.file_kind"


def test_a_file_is_read_once_for_its_digests_and_once_for_its_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manifest costs no reading of its own, and the rows are read by what the shape told."""
    written(tmp_path / "a.jsonl", SOUND, SOUND)
    md5 = hashlib.md5((tmp_path / "a.jsonl").read_bytes()).hexdigest()
    (tmp_path / "a.tsv").write_text(f"name,rows,sum\na.jsonl,2,{md5}\n")
    opened, read = list[str](), Path.open
    monkeypatch.setattr(Path, "open", lambda path, *how, **more: opened.append(path.name) or read(path, *how, **more))  # fmt: skip
    drop = folder(tmp_path, manifest={"file": "*.tsv", "name": "name", "rows": "rows", "digest": "sum"})
    (file,) = drop.files([])
    assert opened.count("a.jsonl") == 3, "its digests, its first bytes, its shape"
    opened.clear()
    assert sum(len(chunk["Mã hồ sơ"]) for chunk in drop.read(file, 1)) == 2
    assert opened == ["a.jsonl"] * 2, "its digest, its rows"
