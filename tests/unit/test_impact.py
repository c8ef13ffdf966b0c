"""What a changed contract takes from a subscriber, and which accepted records it would refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import project_kit
import pytest
from project_kit import copied

from pophub import avro
from pophub.contracts.load import load_all, load_connector
from pophub.contracts.model import Connector
from pophub.contracts.refusals import read_kept
from pophub.contracts.subscription_model import Grant
from pophub.domain.codes import explain
from pophub.domain.errors import ConfigError
from pophub.domain.record import Accepted, Columns, Versions
from pophub.gates.mapping import ContractMapper
from pophub.gates.rules import GreatExpectationsRules
from pophub.settings import PROJECT
from pophub.sharing.taken import effect, taken_fields
from pophub.stages.rejudge import Rejudged, Side, rejudge, taken

FILE = "connectors/mof/einvoices.yaml"
SCHEMA = "schemas/mof/einvoices.v1.avsc"
SUITE = "expectations/mof/einvoices.json"
NOW_US = 1_710_600_000_000_000  # a day after the sample was issued
Edit = Callable[..., Connector]


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    """Change a file of the e-invoices' contract; give the connector as it is then."""
    copied(tmp_path)

    def change(name: str, *pairs: tuple[str, str]) -> Connector:
        for old, new in pairs:
            project_kit.edit(tmp_path, name, old, new)
        return load_connector(tmp_path / FILE, tmp_path)

    return change


@pytest.fixture
def before() -> Connector:
    return load_connector(PROJECT / FILE, PROJECT)


def grant(*fields: str, **rows: list[str]) -> Grant:
    told = {"dataset": "mof.einvoices", "purpose": {"en": "x", "vi": "x"}, "legal_basis": "x"}
    return Grant.model_validate(told | {"fields": fields, "rows": rows, "starts": date(2022, 1, 1)})


def takes(before: Connector, after: Connector, *fields: str, **rows: list[str]) -> list[tuple[str, str]]:
    return [(one.field, one.what) for one in taken_fields(before, after, "gdt", grant(*fields, **rows))]


def test_a_contract_is_read_back_as_it_was_put_on_record() -> None:
    for connector in load_all(PROJECT)[0]:
        kept = json.loads(connector.model_dump_json(by_alias=True))
        assert Connector.model_validate(kept) == connector


@pytest.mark.parametrize("wrong", [{"renamed": "0101234565"}, {"path": {"of": "0101234565"}}])
def test_a_contract_on_record_that_this_version_cannot_read_is_told_without_what_it_says(
    before: Connector, wrong: dict[str, Any]
) -> None:
    kept = json.loads(before.model_dump_json(by_alias=True)) | wrong
    with pytest.raises(ConfigError) as raised:
        read_kept(Connector, kept, before.stem)
    error = raised.value
    assert (error.code, error.where, error.remedy) == (
        "hub.layout",
        "mof.einvoices",
        explain("hub.layout").remedy,
    )
    assert "0101234565" not in f"{error} {error.__cause__}" and error.__suppress_context__


def test_a_granted_field_that_is_gone_is_taken_and_another_one_is_not(before: Connector) -> None:
    fields = tuple(one for one in before.contract.fields if one.name != "seller_name")
    after = before.model_copy(update={"contract": before.contract.model_copy(update={"fields": fields})})
    assert takes(before, after, "seller_name", "status") == [("seller_name", "the field is gone")]
    assert takes(before, after, "status") == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"type": "long"}, "string becomes long"),
        ({"type": "decimal", "precision": 9, "scale": 2}, "string becomes decimal(9, 2)"),
    ],
)
def test_a_granted_field_of_another_type_is_taken(
    before: Connector, change: dict[str, Any], what: str
) -> None:
    assert takes(before, with_field(before, "status", change), "status") == [("status", what)]


def test_a_granted_field_that_may_be_empty_now_is_taken(before: Connector) -> None:
    key = before.file.key[0]
    assert takes(before, with_field(before, key, {"nullable": True}), key) == [(key, "it may be empty now")]
    assert takes(with_field(before, key, {"nullable": True}), before, key) == []


def with_field(connector: Connector, name: str, change: dict[str, Any]) -> Connector:
    fields = tuple(f.model_copy(update=change) if f.name == name else f for f in connector.contract.fields)
    return connector.model_copy(update={"contract": connector.contract.model_copy(update={"fields": fields})})


def test_values_that_a_code_table_lost_are_taken_and_new_ones_are_not(before: Connector, edit: Edit) -> None:
    table = "codes/invoice_status.json"
    more = ('"3": "3"', '"3": "3", "4": "4"'), ('"3": "cancelled"', '"3": "cancelled", "4": "replaced"')
    wider = edit(table, *more)
    assert takes(before, wider, "status") == []
    assert takes(wider, before, "status") == [("status", "no longer comes: 4")]
    assert takes(wider, before, "seller_name", status=["1"]) == [("status", "no longer comes: 4")]
    assert takes(wider, before, "seller_name") == []


