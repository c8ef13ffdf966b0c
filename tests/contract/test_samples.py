"""Every connector of the project, found by itself: it loads, its samples fare as they are named.

A sample is one row as its source gives it: `<case>.pass.json`, or `<case>.fail.<code>.json`.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from pophub.contracts.load import check, load_all
from pophub.contracts.model import Connector
from pophub.domain.codes import GATES, is_rule
from pophub.domain.record import Failure
from pophub.gates.mapping import ContractMapper
from pophub.gates.rules import GreatExpectationsRules

PROJECT = Path(__file__).parents[2]
SAMPLES = PROJECT / "tests" / "samples"
CONNECTORS = load_all(PROJECT)[0]
STAMP = int(datetime.fromisoformat("2024-03-31T23:59:59.999999+07:00").timestamp() * 1_000_000)

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own


def joined(connector: Connector) -> dict[str, Any]:
    """Give the hub_ columns of a record that nothing is known of yet."""
    hub: dict[str, Any] = {"hub_exchanged_at": STAMP, "hub_content": "00", "hub_rival_content": None}
    for person in connector.file.people:
        hub[f"hub_{person.id}_known"] = False
        hub[f"hub_{person.id}_name"] = hub[f"hub_{person.id}_birth_date"] = None
    return hub | {f"hub_{name}_holder": None for name in connector.file.unique}


def judged(connector: Connector, samples: list[dict[str, Any]]) -> list[list[Failure]]:
    """Map and judge samples, each as a row of one frame."""
    columns = list(samples[0]["raw"])
    mapped = ContractMapper(connector).map({name: [s["raw"][name] for s in samples] for name in columns})
    frame = dict(mapped.columns)
    frame["hub_key"], frame["hub_marker"] = list(mapped.keys), list(mapped.markers)
    frame["hub_changed_at"] = list(mapped.changed_at)
    frame["hub_operation"] = ["delete" if gone else "upsert" for gone in mapped.deleted]
    for name, default in joined(connector).items():
        values = [sample.get("hub", {}).get(name, default) for sample in samples]
        frame[name] = [
            (date.fromisoformat(value) - date(1970, 1, 1)).days
            if name.endswith("_birth_date") and isinstance(value, str)
            else value
            for value in values
        ]
    failures = mapped.failures + GreatExpectationsRules(connector).judge(frame)
    return [[failure for failure in failures if failure.row == row] for row in range(len(samples))]


def test_every_declaration_of_the_project_is_sound() -> None:
    assert [str(finding) for finding in check(PROJECT)] == []
    assert CONNECTORS


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.stem)
def test_samples_fare_as_they_are_named(connector: Connector) -> None:
    paths = sorted((SAMPLES / connector.stem).glob("*.json"))
    samples = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    for path, failures in zip(paths, judged(connector, samples), strict=True):
        codes = {failure.code for failure in failures}
        if path.name.endswith(".pass.json"):
            assert codes == set(), path.name
        else:
            named = path.name.removesuffix(".json").partition(".fail.")[2]
            assert is_rule(named), path.name
            assert named in codes, (path.name, codes)
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
        assert set(kind.told) == {*shape.columns, *shape.others}, name
        assert {told for told in kind.told if kind.__fields__[told].required} == set(shape.required), name
