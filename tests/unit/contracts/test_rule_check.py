"""`connector check` refuses each rule that judging could not work with, and lets no other kind of failure through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from project_kit import edit

from pophub.contracts.code_tables import read_tables
from pophub.contracts.load import check, load_all
from pophub.contracts.model import AvroField, CitedBasis, Connector, DatasetReference, Rule
from pophub.contracts.reference_model import NamedOrganisation
from pophub.contracts.shapes import SHAPES, read_columns
from pophub.contracts.strict_yaml import Document
from pophub.contracts.suite import SuiteReader
from pophub.domain.errors import ConfigError
from pophub.domain.record import Columns

PROJECT = Path(__file__).parents[3]
TABLES = read_tables(PROJECT)[0]
CITIZENS: Connector = next(c for c in load_all(PROJECT)[0] if c.stem == "mps.citizens")
WIDER = CITIZENS.file.model_copy(
    update={
        "organisations": (NamedOrganisation.model_validate({"id": "old_number", "in": "a.b"}),),
        "references": (DatasetReference(fields=("province_code",), to="a.b"),),
        "cites": (CitedBasis(field="household_code"),),
    }
)
FIELDS = (
    *CITIZENS.contract.fields,
    AvroField(name="height_cm", type="double", nullable=True),
    AvroField(name="children", type="int", nullable=True),
    AvroField(name="married", type="boolean", nullable=True),
    AvroField(name="moved_on", type="date", nullable=True),
    AvroField(name="seen_at", type="timestamp-micros", nullable=True),
    AvroField(name="paid", type="decimal", nullable=True, precision=9, scale=2),
    AvroField(name="photo", type="bytes", nullable=True),
)
VALUES: dict[str, list[Any]] = {
    "string": ["001090000001", "Nguyễn Văn An", None, ""],
    "double": [1.5, -2.0, None, 160.0],
    "int": [0, 3, None, -1],
    "long": [0, 3, None, -1],
    "boolean": [True, False, None, True],
    "date": [7_500, 19_000, None, -1],
    "timestamp-micros": [10**15, 0, None, -1],
    "decimal": [Decimal("1.50"), Decimal("-2.00"), None, Decimal("0.00")],
    "bytes": [b"\x00\xff", b"", None, b"a"],
}
HUB: Columns = {
    "hub_key": ["1", "2", "3", "4"],
    "hub_marker": [10**15] * 4,
    "hub_operation": ["upsert"] * 4,
    "hub_changed_at": [10**15, None, 0, 1],
    "hub_exchanged_at": [10**15] * 4,
    "hub_content": ["00"] * 4,
    "hub_rival_content": ["00", "01", "00", "00"],
    "hub_citizen_id_known": [True, False, True, True],
    "hub_citizen_id_name": ["Nguyễn Văn An", None, None, None],
    "hub_citizen_id_birth_date": [7_500, None, None, None],
    "hub_old_number_holder": ["1", None, None, None],
    "hub_old_number_known": [True, False, True, True],
    "hub_old_number_name": ["Nguyễn Văn An", None, None, None],
    "hub_old_number_representative": ["001090000001", None, None, None],
    "hub_old_number_active": [True, False, None, True],
    "hub_province_code_known": [True, False, True, True],
    "hub_household_code_in_force": [True, False, True, True],
}
FRAME: Columns = {field.name: VALUES[field.type] for field in FIELDS} | HUB
USUAL: dict[str, dict[str, Any]] = {
    "expect_person_agrees": {"on": "name"},
    "expect_organisation_agrees": {"on": "name"},
    "expect_column_values_to_be_between": {"min_value": 0},
    "expect_column_value_lengths_to_be_between": {"min_value": 1},
    "expect_column_values_to_be_in_set": {"value_set": [0, 3]},
    "expect_column_values_to_not_be_in_set": {"value_set": ["x"]},
}


def read(expectation: str, kwargs: dict[str, Any]) -> Rule:
    """Read one rule as the first of a suite that covers the gates."""
    rules = json.loads(CITIZENS.contract.suite_path.read_text())["expectations"]
    meta = {"gate": "correct", "code": "correct.code.unknown"}
    suite = {"name": "tried", "expectations": [{"type": expectation, "kwargs": kwargs, "meta": meta}, *rules]}
    return SuiteReader(Document(Path("suite.json"), suite), WIDER, FIELDS, TABLES).read()[0]


def tries(name: str) -> Iterator[dict[str, Any]]:
    """Give kwargs with each known column in each place, and with each value in the other places."""
    shape = SHAPES[name]
    base = {key: value for key, value in shape.example.items() if key not in shape.columns} | USUAL.get(
        name, {}
    )
    alike = [one.name for one in shape.arguments if one.kind == "column" and one.held != ("boolean",)]
    bounds: list[Any] = [0, "a", True, 1.5, -1, [], ["x"], [1], [True], "(", r"\A(\Z", None]
    for column in FRAME:
        told = dict.fromkeys(alike, column) | base
        yield told
        for other in FRAME:
            for key in shape.columns[1:]:
                yield told | {key: other}
        for key in shape.others:
            for value in bounds:
                yield told | {key: value}


@pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own
@pytest.mark.parametrize("name", SHAPES)
def test_what_check_lets_through_can_be_judged(name: str) -> None:
    from pophub.gates import validator

    found: dict[str, Rule] = {}
    refused = 0
    for kwargs in tries(name):
        try:
            rule = read(name, kwargs)
            found.setdefault(repr(sorted(rule.kwargs.items(), key=str)), rule)
        except ConfigError:
            refused += 1
    free = all(one.kind == "column" and not one.held for one in SHAPES[name].arguments)
    assert found and (refused or free)
    rules = list(found.values())
    wanted = {column for rule in rules for column in read_columns(rule.expectation, rule.kwargs)}
    judged = validator.validate(validator.prepare(rules), {column: FRAME[column] for column in wanted})
    assert len(judged) == len(rules)
    for one in judged:
        assert one.raised is None and one.rows is not None and one.judged == 4, (rules[one.rule].kwargs, one)


REFUSED = [
    (
        "expect_amount",
        {"column": "full_name", "least": 0},
        "config.type",
        "full_name holds a text, not a number",
    ),
    ("expect_amount", {"column": "children", "not_above": "sex"}, "config.type", "sex holds a text"),
    ("expect_amount", {"column": "children"}, "config.missing", "neither least nor most"),
    ("expect_amount", {"column": "children", "least": 5, "most": 1}, "config.range", "most is below least"),
    ("expect_text", {"column": "birth_date", "check": "control"}, "config.type", "birth_date holds a date"),
    (
        "expect_personal_id",
        {"column": "children", "check": "length"},
        "config.type",
        "children holds a number",
    ),
    ("expect_code", {"column": "married", "codes": "sex"}, "config.type", "married holds a boolean"),
    ("expect_code", {"column": "sex", "codes": "sexes"}, "config.value", "there are channel, civil_event"),
    ("expect_order", {"first": "birth_date", "then": "seen_at"}, "config.type", "but birth_date a date"),
    (
        "expect_fresh",
        {"column": "seen_at", "days": 1.5, "holds": "time"},
        "config.type",
        "days is not a whole",
    ),
    (
        "expect_person_agrees",
        {"column": "full_name", "person": "citizen_id", "on": "birth_date"},
        "config.type",
        "full_name holds a text, but hub_citizen_id_birth_date a date",
    ),
    ("expect_column_values_to_be_in_set", {"column": "sex", "value_set": [1]}, "config.type", "has 1"),
    (
        "expect_column_values_to_be_between",
        {"column": "sex", "max_value": 5},
        "config.type",
        "sex holds a text",
    ),
    ("expect_column_values_to_be_between", {"column": "children"}, "config.missing", "neither min_value"),
    (
        "expect_column_values_to_match_regex",
        {"column": "sex", "regex": r"\A(\Z"},
        "suite.regex",
        "cannot be read",
    ),
    (
        "expect_column_pair_values_to_be_equal",
        {"column_A": "sex", "column_B": "full_name", "ignore_row_if": "never"},
        "config.value",
        "ignore_row_if is one of",
    ),
]


@pytest.mark.parametrize(("name", "kwargs", "code", "words"), REFUSED)
def test_what_judging_could_not_work_with_is_refused(
    name: str, kwargs: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(ConfigError) as told:
        read(name, kwargs)
    assert (told.value.code, words in told.value.what) == (code, True), str(told.value)


FILE = "connectors/mps/citizens.yaml"
DECLARED = [
    ("    kind: time", '    kind: sequence\n    format: "%Y"', "config.value", "a sequence is a number"),
    (
        "    kind: time",
        "    kind: time\n    changed_at: sua_luc",
        "config.value",
        "changed_at belongs to a sequence",
    ),
    ("{id: citizen_id}", "{id: birth_date}", "config.type", "birth_date is date, not a text"),
    ("{id: citizen_id}", "{id: citizen_id, birth_date: sex}", "config.type", "sex is string, not a date"),
]


@pytest.mark.parametrize(("old", "new", "code", "words"), DECLARED)
def test_what_a_connector_would_not_use_is_refused(
    project: Path, old: str, new: str, code: str, words: str
) -> None:
    edit(project, FILE, old, new)
    finding = check(project)[0]
    assert (finding.code, words in finding.what) == (code, True), str(finding)
    assert finding.where.rpartition(":")[2].isdigit()
