"""Two hundred random schemas: each is drafted, checked and tried without an edit, or names what a person must decide."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from draft_kit import School, stranger

sys.path.insert(0, str(Path(__file__).parents[2]))

from schema_kit import drawn, fill

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own

SCHEMAS = 200
FROM = ("--from", "POPHUB_SOURCE_ANY_URL")
SEED = random.SystemRandom().randrange(1 << 32)  # others in each run; a failure names it
DECIDED = {"connector.no_key"}


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> School:
    found = stranger(tmp_path, monkeypatch)
    monkeypatch.setenv("POPHUB_SOURCE_ANY_URL", f"sqlite:///{found.database}")
    return found


@pytest.mark.parametrize("number", [SEED], ids=["seed"])
def test_any_schema_is_drafted_without_errors_or_waits_for_a_decision(school: School, number: int) -> None:
    counted = fill(school.database, drawn(SCHEMAS, number))
    told = school.run("new", "any", *FROM, "--all")
    missed = {one["where"]: one["code"] for one in told["passed_over"]}
    assert set(missed.values()) <= DECIDED, (number, missed)
    assert {one["source"] for one in told["drafted"]} == set(counted) - set(missed), number
    assert len(told["drafted"]) > SCHEMAS / 4, (
        "of any draw about half say what they are, and none is refused to be safe"
    )
    checked = school.run("check")
    assert [found for found in checked["findings"] if found["level"] == "error"] == [], number
    for one in told["drafted"]:
        tried = school.run("try", one["stem"])
        there = sum(tried["states"].values()) + tried["waiting"]
        assert tried["rows"] == there == counted[one["source"]], (number, one["source"])
        assert tried["states"]["quarantined"] == 0 or tried["rules"], (number, one["source"])
