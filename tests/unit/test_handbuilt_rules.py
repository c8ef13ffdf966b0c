"""The peer that is built by hand judges by the benchmark's rules: each finds its own defect, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from benchmarks import hubs
from benchmarks.handbuilt_rules import NO_FRAME, Rules
from pophub.settings import PROJECT

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own
NOW = pd.Timestamp.now("UTC").floor("s")
SOUND = {
    "so_ddcn": "001085000001", "ho_ten": "Nguyễn Văn An", "ngay_sinh": "01/02/1985", "gioi_tinh": "Nam",
    "ma_tinh": "01", "ma_ho": "01-000000001", "so_cmnd": "123456789", "da_xoa": False, "cap_nhat_luc": NOW,
}  # fmt: skip
OTHER = SOUND | {"so_ddcn": "001185000002", "gioi_tinh": "Nữ", "so_cmnd": "223456789"}
DEFECTS: list[tuple[dict[str, Any], str]] = [
    ({"so_ddcn": "00108500001"}, "correct.id.length"),
    ({"so_ddcn": "00108500000A"}, "correct.id.format"),
    ({"so_ddcn": "00108500000１"}, "correct.id.digits"),
    ({"so_ddcn": "00108500000 "}, "correct.id.whitespace"),
    ({"so_ddcn": "099085000001"}, "correct.id.province"),
    ({"so_ddcn": "001084000001"}, "correct.id.dob_mismatch"),
    ({"gioi_tinh": "Nữ"}, "correct.id.dob_mismatch"),
    ({"so_ddcn": "001099999999", "ngay_sinh": "01/02/2999"}, "correct.dob.future"),
    ({"ma_tinh": "97"}, "correct.code.unknown"),
    ({"gioi_tinh": "Khác"}, "correct.code.unknown"),
    *(({name: None}, "sufficient.missing") for name in ("ho_ten", "ngay_sinh", "gioi_tinh", "ma_tinh")),
    *(({name: "a\u200bb"}, "clean.text.control") for name in ("ho_ten", "ma_ho", "so_cmnd")),
    ({"ho_ten": "a" * 2_001}, "clean.text.length"),
    ({"ho_ten": "  "}, "clean.name.empty"),
    ({"ho_ten": "An 2"}, "clean.name.letters"),
    ({"so_cmnd": "223456789"}, "clean.key.duplicate"),
    ({"cap_nhat_luc": NOW - pd.Timedelta(days=46)}, "live.stale"),
    ({"cap_nhat_luc": NOW + pd.Timedelta(days=2)}, "live.future"),
]  # fmt: skip


@pytest.fixture(scope="module")
def rules() -> Iterator[Rules]:
    yield Rules()


def _frame(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def test_they_are_the_rules_of_the_benchmark_by_code_and_order(rules: Rules) -> None:
    suite = json.loads((hubs.PROJECT / "expectations/bench/people.json").read_text())
    assert hubs.PROJECT.is_relative_to(PROJECT)
    assert [one.meta["code"] for one in rules.suite.expectations] == [
        one["meta"]["code"] for one in suite["expectations"]
    ]


def test_sound_rows_pass_new_or_sent_again(rules: Rules) -> None:
    assert rules.failing(_frame(SOUND, OTHER), NO_FRAME) == {}
    assert rules.failing(_frame(SOUND, OTHER), _frame(SOUND)) == {}


def test_nothing_missing_contradicts_nothing(rules: Rules) -> None:
    assert rules.failing(_frame(SOUND | {"so_cmnd": None, "ma_ho": None}), NO_FRAME) == {}


def test_each_rule_finds_its_defect_in_its_row(rules: Rules) -> None:
    rows = [OTHER]
    for number, (defect, _) in enumerate(DEFECTS, start=1):
        own = {"so_ddcn": f"0010850001{number:02d}", "so_cmnd": f"3000000{number:02d}"}
        rows.append(SOUND | own | defect)
    found = rules.failing(_frame(*rows), NO_FRAME)
    assert sorted(found) == list(range(1, len(rows)))
    for number, (defect, code) in enumerate(DEFECTS, start=1):
        assert code in found[number], (defect, found[number])


def test_a_number_of_another_person_stored_before(rules: Rules) -> None:
    new = SOUND | {
        "ho_ten": "Trần Văn Bình",
        "ngay_sinh": "03/04/1985",
        "cap_nhat_luc": NOW + pd.Timedelta("1s"),
    }
    assert rules.failing(_frame(OTHER, new), _frame(SOUND)) == {1: ["correct.id.conflict"]}
    named = SOUND | {"ho_ten": "Nguyễn Văn Ân", "cap_nhat_luc": NOW + pd.Timedelta("1s")}
    assert rules.failing(_frame(named), _frame(SOUND)) == {}


def test_other_content_of_the_same_moment_contradicts(rules: Rules) -> None:
    assert rules.failing(_frame(SOUND | {"so_cmnd": "323456789"}), _frame(SOUND)) == {
        0: ["clean.contradiction"]
    }
