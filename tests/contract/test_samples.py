"""Every connector of the project, found by itself: it loads, its samples fare as they are named.

A sample is one row as its source gives it: `<case>.pass.json`, or `<case>.fail.<code>.json`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pophub.contracts.load import check, load_all
from pophub.contracts.model import Connector
from pophub.domain.codes import GATES
from pophub.scoring.declared import score_files
from pophub.scoring.findings import WORTH, Scored
from pophub.scoring.samples import fares_otherwise, judged, score_samples

PROJECT = Path(__file__).parents[2]
SAMPLES = PROJECT / "tests" / "samples"
CONNECTORS = load_all(PROJECT)[0]
NO_PROMISE = {
    "catalogue.databases",
    "catalogue.fee_resolutions",
    "catalogue.targets",
    "laocai.procedure_catalogue",
    "mof.ecommerce_findings",
    "mof.taxpayers",
    "portal.simplifications",
    "project06.tasks",
    "security.criteria",
}
"""Registers that people keep by hand: nobody promises when the next change comes."""

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own


def test_every_declaration_of_the_project_is_sound() -> None:
    assert [str(finding) for finding in check(PROJECT)] == []
    assert CONNECTORS


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.stem)
def test_samples_fare_as_they_are_named(connector: Connector) -> None:
    paths = sorted((SAMPLES / connector.stem).glob("*.json"))
    samples = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    own = {rule.code for rule in connector.contract.rules if rule.own}
    for path, failures in zip(paths, judged(connector, samples), strict=True):
        assert fares_otherwise(path, {failure.code for failure in failures}, own) is None, path.name
        for failure in failures:
            assert failure.code.startswith(f"{failure.gate}."), failure
            value = next(iter(json.loads(path.read_text())["raw"].values()))
            assert str(value) not in failure.reason or len(str(value)) < 3


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.stem)
def test_each_gate_has_a_sample_that_fails_there(connector: Connector) -> None:
    named = {
        path.name.partition(".fail.")[2].partition(".")[0] for path in (SAMPLES / connector.stem).iterdir()
    }
    assert named >= set(GATES)


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.stem)
def test_a_connector_leaves_nothing_open_that_its_files_can_tell(connector: Connector) -> None:
    scored = Scored(connector.stem)
    score_files(connector, PROJECT, scored)
    score_samples(connector, PROJECT, scored)
    wanted = WORTH | ({"promise": 0} if connector.stem in NO_PROMISE else {})
    assert (scored.points, [one for one in scored.findings if one.code != "connector.promise"]) == (
        wanted,
        [],
    )


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.stem)
def test_the_suite_opens_in_great_expectations_itself(connector: Connector) -> None:
    import great_expectations as gx

    import pophub.gates.expectations  # noqa: F401

    suite = json.loads(connector.contract.suite_path.read_text())
    opened = gx.ExpectationSuite(**suite)
    assert len(opened.expectations) == len(connector.contract.rules) > 0


def test_each_check_has_the_class_that_its_shape_says() -> None:
    from pophub.contracts.shapes import OWN
    from pophub.gates.checks import CHECKS
    from pophub.gates.expectations import EXPECTATIONS

    assert set(EXPECTATIONS) == set(CHECKS) == set(OWN)
    for name, kind in EXPECTATIONS.items():
        shape = OWN[name]
        assert kind.expectation_type == name
        listed = (
            {"listed"} if "codes" in shape.others else set()
        )  # what is in the code table: the hub adds it
        assert set(kind.told) == {*shape.columns, *shape.others} | listed, name
        assert {told for told in kind.told if kind.__fields__[told].required} == set(shape.required), name
