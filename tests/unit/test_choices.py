"""A name that is nowhere known is refused with the nearest that is."""

from __future__ import annotations

import doctest

import pytest

from pophub.commands import choices, holds, quarantine
from pophub.commands.stream import refuse_lanes
from pophub.domain.codes import CODES
from pophub.domain.errors import ConfigError


def test_the_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(choices).failed == 0


@pytest.mark.parametrize("code", ["correct.id.lenght", "kafka.denied"])
def test_a_code_by_which_no_record_fails_is_refused(code: str) -> None:
    with pytest.raises(ConfigError) as refused:
        quarantine.selection(None, None, None, code, None, None, "all", None, None)
    assert refused.value.code == "cli.unknown_code"
    assert ("did you mean correct.id.length" in refused.value.what) == (code not in CODES)
    assert "docs/codes.md" in refused.value.remedy


def test_declared_names_pass_without_a_database() -> None:
    chosen = quarantine.selection("mps.citizens", "mps", "live", "live.stale", "sex", None, "all", None, None)
    assert (chosen.stem, chosen.code) == ("mps.citizens", "live.stale")
    choices.demand_recipient("portal")


def test_a_subscription_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean portal"):
        holds.pause("mps.citizens", "portl", "Lan", "moves", False)


def test_a_lane_that_no_dataset_has_is_refused_with_those_that_there_are() -> None:
    lanes = {"mps.citizens": 4, "mof.einvoices": 2}
    with pytest.raises(ConfigError, match=r"no dataset has lane 4, 9") as refused:
        refuse_lanes(lanes, {0, 4, 9})
    assert "mps.citizens 0 to 3, mof.einvoices 0 to 1" in refused.value.remedy
    refuse_lanes(lanes, {3})
    refuse_lanes(lanes, None)