def test_a_field_that_becomes_a_list_of_values_is_taken(before: Connector, edit: Edit) -> None:
    rule = '{"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "seller_name", "value_set": ["An"]}, '
    rule += '"meta": {"gate": "correct", "code": "correct.code.unknown"}},\n    '
    after = edit(SUITE, ('{"type": "expect_code"', rule + '{"type": "expect_code"'))
    assert takes(before, after, "seller_name") == [("seller_name", "only 1 listed values come now")]


def invoices(count: int) -> avro.Block:
    columns: Columns = json.loads((PROJECT / "tests/samples/mof.einvoices/all_tax.pass.json").read_text())[
        "raw"
    ]
    made = {name: [value] * count for name, value in columns.items()}
    made["so_hd"] = [f"C24TAA-0000{number}" for number in range(count)]
    return avro.decode_block(avro.encode_block(avro.Block(1, NOW_US, 1, count, made)))


def everyone_known(versions: Versions) -> Accepted:
    people = {key: [(0, None, None, True)] for key in versions.columns["seller_citizen_id"] if key}
    sellers = dict.fromkeys(filter(None, versions.columns["seller_tax_code"]))
    return Accepted({}, {}, people, {}, {"mof.taxpayers": sellers})


def judged(before: Connector, after: Connector, *blocks: avro.Block) -> Rejudged:
    sides = [
        Side(one, ContractMapper(one), GreatExpectationsRules(one), everyone_known) for one in (before, after)
    ]
    return rejudge(sides[0], sides[1], blocks)


@pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own
def test_records_that_only_the_changed_contract_refuses_are_failing(before: Connector, edit: Edit) -> None:
    block = invoices(4)
    totals = before.file.mapping["total_vnd"].source
    block.columns[totals] = [100, 5_000_000, "no number", 7_000_000]
    tax = before.file.mapping["tax_vnd"].source
    block.columns[tax] = [1, 1, 1, 1]
    after = edit(SUITE, ('"total_vnd", "least": 0}', '"total_vnd", "least": 1000000}'))
    found = judged(before, after, taken(block, [0, 1]), taken(block, [2, 3]))
    assert {row: {f.code for f in failures} for row, failures in found.failing.items()} == {
        0: {"correct.amount.range"}
    }
    assert found.sound == (1, 3), "a row that fails under both is neither"
    told = effect(before, "gdt", grant("status", "total_vnd"), found.before, found.after, [0], found.sound)
    assert (told.rows, told.gone, told.changed) == (3, 1, 0)
    none = effect(before, "gdt", grant("status", status=["2"]), found.before, found.after, [0], found.sound)
    assert (none.rows, none.gone) == (0, 0), "rows outside of the terms are not missed"


@pytest.mark.filterwarnings("default")
def test_a_changed_mapping_is_tried_on_what_the_source_sent(before: Connector, edit: Edit) -> None:
    after = edit("codes/invoice_status.json", ('"1": "1"', '"1": "2"'), ('  "1": "original",\n', ""))
    found = judged(before, after, invoices(2))
    assert found.failing == {}
    told = effect(before, "gdt", grant("status"), found.before, found.after, [], found.sound)
    assert (told.rows, told.gone, told.changed) == (2, 0, 2)


@pytest.mark.filterwarnings("default")
def test_a_field_that_came_later_fails_no_record_that_could_not_have_it(before: Connector) -> None:
    rule = before.contract.rules[0].model_copy(
        update={"expectation": "expect_present", "kwargs": {"column": "phone"}, "field": "phone"}
    )
    phone = before.contract.fields[-1].model_copy(
        update={"name": "phone", "nullable": True, "type": "string"}
    )
    schema = json.loads(before.contract.avro_schema)
    schema["fields"].append({"name": "phone", "type": ["null", "string"], "default": None})
    contract = before.contract.model_copy(
        update={
            "version": 2,
            "earlier": {1: before.contract.avro_schema},
            "avro_schema": json.dumps(schema),
            "fields": (*before.contract.fields, phone),
            "rules": (*before.contract.rules, rule),
        }
    )
    mapping = before.file.mapping | {
        "phone": before.file.mapping["status"].model_copy(update={"source": "so_dt"})
    }
    file = before.file.model_copy(update={"mapping": mapping})
    after = before.model_copy(update={"file": file, "contract": contract})
    found = judged(before, after, invoices(1))
    assert (found.failing, found.sound) == ({}, (0,))
