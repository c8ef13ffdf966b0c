"""A suite is made once; nothing of one frame is there for the next, and frames are not copied."""

from __future__ import annotations

import weakref
from typing import Any

import pytest

from pophub.domain.errors import ValidatorFailed
from pophub.gates import checks
from pophub.gates.rules import GreatExpectationsRules
from tests.unit.gates.test_fail_closed import PRESENT, judge, rule, with_rules

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own

LETTERS = rule("expect_text", "clean.name.letters", "full_name", column="full_name", check="letters")
IN_SET = rule("expect_column_values_to_be_in_set", "correct.code.unknown", column="sex", value_set=["M"])


def frame(*names: Any) -> dict[str, list[Any]]:
    return {"full_name": list(names), "sex": ["M"] * len(names)}


def test_each_frame_is_judged_by_itself_by_a_suite_made_once() -> None:
    rules = GreatExpectationsRules(with_rules(PRESENT, LETTERS, IN_SET))
    found = [
        [(failure.row, failure.code) for failure in rules.judge(given)]
        for given in (frame("Hòa", None), frame("Hòa"), frame("7", "Lan", None, "Lan"), frame("Lan"))
    ]
    assert found == [
        [(1, "sufficient.missing")],
        [],
        [(2, "sufficient.missing"), (0, "clean.name.letters")],
        [],
    ]


def test_a_frame_that_made_a_rule_raise_does_not_harm_the_next() -> None:
    rules = GreatExpectationsRules(with_rules(PRESENT, LETTERS))
    for _ in range(2):
        with pytest.raises(ValidatorFailed):
            rules.judge(frame(object()))
        assert [failure.row for failure in rules.judge(frame("Hòa", "7"))] == [1]


def test_nothing_of_a_frame_outlives_its_judgement() -> None:
    class Name(str):
        """A text that can be watched."""

    rules = GreatExpectationsRules(with_rules(PRESENT, LETTERS, IN_SET))
    name = Name("Hòa 7")
    watched = weakref.ref(name)
    assert len(rules.judge(frame(name))) == 1
    del name
    assert watched() is None, "something holds on to a value"


def test_checks_read_the_very_columns_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    monkeypatch.setitem(
        checks.CHECKS, "expect_present", lambda take, told: read.append(take(told["column"])) or []
    )
    given = frame("Hòa")
    assert judge(given, PRESENT) == []
    assert read[0] is given["full_name"]
