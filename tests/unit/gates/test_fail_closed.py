"""The gates fail closed, shown with the real Great Expectations."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pophub.contracts.load import load_connector
from pophub.contracts.model import Connector, Rule
from pophub.domain.errors import ValidatorFailed
from pophub.gates import checks
from pophub.gates.rules import GreatExpectationsRules

PROJECT = Path(__file__).parents[3]
BASE = load_connector(PROJECT / "connectors" / "mps" / "citizens.yaml", PROJECT)

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own


def rule(expectation: str, code: str, field: str | None = None, **kwargs: Any) -> Rule:
    gate: Any = code.partition(".")[0]
    return Rule(expectation=expectation, kwargs=kwargs, gate=gate, code=code, field=field)


PRESENT = rule("expect_present", "sufficient.missing", "full_name", column="full_name")


def with_rules(*rules: Rule) -> Connector:
    return BASE.model_copy(update={"contract": BASE.contract.model_copy(update={"rules": rules})})


def judge(frame: dict[str, list[Any]], *rules: Rule, deadline_s: float = 120) -> list[tuple[int, str]]:
    failures = GreatExpectationsRules(with_rules(*rules), deadline_s=deadline_s).judge(frame)
    return [(failure.row, failure.code) for failure in failures]


def refused(frame: dict[str, list[Any]], *rules: Rule, deadline_s: float = 120) -> str:
    with pytest.raises(ValidatorFailed) as caught:
        judge(frame, *rules, deadline_s=deadline_s)
    assert caught.value.where == "mps.citizens"
    assert "Hòa" not in str(caught.value)
    return caught.value.code


def test_rows_that_fail_are_named_all_of_them() -> None:
    names = [None if row % 2 else "Hòa" for row in range(1000)]
    assert judge({"full_name": names}, PRESENT) == [(row, "sufficient.missing") for row in range(1, 1000, 2)]


def test_an_empty_suite_is_a_failure() -> None:
    assert refused({"full_name": ["Hòa"]}) == "gate.suite_empty"


def test_an_empty_frame_is_a_failure() -> None:
    assert refused({"full_name": []}, PRESENT) == "gate.suite_empty"


def test_a_missing_column_is_a_failure() -> None:
    assert refused({"birth_date": [1]}, PRESENT) == "gate.column_missing"
    known = rule("expect_person_known", "sufficient.unknown_person", column="citizen_id")
    assert refused({"citizen_id": ["1"]}, known) == "gate.column_missing"


def test_columns_of_unequal_length_are_a_failure() -> None:
    two = rule("expect_present", "sufficient.missing", "sex", column="sex")
    assert refused({"full_name": ["Hòa", "Lan"], "sex": ["M"]}, PRESENT, two) == "gate.rows_short"


def test_an_expectation_that_raises_is_a_failure() -> None:
    letters = rule("expect_text", "clean.name.letters", column="full_name", check="letters")
    assert refused({"full_name": [object()]}, PRESENT, letters) == "gate.expectation_raised"


def test_an_expectation_that_does_not_exist_is_a_failure() -> None:
    own = rule("expect_present", "sufficient.missing", column="full_name", nonsense=1)
    assert refused({"full_name": ["Hòa"]}, own) == "gate.expectation_raised"


def test_an_expectation_of_great_expectations_that_raises_is_a_failure() -> None:
    between = rule(
        "expect_column_values_to_be_between", "correct.amount.range", column="full_name", min_value=3
    )
    assert refused({"full_name": ["Hòa", 4]}, between) == "gate.expectation_raised"


def test_fewer_rows_judged_than_given_is_a_failure() -> None:
    in_set = rule(
        "expect_column_values_to_be_in_set",
        "correct.code.unknown",
        column="sex",
        value_set=["M"],
        row_condition='full_name=="Hòa"',
        condition_parser="pandas",
    )
    frame = {"full_name": ["Hòa", "Lan"], "sex": ["M", "M"]}
    assert refused(frame, in_set, PRESENT) in ("gate.rows_short", "gate.expectation_raised")


def test_rows_left_out_by_a_check_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks.CHECKS, "expect_present", lambda take, told: [5])
    assert refused({"full_name": ["Hòa"]}, PRESENT) == "gate.rows_short"


def test_the_deadline_is_kept_and_the_judge_stays_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(take: checks.Take, told: checks.Arguments) -> list[int]:
        time.sleep(1.5)
        return []

    monkeypatch.setitem(checks.CHECKS, "expect_present", slow)
    rules = GreatExpectationsRules(with_rules(PRESENT), deadline_s=0.3)
    for _ in range(2):
        with pytest.raises(ValidatorFailed) as caught:
            rules.judge({"full_name": ["Hòa"]})
        assert caught.value.code == "gate.timeout"


def test_a_column_of_nulls_passes_only_rules_that_do_not_ask_for_a_value() -> None:
    letters = rule("expect_text", "clean.name.letters", column="full_name", check="letters")
    in_set = rule(
        "expect_column_values_to_be_in_set", "correct.code.unknown", column="full_name", value_set=["x"]
    )
    found = judge({"full_name": [None, None]}, letters, in_set, PRESENT)
    assert found == [(0, "sufficient.missing"), (1, "sufficient.missing")]


def test_expectations_of_great_expectations_name_their_rows_too() -> None:
    frame = {"full_name": ["Hòa", None, "Lan"], "sex": ["M", "X", None], "household_code": [1, 5, None]}
    found = judge(
        frame,
        rule("expect_column_values_to_not_be_null", "sufficient.missing", column="full_name"),
        rule("expect_column_values_to_be_in_set", "correct.code.unknown", column="sex", value_set=["M", "F"]),
        rule(
            "expect_column_values_to_match_regex", "clean.name.letters", column="full_name", regex=r"\AH.*\Z"
        ),
        rule(
            "expect_column_values_to_be_between", "correct.amount.range", column="household_code", max_value=3
        ),
        rule("expect_column_value_lengths_to_equal", "clean.text.length", column="sex", value=1),
    )
    assert found == [
        (1, "sufficient.missing"),
        (1, "correct.code.unknown"),
        (2, "clean.name.letters"),
        (1, "correct.amount.range"),
    ]


def test_a_delete_is_judged_by_rules_on_key_and_marker_only() -> None:
    length = rule("expect_personal_id", "correct.id.length", column="citizen_id", check="length")
    stale = rule("expect_fresh", "live.stale", column="hub_marker", days=45, holds="time")
    frame: dict[str, list[Any]] = {
        "citizen_id": ["1", "038090000123"],
        "full_name": [None, None],
        "hub_operation": ["delete", "upsert"],
        "hub_marker": [0, 0],
        "hub_exchanged_at": [10**15, 10**15],
    }
    assert set(judge(frame, length, stale, PRESENT)) == {
        (0, "correct.id.length"),
        (0, "live.stale"),
        (1, "live.stale"),
        (1, "sufficient.missing"),
    }
