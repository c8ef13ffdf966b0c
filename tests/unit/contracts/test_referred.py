"""References to other datasets: what is refused with file and line, and what a record that names something is judged by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from project_kit import edit

from pophub.contracts.load import check, load_all
from pophub.contracts.model import Connector, ConnectorFile, DatasetReference
from pophub.contracts.referred import in_turn, referred
from pophub.domain.errors import PophubError
from pophub.domain.record import Accepted, Versions
from pophub.gates.checks import amount, same
from pophub.gates.frame import Frame
from pophub.gates.rules import GreatExpectationsRules
from pophub.settings import PROJECT
from pophub.stages.hub_columns import hub_columns

FILE, LOOKS_UP = "connectors/moit/ecommerce_sales.yaml", "connectors/laocai/procedures.yaml"
MATCHES = "connectors/mps/identity_accounts.yaml"
DAY_US, ZONE_US = 86_400_000_000, 7 * 3_600_000_000

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own


def flaws(project: Path) -> list[PophubError]:
    """Give what is wrong; that a subscription is to a broken connector follows from it."""
    return [error for error in check(project) if not error.where.startswith("subscriptions/")]


def refer(project: Path, references: str) -> None:
    path = project / FILE
    path.write_text(path.read_text().rstrip("\n") + f"\nreferences:\n  - {references}\n")


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
        ("{fields: [seller_name], to: mps.citizens}", "config.value", "name its citizens under people"),
        ("{fields: [platform], to: catalogue.databases, grace_s: -1}", "config.range", "grace_s"),
        ("{fields: [], to: catalogue.databases}", "config.range", "fields"),
        ("{fields: [platform], to: databases}", "identifier.invalid", "a stem"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named_with_file_and_line(
    project: Path, reference: str, code: str, words: str
) -> None:
    refer(project, reference)
    found = flaws(project)
    assert [error.code for error in found] == ([code] if code else []), [str(error) for error in found]
    if code:
        assert words in found[0].what
        line = len((project / FILE).read_text().splitlines())
        assert found[0].where == f"{FILE}:{line}"


def test_a_dataset_that_refers_to_itself_has_its_turn_as_before(project: Path) -> None:
    turns = in_turn(load_all(project)[0])
    refer(project, "{fields: [platform], to: moit.ecommerce_sales}")
    assert flaws(project) == []
    assert in_turn(load_all(project)[0]) == turns, "not last, with all that refer to it"


def test_a_reference_to_a_broken_dataset_waits_for_that_to_be_mended(project: Path) -> None:
    refer(project, "{fields: [platform], to: catalogue.databases}")
    (project / "connectors/catalogue/databases.yaml").write_text("mapping: [\n")
    assert [error.code for error in flaws(project)] == ["yaml.syntax"]


def test_a_rule_about_a_reference_needs_that_reference(project: Path) -> None:
    refer(project, "{fields: [platform], to: catalogue.databases}")
    path = project / "expectations/moit/ecommerce_sales.json"
    suite = json.loads(path.read_text())
    rule = {"type": "expect_reference_known", "kwargs": {"column": "orders"},
            "meta": {"gate": "sufficient", "code": "sufficient.unknown_reference"}}  # fmt: skip
    path.write_text(json.dumps({**suite, "expectations": [*suite["expectations"], rule]}))
    (found,) = flaws(project)
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
        ("seller_tax_code", ("seller_tax_code",), "mof.taxpayers", "sufficient.unknown_organisation"),
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
        ("a", "b", 10, {"a|b": 11 * DAY_US - ZONE_US}, True),  # gone as the next day began in Vietnam
        ("a", "b", 10, {"a|b": 11 * DAY_US - ZONE_US - 1}, False),
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


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("by: procedure_code", "by: dossier_no", "config.value", "declare it under references"),
        (
            "    in: laocai.procedure_catalogue",
            "    in: catalogue.databases",
            "config.value",
            "refers to laocai",
        ),
        ("[paperless,", "[paperles,", "schema.field_missing", "mean paperless"),
        ("fields: [paperless, fee_vnd, fee_online_vnd]", "fields: []", "config.range", "fields"),
    ],
)
def test_a_look_up_that_leads_nowhere_is_named_with_file_and_line(
    project: Path, old: str, new: str, code: str, words: str
) -> None:
    edit(project, LOOKS_UP, old, new)
    lines = (project / LOOKS_UP).read_text().splitlines()
    line = next(n for n, one in enumerate(lines, start=1) if new.strip() in one)
    found = [error for error in flaws(project) if error.where.startswith("connectors/laocai")]
    assert [error.code for error in found] == [code], [str(error) for error in found]
    assert words in found[0].what
    assert found[0].where == f"{LOOKS_UP}:{line}"


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("by: citizen_id, in", "by: citizen, in", "schema.field_missing", "mean citizen_id"),
        ("by: citizen_id, in", "by: issued_on, in", "config.type", "is date, not string"),
        ("match: citizen_id", "match: citizen", "schema.field_missing", "mean citizen_id"),
        ("match: citizen_id", "match: event_date", "config.type", "is date, not string"),
        ("{event_kind: DEATH}", "{event_date: DEATH}", "config.type", "is date, not string"),
        ("{event_kind: DEATH}", "{kind: DEATH}", "schema.field_missing", "has no field 'kind'"),
        (
            "match: citizen_id,",
            "match: citizen_id, at: level,",
            "config.type",
            "not date or timestamp-micros",
        ),
        ("match: citizen_id, ", "", "config.value", "only and at are for a look-up with match"),
    ],
)
def test_a_look_up_by_a_field_that_cannot_be_matched_is_named_with_file_and_line(
    project: Path, old: str, new: str, code: str, words: str
) -> None:
    edit(project, MATCHES, old, new)
    lines = (project / MATCHES).read_text().splitlines()
    line = next(n for n, one in enumerate(lines, start=1) if "in: moj.civil" in one)
    found = [error for error in flaws(project) if error.where == f"{MATCHES}:{line}"]
    assert [error.code for error in found] == [code], [str(error) for error in found]
    assert words in found[0].what


def test_a_look_up_in_a_dataset_that_is_not_there_or_broken_is_told(project: Path) -> None:
    path = project / LOOKS_UP
    path.write_text(path.read_text().replace("laocai.procedure_catalogue", "laocai.procedure_catalog"))
    assert "config.unknown_stem" in {error.code for error in flaws(project)}
    path.write_text(path.read_text().replace("laocai.procedure_catalog", "laocai.procedure_catalogue"))
    (project / "connectors/laocai/procedure_catalogue.yaml").write_text("mapping: [\n")
    found = [error for error in flaws(project) if error.where.startswith("connectors/laocai/procedures")]
    assert [error.code for error in found] == ["config.value"] and "cannot be read" in found[0].what


def test_a_look_up_that_would_hide_another_column_is_refused(project: Path) -> None:
    schema = project / "schemas/laocai/procedure_catalogue.v1.avsc"
    schema.write_text(schema.read_text().replace('"name": "on_portal"', '"name": "known"'))
    catalogue = project / "connectors/laocai/procedure_catalogue.yaml"
    catalogue.write_text(catalogue.read_text().replace("  on_portal:", "  known:"))
    path = project / LOOKS_UP
    text = (
        path.read_text()
        .replace("  procedure:\n", "  procedure_code:\n")
        .replace("[paperless,", "[known, paperless,")
    )
    path.write_text(text)
    found = {error.code: error.what for error in flaws(project)}
    assert "is a column already" in found["config.value"]


def test_what_a_record_refers_to_is_looked_up_as_it_stood_at_the_record_s_time() -> None:
    connector = {one.stem: one for one in load_all(PROJECT)[0]}["laocai.procedures"]
    columns: dict[str, list[Any]] = {field.name: [None] * 4 for field in connector.contract.fields}
    columns |= {"procedure_code": ["a", "a", None, "b"], "submitted_on": [10, 11, 10, 10]}
    versions = Versions(columns, keys=list("klmn"), markers=[1] * 4, changed_at=[100] * 4, deleted=[False] * 4,
                        contents=[b""] * 4, event_ids=[b""] * 4, contracts=[1] * 4, batches=[1] * 4, stamps=[500] * 4,
                        whole=[True] * 4)  # fmt: skip
    end = 11 * DAY_US - ZONE_US - 1  # of day 10 in Asia/Ho_Chi_Minh
    columns_of_it = tuple(f"hub_procedure_{name}" for name in ("paperless", "fee_vnd", "fee_online_vnd"))
    known = {columns_of_it: {("a", end): (False, 10, 6), ("a", end + DAY_US): (True, 20, 12)}}
    accepted = Accepted({}, {}, {}, {}, {"laocai.procedure_catalogue": {"a": None}}, known)
    hub = hub_columns(connector, versions, accepted)
    assert hub["hub_procedure_paperless"] == [False, True, None, None]
    assert hub["hub_procedure_fee_vnd"] == [10, 20, None, None]
    assert hub["hub_procedure_fee_online_vnd"] == [6, 12, None, None]


def test_a_rule_may_be_about_some_rows_alone() -> None:
    frame = Frame(
        {"fee": [1, 2, None, 2, 2], "due": [1, 1, 1, None, 1], "yes": [True, True, True, True, None]}
    )
    told: dict[str, Any] = {"column": "fee", "other": "due"}
    assert same(frame, told) == [1, 4]
    assert same(frame, {**told, "only_if": "yes"}) == [1]
    assert same(frame, {**told, "unless": "yes"}) == []
    assert amount(frame, {"column": "fee", "most": 1, "only_if": "yes"}) == [1, 3]
    assert amount(frame, {"column": "fee", "most": 1}) == [1, 3, 4]
