"""Whatever quotes stand in a CSV file, nothing of one record ends up inside another."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pophub.contracts.source_model import FilesSource
from pophub.domain.errors import ContractBreach
from pophub.domain.record import Columns
from pophub.sources.csv_quotes import Quotes
from pophub.sources.files import DropFolder

HEADER = "ma,ten,ghi chú,luc\n"


def read(path: Path, text: str, **more: object) -> tuple[list[Columns], list[str]]:
    """Give the chunks of a folder with this one file, and what was refused."""
    (path / "a.csv").write_text(text)
    source = FilesSource.model_validate(
        {"kind": "files", "url": "${X}", "quiet_s": 0, "marker": {"column": "luc"}, **more}
    )
    drop = DropFolder(source, path, columns=("ma", "ten", "ghi chú"), where="lab.truong")
    chunks = [chunk for file in drop.files([]) for chunk in drop.read(file, 100)]
    return chunks, [f"{error.code} {error.what}" for error in drop.bad()]


def test_a_stray_quote_never_swallows_the_lines_behind_it(tmp_path: Path) -> None:
    lines = ["1,A,\"sửa mái,x", "2,B,y,x", "3,C,y,x", "4,D,\"sơn cổng,x", "5,E,y,x"]  # fmt: skip
    text = HEADER + "\n".join(lines) + "\n"
    for multiline in (False, True):
        chunks, refused = read(tmp_path, text, multiline=multiline)
        assert not chunks
        assert [line.split(" ")[:3] for line in refused] == [["source.file_quoting", "line", "2"]]


def test_a_quote_that_is_closed_in_its_line_costs_that_record_alone(tmp_path: Path) -> None:
    text = HEADER + '1,A,"sửa" mái,x\n2,B,"sửa ""mái""",x\n3,C,ống 5" và 6",x\n'
    (chunk,), refused = read(tmp_path, text)
    assert not refused
    assert chunk["ghi chú"] == [None, 'sửa "mái"', 'ống 5" và 6"']
    assert chunk["_flaws"] == ['{"": "contract.quoting"}', None, None]
    assert json.loads(chunk["_extra"][0]) == ['1,A,"sửa" mái,x']
    assert chunk["_place"] == ["a.csv:2", "a.csv:3", "a.csv:4"]


def test_a_value_spans_lines_only_where_that_is_declared(tmp_path: Path) -> None:
    text = HEADER + '1,A,"một\n9,X,hai,""x""\nba",x\n2,B,y,x\n'
    assert read(tmp_path, text) == ([], ["source.file_quoting line 2 opens a quote that it does not close"])
    (chunk,), refused = read(tmp_path, text, multiline=True)
    assert not refused
    assert chunk["ghi chú"] == ['một\n9,X,hai,"x"\nba', "y"]
    assert chunk["_place"] == ["a.csv:2", "a.csv:5"]


@pytest.mark.parametrize("multiline", [False, True])
def test_a_quote_that_never_ends_is_a_cut_file(tmp_path: Path, multiline: bool) -> None:
    _, (refused,) = read(tmp_path, HEADER + '1,A,"một,x\n', multiline=multiline)
    assert refused.startswith("source.file_truncated") and "line 2" in refused


def test_a_first_line_with_a_stray_quote_is_held(tmp_path: Path) -> None:
    _, (refused,) = read(tmp_path, HEADER.replace("ten", '"t"en') + "1,A,B,x\n")
    assert refused.startswith("source.file_quoting line 1")


PARTS = st.lists(st.sampled_from(['"', ",", ";", "a", " ", "é", "\r", "\n", '""']), max_size=6).map("".join)


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(["plain", "quoted"]), PARTS), min_size=2, max_size=2), max_size=6
    )
)
@settings(max_examples=400, deadline=None)
def test_each_row_holds_tokens_of_one_record(records: list[list[tuple[str, str]]]) -> None:
    """Records whose values hold any mark, written carelessly; each value carries its record's number."""
    lines = []
    for number, values in enumerate(records):
        told = []
        for how, part in values:
            text = f"{part}<{number}>"
            clean = text.replace("\r", "").replace("\n", "")
            told.append(f'"{clean}"' if how == "quoted" else clean)
        lines.append(",".join(told) + "\n")
    quotes = Quotes(",", multiline=False, where="x")
    try:
        rows = list(quotes.rows(iter(enumerate(lines, 1))))
    except ContractBreach as breach:
        assert breach.code in ("source.file_quoting", "source.file_truncated")
        return
    assert [row.line for row in rows] == list(range(1, len(lines) + 1))
    for row in rows:
        assert len(set(re.findall("<([0-9]+)>", "".join(row.cells)))) == 1
