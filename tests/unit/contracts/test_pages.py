"""The generated pages of connector files and expectations: complete, and each example is read as it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from pophub.contracts.code_tables import read_tables
from pophub.contracts.connector_page import connector_page
from pophub.contracts.expectations_page import expectations_page
from pophub.contracts.model import AvroField, ConnectorFile
from pophub.contracts.refusals import read_model
from pophub.contracts.shapes import SHAPES
from pophub.contracts.source_model import Model
from pophub.contracts.strict_yaml import Document, parse_document
from pophub.contracts.subscription_model import SubscriptionFile
from pophub.contracts.suite import SuiteReader
from pophub.domain.codes import is_rule
from pophub.domain.record import Columns

PROJECT = Path(__file__).parents[3]
WHERE = Path("page.md")
SQL = "`source` of `kind: sql`"
MODELS: tuple[type[Model], ...] = (ConnectorFile, SubscriptionFile)
TYPES: dict[str | None, Any] = {None: "string", "date": "date", "integer": "long"}


def halves() -> list[str]:
    """Give the parts of the page that speak of the two files."""
    return re.split(r"^## The ", connector_page(PROJECT), flags=re.M)[1:]


def whole_file(half: str) -> Document:
    found = re.search(r"```yaml\n(.*?)```", half, re.S)
    assert found
    return parse_document(found[1], WHERE)


def keys(half: str) -> Iterator[tuple[str, str, str]]:
    """Give each key that a half tells: its section, its name, its example."""
    for section in re.split(r"^### ", half.split("## Code tables")[0], flags=re.M)[1:]:
        title, _, body = section.partition("\n")
        for row in re.findall(r"^\| `(.*)` \|$", body, re.M):
            cells = row.split(" | ")
            yield title, cells[0].strip("`"), cells[-1].strip("`")


def place_in(data: dict[str, Any], title: str, examples: dict[tuple[str, str], str]) -> dict[str, Any]:
    """Give the mapping that a section speaks of, made from the examples of what must be there."""
    if title == "the file itself":
        return data
    path = title.split("`")[1]
    kinds = tuple(f"`source` of `kind: {name}`" for name in ("files", "http", "kafka", "cdc"))
    of_kind = f"`source` of {title.partition(' of ')[2]}"
    inner = path.removeprefix("source: ").partition(":")[0]
    found = [kind for kind in kinds if (kind, inner) in examples and (SQL, inner) not in examples]
    if kind := of_kind if of_kind in kinds else next(iter(found), None):
        needed = [
            key for key in ("kind", "url", "table", "key", "topic", "marker") if (kind, key) in examples
        ]
        data["source"] = {key: parse_document(examples[kind, key], WHERE).data[key] for key in needed}
    for step in path.split(": "):
        name = step.removesuffix("[]")
        if step == "FIELD":
            data = data["full_name"]
        elif step == "NAME":
            data = next(iter(data.values()))
        else:
            made = next(
                examples[at, name]
                for at in ("the file itself", SQL, "`mapping: FIELD`", *filter(None, [kind]), *kinds)
                if (at, name) in examples
            )
            data = data.setdefault(name, parse_document(made, WHERE).data[name])
        if step.endswith("[]"):
            data = data[0]  # type: ignore[assignment]
    return data


def test_the_whole_files_of_the_page_are_read() -> None:
    for model, half in zip(MODELS, halves(), strict=True):
        read_model(model, whole_file(half))


@pytest.mark.parametrize("number", [0, 1])
def test_each_key_has_a_meaning_and_an_example_that_is_read(number: int) -> None:
    model, half = MODELS[number], halves()[number]
    told = list(keys(half))
    examples = {(title, key): shown for title, key, shown in told}
    assert len(told) == len(examples) > 10
    for title, key, shown in told:
        data = whole_file(half).data
        given = parse_document(shown, WHERE).data
        assert list(given) == [key]
        place_in(data, title, examples).update(given)
        read = read_model(model, Document(WHERE, data))
        assert read.model_dump(by_alias=True, exclude_unset=True), (title, key)
    for row in re.findall(r"^\| `.*\|$", half.split("## Code tables")[0], re.M):
        assert not re.search(r"\|\s+\|[^|]*\|\s*$", row), f"no meaning: {row}"


def models_within(model: type[Model]) -> Iterator[type[Model]]:
    yield model
    for field in model.model_fields.values():
        for name in re.findall(r"pophub\.contracts\.model\.(\w+)", repr(field.annotation)):
            inner = getattr(__import__("pophub.contracts.model", fromlist=[name]), name)
            if isinstance(inner, type) and issubclass(inner, Model):
                yield from models_within(inner)


def test_every_key_of_the_models_is_told() -> None:
    for model, half in zip(MODELS, halves(), strict=True):
        told = [key for _, key, _ in keys(half)]
        for one in set(models_within(model)):
            for name, field in one.model_fields.items():
                assert (field.alias or name) in told, (one.__name__, name)


def fields_of(file: ConnectorFile) -> tuple[AvroField, ...]:
    return tuple(
        AvroField(
            name=name,
            type="int" if mapping.precision == "year" else TYPES[mapping.parse],
            nullable=name not in file.key,
        )
        for name, mapping in file.mapping.items()
    )


def rules_of_the_page() -> list[dict[str, Any]]:
    return [json.loads(found) for found in re.findall(r"```json\n(.*?)\n```", expectations_page(), re.S)]


def test_each_example_of_an_expectation_is_a_rule_over_the_connector_of_the_page() -> None:
    file = read_model(ConnectorFile, whole_file(halves()[0]))
    rules = rules_of_the_page()
    assert [rule["type"] for rule in rules] == list(SHAPES)
    suite = Document(WHERE, {"name": "page", "expectations": rules})
    found = SuiteReader(suite, file, fields_of(file), read_tables(PROJECT)[0]).read()
    assert [rule.expectation for rule in found] == list(SHAPES)
    for name, shape in SHAPES.items():
        assert all(is_rule(code) for code in shape.codes), name
        assert set(shape.example) <= {one.name for one in shape.arguments}


SOUND: dict[str, Any] = {
    "citizen_id": "001090000001",
    "full_name": "Nguyễn Văn An",
    "name_on_card": "Nguyễn Văn An",
    "birth_date": 7_500,
    "birth_year": 1990,
    "sex": "M",
    "province_code": "01",
    "tax_code": "0101234567",
    "work_email": "an@moha.example",
    "grade": "A1",
    "appointed_on": 15_000,
    "left_on": 19_000,
    "salary_vnd": 9_000_000,
    "salary_cap_vnd": 20_000_000,
    "hub_key": "1",
    "hub_marker": 1_700_000_000_000_000,
    "hub_exchanged_at": 1_700_000_000_000_000,
    "hub_content": "00",
    "hub_rival_content": "00",
    "hub_citizen_id_known": True,
    "hub_citizen_id_name": "Nguyễn Văn An",
    "hub_citizen_id_birth_date": 7_500,
    "hub_work_email_holder": None,
    "employer_name": "Sở Nội vụ",
    "hub_tax_code_known": True,
    "hub_tax_code_name": "Sở Nội vụ",
    "hub_tax_code_active": True,
    "work_unit": "A1",
    "hub_work_unit_known": True,
    "appointed_by": "69/2024/NĐ-CP",
    "hub_appointed_by_in_force": True,
}
NOBODY = {"hub_citizen_id_name": None, "hub_citizen_id_birth_date": None}  # as joined for a null


@pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own
@pytest.mark.parametrize("name", SHAPES)
def test_a_null_fares_as_the_page_says(name: str) -> None:
    from pophub.gates import validator

    file = read_model(ConnectorFile, whole_file(halves()[0]))
    rules = [rule for rule in rules_of_the_page() if rule["type"] == name]
    others = [rule for rule in rules_of_the_page() if rule["type"] != name]
    suite = Document(WHERE, {"name": "page", "expectations": rules + others})
    rule = SuiteReader(suite, file, fields_of(file), read_tables(PROJECT)[0]).read()[0]
    named = [rule.kwargs[key] for key in SHAPES[name].columns if key in rule.kwargs]
    for column in [c for c in named if not c.startswith("hub_")]:
        rows = [SOUND, SOUND | NOBODY | {column: None}]
        frame: Columns = {key: [row[key] for row in rows] for key in SOUND}
        judged = validator.validate(validator.prepare([rule]), frame)
        verdict: Literal["fails", "passes"] = "fails" if judged[0].rows == [1] else "passes"
        assert judged[0].rows in ([], [1]), judged
        assert SHAPES[name].null.startswith(verdict), (column, verdict)
