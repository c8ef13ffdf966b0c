"""What was sent or encoded under an earlier contract version keeps its fields when the contract is raised."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import Any

import fastavro
import pytest
from fake_rules import FIELDS, things

from pophub import avro
from pophub.contracts.model import AvroField, Connector, Contract, Text
from pophub.contracts.subscription_model import Grant
from pophub.domain.history import AcceptedVersion
from pophub.domain.record import Versions
from pophub.gates.mapping import ContractMapper
from pophub.sharing.hub_log import HubLog
from pophub.sharing.subscription import Form, Subscription, granted_schemas
from pophub.stages.read_block import add_block

TEXT = Text(en="x", vi="x")
EXTRA = {"name": "extra", "type": ["null", "string"]}
LATER = {"name": "later", "type": ["null", "long"]}


def raised(connector: Connector, *fields: dict[str, Any]) -> Connector:
    """Raise the connector's contract once for each field, which is appended."""
    for field in fields:
        before = connector.contract
        schema = json.loads(before.avro_schema)
        schema["fields"].append(field)
        contract = Contract(
            version=before.version + 1, avro_schema=json.dumps(schema), earlier={before.version: before.avro_schema, **before.earlier},
            record_name=before.record_name, rules=(), suite_path=before.suite_path,
            fields=(*before.fields, AvroField(name=field["name"], type=field["type"][1], nullable=True)),
        )  # fmt: skip
        connector = connector.model_copy(update={"contract": contract})
    return connector


def subscribed(connector: Connector, registry: dict[str, int], grant: Grant) -> Subscription:
    """Give a subscription whose schemas are registered, the oldest first, each once."""
    schemas = granted_schemas(connector, "portal", grant.fields)
    for schema in reversed(schemas):
        registry.setdefault(avro.canonical(schema), len(registry) + 1)
    forms = tuple(Form(schema, registry[avro.canonical(schema)]) for schema in schemas)
    return Subscription("portal", connector, grant, forms, b"secret")


def granted(*fields: str, **rows: tuple[str, ...]) -> Grant:
    return Grant(dataset="mem.things", purpose=TEXT, legal_basis="x", fields=fields, rows=rows,
                 starts=date(2022, 1, 1))  # fmt: skip


def accepted(sequence: int, connector: Connector, **values: Any) -> AcceptedVersion:
    """Give an accepted version as judge encodes it under the connector's contract."""
    record = {name: values.get(name) for name in avro.names_of(connector.contract.avro_schema)}
    record["key"] = f"k{sequence}"
    (payload,) = avro.encode_records(
        connector.contract.avro_schema, {name: [value] for name, value in record.items()}, [0]
    )
    return AcceptedVersion(
        sequence, bytes([sequence]) * 16, f"k{sequence}", sequence, "u", payload, 1, 5, 6, b"", bytes(16)
    )


def read(registry: dict[str, int], value: bytes | None) -> dict[str, Any]:
    """Read a message as a stranger does: by the schema that its framing names, to its last byte."""
    assert value is not None and value[0] == 0
    schemas = {number: schema for schema, number in registry.items()}
    body = io.BytesIO(value[5:])
    schema = fastavro.parse_schema(json.loads(schemas[int.from_bytes(value[1:5], "big")]))
    record: Any = fastavro.schemaless_reader(body, schema, None)
    assert body.read() == b""
    return dict(record)


FIRST, SECOND = things(), raised(things(), EXTRA)
THIRD = raised(things(), EXTRA, LATER)
OLD, NEW = accepted(1, FIRST, value="a"), accepted(2, SECOND, value="b", extra="e")
GONE = AcceptedVersion(3, b"g" * 16, "k3", 3, "d", None, 1, 5, 6, bytes(32), bytes(16))


def test_the_own_log_carries_each_payload_as_it_is_under_its_own_version() -> None:
    (message,), records = HubLog("mem.things").outgoing([OLD, NEW, GONE])
    assert (message.key, message.headers, records) == (None, [], 3)
    found = avro.decode_history(message.value or b"")
    assert found == [OLD, NEW, GONE]
    blank = dict.fromkeys(("person", "number", "extra", "later"))
    read = [avro.decode_known(THIRD.contract.schemas, row.payload) for row in found if row.payload]
    assert read == [blank | {"key": "k1", "value": "a"}, blank | {"key": "k2", "value": "b", "extra": "e"}]


def test_a_subscriber_gets_the_granted_fields_that_the_version_has() -> None:
    registry: dict[str, int] = {}
    before = subscribed(FIRST, registry, granted("key", "value")).messages([OLD])
    wider = subscribed(SECOND, registry, granted("key", "value", "extra"))
    messages = wider.messages([NEW, OLD])
    assert messages[1:] == before, "raising contract and grant changes nothing of what went out"
    assert read(registry, messages[1].value) == {"key": "k1", "value": "a"}
    assert read(registry, messages[0].value) == {"key": "k2", "value": "b", "extra": "e"}


