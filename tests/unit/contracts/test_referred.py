"""References to other datasets: what is refused with file and line, and what a record that names something is judged by."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pophub.contracts.load import check, load_all
from pophub.contracts.model import Connector, ConnectorFile, DatasetReference
from pophub.contracts.referred import referred
from pophub.domain.record import Accepted, Versions
from pophub.gates.rules import GreatExpectationsRules
from pophub.settings import PROJECT
from pophub.stages.hub_columns import hub_columns

FILE = "connectors/moit/ecommerce_sales.yaml"
DAY_US = 86_400_000_000

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own


def project_with(folder: Path, references: str) -> Path:
    for name in ("connectors", "schemas", "expectations", "codes"):
        shutil.copytree(PROJECT / name, folder / name)
    path = folder / FILE
    path.write_text(path.read_text().rstrip("\n") + f"\nreferences:\n  - {references}\n")
    return folder


@pytest.mark.parametrize(
    ("reference", "code", "words"),
    [
        ("{fields: [platform], to: catalogue.databases}", "", ""),
        ("{fields: [platform], to: catalogue.databases, at: period, grace_s: 60}", "", ""),
        ("{fields: [platform], to: moit.ecommerce_sales}", "", ""),
        ("{fields: [platfrom], to: catalogue.databases}", "schema.field_missing", "mean platform"),
        ("{fields: [platform], to: catalogue.database}", "config.unknown_stem", "mean catalogue.databases"),
        (
            "{fields: [platform], to: catalogue.databases, at: seller_name}",
            "config.type",
            "not a date or a time",
        ),
        (
            "{fields: [platform, orders], to: catalogue.databases}",
            "config.value",
            "is database_no: a reference",
        ),
        ("{fields: [turnover_vnd], to: catalogue.databases}", "config.type", "turnover_vnd is long"),
        ("{fields: [seller_citizen_id], to: catalogue.databases}", "config.value", "or is an id of people"),
        ("{fields: [seller_tax_code], to: mps.citizens}", "config.value", "name its citizens under people"),
        ("{fields: [platform], to: catalogue.databases, grace_s: -1}", "config.range", "grace_s"),
        ("{fields: [], to: catalogue.databases}", "config.range", "fields"),
        ("{fields: [platform], to: databases}", "identifier.invalid", "a stem"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named_with_file_and_line(
    tmp_path: Path, reference: str, code: str, words: str
) -> None:
    found = check(project_with(tmp_path, reference))
    assert [error.code for error in found] == ([code] if code else []), [str(error) for error in found]
    if code:
        assert words in found[0].what
        line = len((tmp_path / FILE).read_text().splitlines())
        assert found[0].where == f"{FILE}:{line}"


def test_a_reference_to_a_broken_dataset_waits_for_that_to_be_mended(tmp_path: Path) -> None:
    project = project_with(tmp_path, "{fields: [platform], to: catalogue.databases}")
    (project / "connectors/catalogue/databases.yaml").write_text("mapping: [\n")
    assert [error.code for error in check(project)] == ["yaml.syntax"]


def test_a_rule_about_a_reference_needs_that_reference(tmp_path: Path) -> None:
    project = project_with(tmp_path, "{fields: [platform], to: catalogue.databases}")
    path = project / "expectations/moit/ecommerce_sales.json"
    suite = json.loads(path.read_text())
    rule = {"type": "expect_reference_known", "kwargs": {"column": "orders"},
            "meta": {"gate": "sufficient", "code": "sufficient.unknown_reference"}}  # fmt: skip
    path.write_text(json.dumps({**suite, "expectations": [*suite["expectations"], rule]}))
    (found,) = check(project)
    assert found.code == "schema.field_missing" and "no such person, reference" in found.what


def declared(*references: dict[str, Any]) -> Connector:
    whole = {one.stem: one for one in load_all(PROJECT)[0]}["catalogue.databases"]
    rule = {"expectation": "expect_reference_known", "kwargs": {"column": "agency"}, "gate": "sufficient",
            "code": "sufficient.unknown_reference", "field": "agency"}  # fmt: skip
    file = whole.file.model_copy(
        update={"references": tuple(DatasetReference.model_validate(r) for r in references)}
    )
    contract = whole.contract.model_copy(
        update={"rules": (type(whole.contract.rules[0]).model_validate(rule),)}
    )
    return whole.model_copy(update={"file": file, "contract": contract})


def test_people_and_references_are_one_mechanism_told_apart_by_where_they_lead() -> None:
    base = {one.stem: one for one in load_all(PROJECT)[0]}["moit.ecommerce_sales"].file
    reference = DatasetReference(fields=("platform", "orders"), to="a.b", grace_s=5)
    file: ConnectorFile = base.model_copy(update={"references": (reference,)})
    found = [(one.name, one.fields, one.to, one.code) for one in referred(file)]
    assert found == [
        ("seller_citizen_id", ("seller_citizen_id",), "people", "sufficient.unknown_person"),
        ("platform", ("platform", "orders"), "a.b", "sufficient.unknown_reference"),
    ]


@pytest.mark.parametrize(
    ("agency", "owner", "day", "accepted", "known"),
    [
        ("a", "b", 10, {"a|b": None}, True),
        ("a", "b", 10, {}, False),
        ("a", "c", 10, {"a|b": None}, False),
        ("a|", "b", 10, {"a\\||b": None}, True),
        (None, "b", 10, {}, True),
        ("a", "b", 10, {"a|b": 11 * DAY_US}, True),  # gone as the next day began
        ("a", "b", 10, {"a|b": 11 * DAY_US - 1}, False),
        ("a", "b", None, {"a|b": 500}, False),  # no day: the time of the exchange, 500
        ("a", "b", None, {"a|b": 501}, True),
    ],
)
def test_what_is_referred_to_must_be_there_at_the_record_s_time(
    agency: str | None, owner: str, day: int | None, accepted: dict[str, int | None], known: bool
) -> None:
    connector = declared({"fields": ["agency", "owner"], "to": "a.b", "at": "registered_on"})
    columns: dict[str, list[Any]] = {field.name: ["x"] for field in connector.contract.fields}
    columns |= {"agency": [agency], "owner": [owner], "registered_on": [day]}
    versions = Versions(columns, keys=["k"], markers=[1], changed_at=[100], deleted=[False], contents=[b""],
                        event_ids=[b""], contracts=[1], batches=[1], stamps=[500], whole=[True])  # fmt: skip
    hub = hub_columns(connector, versions, Accepted({}, {}, {}, {}, {"a.b": accepted}))
    assert hub["hub_agency_known"] == [known]
    found = GreatExpectationsRules(connector).judge(versions.columns | hub)
    assert [failure.code for failure in found] == ([] if known else ["sufficient.unknown_reference"])
    versions.deleted = [True]
    assert hub_columns(connector, versions, Accepted({}, {}, {}, {}))["hub_agency_known"] == [True]