def test_a_grant_of_fields_that_all_versions_have_has_one_schema() -> None:
    registry: dict[str, int] = {}
    subscription = subscribed(THIRD, registry, granted("key", "value"))
    assert {form.schema_id for form in subscription.forms} == {1}
    found = [read(registry, m.value) for m in subscription.messages([OLD, NEW])]
    assert found == [{"key": "k1", "value": "a"}, {"key": "k2", "value": "b"}]


def test_a_version_without_any_granted_field_is_null_in_the_first_that_has_one() -> None:
    registry: dict[str, int] = {}
    second = subscribed(SECOND, registry, granted("extra")).messages([OLD, NEW])
    assert [read(registry, m.value) for m in second] == [{"extra": None}, {"extra": "e"}]
    third = subscribed(THIRD, registry, granted("extra", "later"))
    assert third.messages([OLD, NEW]) == second
    assert [avro.names_of(form.schema) for form in third.forms] == [
        ("extra", "later"),
        ("extra",),
        ("extra",),
    ]


@pytest.mark.parametrize("wanted", ["None", "", "a"])
def test_a_field_that_the_version_lacks_matches_no_row_term(wanted: str) -> None:
    subscription = subscribed(SECOND, {}, granted("key", extra=("e", wanted)))
    empty = accepted(4, SECOND, value="c")
    assert subscription.granted([OLD, NEW, GONE, empty]) == [NEW]


def test_a_payload_of_no_known_version_is_not_shared() -> None:
    subscription = subscribed(SECOND, {}, granted("key"))
    assert OLD.payload is not None
    for bad, code in ((OLD.payload[:-1], "truncated"), (OLD.payload + b"\2", "truncated"),
                      (OLD.payload + b"\0\0", "trailing")):  # fmt: skip
        with pytest.raises(avro.BadBlock) as caught:
            subscription.messages([NEW, OLD._replace(payload=bad)])
        assert caught.value.code == f"contract.avro.{code}"


def judged_of(connector: Connector, contract: int, **columns: Any) -> Versions:
    """Give a row of raw, sent under a contract version, as judge maps it."""
    block = avro.Block(1, 0, contract, 1, {name: [value] for name, value in columns.items()})
    versions = Versions({})
    kept = [field.name for field in connector.contract.fields]
    add_block(versions, connector, ContractMapper(connector), 0, block, kept)
    return versions


def test_a_row_sent_before_the_contract_was_raised_lacks_the_new_field_and_nothing_else() -> None:
    sent = {"key": "k1", "value": "a", "person": None, "number": "1", "seq": 5, "gone": False}
    mapping = {name: {"from": name} for name in (*FIELDS, "extra")}
    second = raised(things(mapping=mapping, contract=2), EXTRA)
    before, after = judged_of(FIRST, 1, **sent), judged_of(second, 1, **sent)
    assert after.failures == {} and after.columns["extra"] == [None]
    assert (after.contents, after.event_ids) == (before.contents, before.event_ids)
    told = judged_of(second, 1, **sent, extra="e")  # the source had the column before the contract did
    assert (told.columns["extra"], told.contents) == (["e"], before.contents)
    assert told.payloads != after.payloads
    for contract, left_out in ((2, "extra"), (1, "value"), (7, "extra")):
        row = {name: value for name, value in {**sent, "extra": "e"}.items() if name != left_out}
        (failure,) = judged_of(second, contract, **row).failures[0]
        assert (failure.code, failure.field) == ("contract.field.missing", left_out)


def test_what_leaves_limited_rows_is_a_delete_to_who_has_the_key_and_to_nobody_else() -> None:
    def version(sequence: int, key: str, value: str | None) -> AcceptedVersion:
        row = accepted(sequence, FIRST, value=value)._replace(key=key)
        return row if value is not None else row._replace(operation="d", payload=None)

    subscription = subscribed(FIRST, {}, granted("key", "value", value=("in",))).knowing({"had"}.intersection)
    rows = [
        version(1, "new", "out"), version(2, "had", "out"), version(3, "had", None), version(4, "new", "in"),
        version(5, "new", "in"), version(6, "new", None), version(7, "new", "out"), version(8, "other", None),
    ]  # fmt: skip
    found = [(row.sequence, row.payload is None) for row in subscription.granted(rows)]
    assert found == [(2, True), (4, False), (5, False), (6, True)]
    again = [subscription.as_shared(row) for row in subscription.granted(rows)]
    assert [(row.sequence, row.payload is None) for row in again] == found
