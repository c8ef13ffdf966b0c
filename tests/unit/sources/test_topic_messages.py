"""Messages of a topic as changes of rows: what each kind says, and that a bad one suffers alone."""

from __future__ import annotations

import base64
import json
import random
import re
import shutil
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from message_kit import read, reader
from refused import refused

from pophub.contracts.kafka_source import KafkaSource
from pophub.contracts.load import load_connector
from pophub.domain.codes import CODES
from pophub.domain.record import CHANGED, FLAWS, GONE, SCAN
from pophub.kafka import BrokerAccess, ForeignTopic, TopicMessage
from pophub.sources.changes import Change, as_columns
from pophub.sources.open_topic import read_brokers
from pophub.sources.topic import OFFSETS

sys.path.insert(0, str(Path(__file__).parents[2]))

from api_kit import serving_tls
from topic_kit import change, column, framed, row_schema, told

PROJECT = Path(__file__).parents[3]
FIELDS = [column("so", "string"), column("ten", "string"), column("luong", "int64")]
AT_US = 1_764_000_000_000_000


@pytest.mark.parametrize("fields", [FIELDS, None], ids=["with schema", "without"])
@pytest.mark.parametrize("op", ["c", "u", "r"])
def test_a_row_that_is_new_changed_or_of_the_snapshot_comes_as_it_is_now(op: str, fields: Any) -> None:
    row = {"so": "1", "ten": "Trường Sơn", "luong": 9007199254740993}
    found = read(change(op, row, fields=fields), b'{"so": "1"}')
    assert found == Change(7, AT_US, None, {"so": "1", "ten": "Trường Sơn", "luong": 9007199254740993}, {})


def test_a_deleted_row_is_gone_once_and_its_empty_message_says_nothing_new() -> None:
    one = reader()
    key = told(row_schema(FIELDS[:1]), {"so": "1"})
    deleted = change("d", None, {"so": "1", "ten": None}, fields=FIELDS)
    assert read(deleted, key, by=one) == Change(7, AT_US, {"so": "1"}, None, {})
    assert one.change(TopicMessage(8, key, None, 1_000), 0) is None
    assert read(None, key, by=one) == Change(7, 1_000, {"so": "1"}, None, {})  # compaction left it alone


def test_an_empty_message_behind_another_key_deletes() -> None:
    one = reader()
    read(change("d", None, {"so": "1"}, fields=FIELDS), b'{"so": "1"}', by=one)
    assert read(None, b'{"so": "2"}', by=one).gone == {"so": "2"}


def test_a_delete_that_does_not_name_the_contracts_key_is_told() -> None:
    assert read(change("d", None, {"id": "7"}), b'{"id": "7"}').gone == {
        "so": None
    }  # fails as a key that is missing


def test_a_key_that_became_another_is_a_delete_and_a_row() -> None:
    found = read(change("u", {"so": "2", "ten": "An"}, {"so": "1", "ten": "An"}, fields=FIELDS))
    columns, of = as_columns([found], ("so", "ten"))
    assert (columns["so"], columns[GONE], of) == (["1", "2"], [True, False], [0, 0])
    assert columns[SCAN] == [7, 7]


def test_a_delete_without_the_row_before_takes_the_key_from_the_message() -> None:
    assert read(change("d", None), b'{"so": "1"}').gone == {"so": "1"}


@pytest.mark.parametrize(
    "before, key, told_before",
    [
        (None, b'{"so": "1"}', True),  # of a key that changed there would be a delete and a new row
        (None, b'{"id": 7, "so": "1"}', True),
        (None, b'{"id": 7}', False),
        (None, None, False),
        (None, b"Struct{so=1}", False),
        ({"id": 7, "so": "1", "ten": "An"}, b'{"id": 7}', True),
        ({"id": 7, "so": None, "ten": "An"}, b'{"id": 7}', True),  # it had none
        ({"id": None, "so": None, "ten": "An"}, b'{"id": 7}', False),  # some columns of the row before alone
        ({"so": "1", "ten": "An"}, None, True),
    ],
)
def test_an_update_that_does_not_tell_the_key_before_is_refused_and_leaves_no_old_key_in_silence(
    before: Any, key: bytes | None, told_before: bool
) -> None:
    found = read(change("u", {"id": 7, "so": "1", "ten": "Bình"}, before), key)
    assert found.flaws == ({} if told_before else {"so": "contract.key.untold"})
    assert found.gone is None
    assert read(change("c", {"id": 7, "so": "1", "ten": "Bình"}), key).flaws == {}


def test_the_place_is_the_offset_under_the_topics_generation() -> None:
    found = reader().change(TopicMessage(7, None, change("c", {"so": "1", "ten": None}), None), 2 << OFFSETS)
    assert found is not None
    assert found.place == (2 << 40) + 7


@pytest.mark.parametrize("op", ["t", "m", "x", ""])
def test_what_is_no_change_of_one_row_is_refused(op: str) -> None:
    assert read(change(op, None, fields=FIELDS)).flaws == {"": "contract.message.operation"}


@pytest.mark.parametrize(
    "value",
    [
        b"", b"{", b"7", b'"x"', b"[]", b"{}", b"null ]", b"\xff\xfe", b'{"op": "c"}', b'{"op": "c", "after": {}}',
        b'{"op": "c", "after": 7}', b'{"op": 7, "after": {"so": "1"}}', b'{"op": "c", "op": "d"}', b"[" * 100_000,
        b'{"op": "c", "after": {"so": "1", "so": "2"}}', b'{"op": "c", "after": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
        b'{"op": "c", "after": {"_gone": true}}', b'{"schema": 7, "payload": {"op": "c"}}',
        b'{"schema": {"type": "struct"}, "payload": {"op": "c", "after": {"so": "1"}}}',
        b'{"schema": {"fields": 7}, "payload": {"op": "c", "after": {"so": "1"}}}',
        b'{"schema": {"fields": [{"field": "after", "type": "struct", "fields": [{"field": "so", "type": "string"}, '
        b'{"field": "so", "type": "string"}]}]}, "payload": {"op": "c", "after": {"so": "1"}}}',
        b"\0", b"\0\0\0\0\1", b"\0\0\0\0\1\x02so",
    ],
)  # fmt: skip
def test_a_message_that_cannot_be_read_suffers_alone(value: bytes) -> None:
    found = read(value)
    assert (found.row, found.flaws) == ({}, {"": "contract.message.format"})
    columns, of = as_columns([read(change("c", {"so": "1", "ten": "An"})), found], ("so", "ten"))
    assert columns["so"] == ["1", None]
    assert json.loads(columns[FLAWS][1]) == {"": "contract.message.format"}
    assert of == [0, 1]


def test_bytes_that_mutate_are_read_or_refused_and_nothing_else() -> None:
    draw = random.Random(14)
    sound = change(
        "u", {"so": "1", "ten": "An", "luong": 5}, {"so": "1", "ten": "An", "luong": 4}, fields=FIELDS
    )
    schema = {"type": "record", "name": "E", "fields": [{"name": "op", "type": "string"}, {"name": "after", "type": [
        "null", {"type": "record", "name": "V", "fields": [{"name": "so", "type": ["null", "string"]}]}]}]}  # fmt: skip
    for whole in (sound, framed(1, schema, {"op": "c", "after": {"so": "1"}})):
        one = reader({1: schema}, registry={"url": "${X}"})
        for _ in range(3_000):
            octets = bytearray(whole)
            for _ in range(draw.randint(1, 4)):
                octets[draw.randrange(len(octets))] = draw.randrange(256)
            one.change(TopicMessage(1, None, bytes(octets), None), 0)


def test_a_schema_is_read_once_and_another_one_when_it_comes() -> None:
    one = reader()
    wider = [*FIELDS, column("que", "string")]
    assert read(change("c", {"so": "1", "ten": "An", "luong": 1}, fields=FIELDS), by=one).row is not None
    assert one._messages._prefixes
    assert read(change("c", {"so": "2", "ten": "Bình", "luong": 2}, fields=FIELDS), by=one).row == {
        "so": "2", "ten": "Bình", "luong": 2,
    }  # fmt: skip
    found = read(change("c", {"so": "3", "ten": "Chi", "luong": 3, "que": "Huế"}, fields=wider), by=one)
    assert found.row is not None
    assert found.row["que"] == "Huế"
    evil = change("c", {"so": "1", "ten": "An", "luong": 1}, fields=FIELDS)[:-1] + b',"schema":null}'
    assert read(evil, by=one).flaws == {
        "": "contract.message.format"
    }  # a member twice, behind a known beginning


def test_a_column_that_a_message_lacks_fails_it_or_is_empty_as_declared() -> None:
    lacks = change("c", {"so": "1"})
    assert read(lacks).flaws == {"ten": "contract.field.missing"}
    assert read(lacks, by=reader(absent="empty")).flaws == {}


def test_a_value_that_was_not_sent_is_taken_from_the_row_before_or_refused() -> None:
    unsent = {"so": "1", "ten": "__debezium_unavailable_value", "luong": 1}
    key = b'{"so": "1"}'
    assert read(change("u", unsent, fields=FIELDS), key).flaws == {"ten": "contract.value.unavailable"}
    assert read(change("u", unsent), key).flaws == {"ten": "contract.value.unavailable"}
    found = read(change("u", unsent, {"so": "1", "ten": "An", "luong": 0}, fields=FIELDS), key)
    assert found.row == {"so": "1", "ten": "An", "luong": 1}
    assert not found.flaws


def test_rows_without_an_envelope_are_what_they_are_and_an_empty_one_deletes() -> None:
    one = reader(envelope="none")
    assert read(told(row_schema(FIELDS), {"so": "1", "ten": "An", "luong": 3}), by=one).row == {
        "so": "1", "ten": "An", "luong": 3,
    }  # fmt: skip
    assert read(b'{"ten": "An", "o": {"tinh": "01"}}', b'{"so": "7"}', by=one).row == {
        "so": "7", "ten": "An", "o.tinh": "01",
    }  # fmt: skip
    assert read(b'{"so": "1", "ten": 1.10}', by=one).row == {"so": "1", "ten": Decimal("1.10")}
    assert read(None, b'{"so": "7"}', by=one).gone == {"so": "7"}
    assert read(b'{"so": "1", "ten": "An"}', b"A-1", by=one).row == {"_key": "A-1", "so": "1", "ten": "An"}


def test_avro_is_read_by_the_schema_of_the_registry() -> None:
    row = {"type": "record", "name": "Value", "connect.name": "dancu.Value", "fields": [
        {"name": "so", "type": "string"},
        {"name": "ten", "type": ["null", "string"], "default": None},
        {"name": "ngay", "type": ["null", {"type": "int", "connect.name": "io.debezium.time.Date", "connect.version": 1}]},
        {"name": "luong", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2,
                                   "connect.name": "org.apache.kafka.connect.data.Decimal",
                                   "connect.parameters": {"scale": "2"}}},
        {"name": "he_so", "type": "float"},
    ]}  # fmt: skip
    schema = {"type": "record", "name": "Envelope", "namespace": "dancu", "fields": [
        {"name": "before", "type": ["null", row], "default": None},
        {"name": "after", "type": ["null", "Value"], "default": None},
        {"name": "op", "type": "string"},
        {"name": "ts_ms", "type": ["null", "long"], "default": None},
    ]}  # fmt: skip
    after = {"so": "1", "ten": "An", "ngay": 19_782, "luong": Decimal("1.50"), "he_so": 0.1}
    value = framed(5, schema, {"before": None, "after": after, "op": "c", "ts_ms": 9})
    found = read(value, by=reader({5: schema}, registry={"url": "${X}"}))
    assert found.changed_us == 9_000
    assert found.row is not None
    assert [str(one) for one in found.row.values()] == ["1", "An", "2024-02-29", "1.50", "0.1"]
    assert read(value[:-1], by=reader({5: schema}, registry={"url": "${X}"})).flaws == {
        "": "contract.message.format"
    }
    assert read(value + b"x", by=reader({5: schema}, registry={"url": "${X}"})).flaws
    assert read(value).flaws == {"": "contract.message.format"}  # no registry is declared


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "record", "name": "E", "fields": []}},
        {"type": "array", "items": {"type": "record", "name": "E", "fields": [
            {"name": "i", "type": {"type": "record", "name": "I", "fields": []}}]}},
        {"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]},
        {"type": "fixed", "name": "F", "size": 0},
        {"type": "array", "items": "null"},
        ["null", "string", "int"], "unknown", 7, {"type": "record"}, [],
    ],
)  # fmt: skip
def test_a_schema_that_makes_much_of_few_bytes_is_refused(schema: Any) -> None:
    data = b"\0\0\0\0\1" + b"\xff" * 9
    assert read(data, by=reader({1: schema}, registry={"url": "${X}"})).flaws == {
        "": "contract.message.format"
    }


TYPES: list[tuple[dict[str, Any], Any, Any]] = [
    (column("v", "int32", "io.debezium.time.Date"), 19_782, "2024-02-29"),
    (column("v", "int32", "io.debezium.time.Date"), 2_932_897, "10000-01-01"),
    (column("v", "int32", "io.debezium.time.Date"), -735160, "contract.value.ambiguous"),
    (column("v", "int32", "org.apache.kafka.connect.data.Date"), 0, "1970-01-01"),
    (column("v", "int64", "io.debezium.time.Timestamp"), 1_709_182_800_500, "2024-02-29 05:00:00.500000"),
    (column("v", "int64", "io.debezium.time.MicroTimestamp"), 1_709_182_800_000_001, "2024-02-29 05:00:00.000001"),
    (column("v", "int64", "io.debezium.time.MicroTimestamp"), 9_223_372_036_825_200_000, "infinity"),
    (column("v", "int64", "io.debezium.time.NanoTimestamp"), 1_709_182_800_000_001_000, "2024-02-29 05:00:00.000001"),
    (column("v", "int64", "io.debezium.time.NanoTimestamp"), 1_709_182_800_000_001_002, "2024-02-29 05:00:00.000001002"),
    (column("v", "string", "io.debezium.time.ZonedTimestamp"), "2024-02-29T12:00:00+07:00", "2024-02-29 05:00:00+00:00"),
    (column("v", "string", "io.debezium.time.IsoTimestamp"), "2024-02-29T12:00:00.5Z", "2024-02-29 12:00:00.500000"),
    (column("v", "string", "io.debezium.time.IsoTimestamp"), "+294247-01-10T04:00:25.2Z", "infinity"),
    (column("v", "string", "io.debezium.time.IsoTimestamp"), "2024-02-29T12:00:00+07:00", "contract.type"),
    (column("v", "string", "io.debezium.time.IsoDate"), "2024-02-29Z", "2024-02-29"),
    (column("v", "string", "io.debezium.time.IsoDate"), "soon", "contract.type"),
    (column("v", "string", "io.debezium.time.IsoTime"), "23:59:59.500Z", "23:59:59.5"),
    (column("v", "string", "io.debezium.time.IsoTime"), "23:59", "contract.type"),
    (column("v", "int64", "io.debezium.time.MicroTime"), 86_399_500_000, "23:59:59.5"),
    (column("v", "int32", "io.debezium.time.Time"), 86_400_000, "24:00:00"),
    (column("v", "int64", "io.debezium.time.MicroTime"), -1, "contract.type"),
    (column("v", "int64", "io.debezium.time.MicroDuration"), 2_629_800_000_000, "contract.value.rounded"),
    (column("v", "string", "io.debezium.time.Interval"), "P0Y1M0DT0H0M0S", "1 mon"),
    (column("v", "string", "io.debezium.time.Interval"), "soon", "contract.type"),
    (column("v", "bytes", "org.apache.kafka.connect.data.Decimal", scale="2"), base64.b64encode(b"\x00\x96").decode(), "1.50"),
    (column("v", "bytes", "org.apache.kafka.connect.data.Decimal", scale="2"), base64.b64encode(b"\xff").decode(), "-0.01"),
    (column("v", "bytes", "org.apache.kafka.connect.data.Decimal", scale="2"), "?", "contract.type"),
    (column("v", "bytes", "org.apache.kafka.connect.data.Decimal", scale="x"), "AA==", "contract.type"),
    (column("v", "bytes", "org.apache.kafka.connect.data.Decimal", scale="0"), base64.b64encode(b"\x7f" * 300).decode(), "contract.type"),
    (column("v", "struct", "io.debezium.data.VariableScaleDecimal"), {"scale": 3, "value": "BNI="}, "1.234"),
    (column("v", "struct", "io.debezium.data.VariableScaleDecimal"), {"scale": 10**9, "value": "BNI="}, "contract.type"),
    (column("v", "struct", "io.debezium.data.geometry.Point"), {"x": 1.5}, "contract.type"),
    (column("v", "bytes", "io.debezium.data.Bits", length="3"), "BQ==", "101"),
    (column("v", "bytes"), "AP8=", b"\x00\xff"),
    (column("v", "bytes"), base64.b64encode(b"__debezium_unavailable_value").decode(), "contract.value.unavailable"),
    (column("v", "string", "io.debezium.data.Json"), '{"a": 1.10}', '{"a": 1.10}'),
    (column("v", "string", "io.debezium.data.Enum", allowed="a,b"), "a", "a"),
    (column("v", "string"), 7, "contract.type"),
    (column("v", "int32"), True, "contract.type"),
    (column("v", "int32"), 1.5, "contract.type"),
    (column("v", "boolean"), 1, "contract.type"),
    (column("v", "double"), "NaN", "nan"),
    (column("v", "double"), 0.1, "0.1"),
    (column("v", "array") | {"items": column("i", "string")}, ["a b", "c", None, "", "NULL", 'x"\\'], '{"a b",c,NULL,"","NULL","x\\"\\\\"}'),
    (column("v", "array") | {"items": column("i", "int32", "io.debezium.time.Date")}, [0], "{1970-01-01}"),
    (column("v", "array") | {"items": column("i", "string")}, ["__debezium_unavailable_value"], "contract.value.unavailable"),
    (column("v", "array") | {"items": column("i", "struct")}, [{}], "contract.type"),
    (column("v", "array") | {"items": column("i", "int32")}, [None, None], "contract.value.ambiguous"),  # {{1,2},{3,4}}
    (column("v", "array") | {"items": column("i", "int32")}, [], "{}"),
    (column("v", "map"), {"a": "1"}, '{"a":"1"}'),
    (column("v", "unheard"), 1, "contract.type"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "comes"), TYPES)
def test_a_value_comes_as_its_source_prints_it_or_is_refused(
    field: dict[str, Any], value: Any, comes: Any
) -> None:
    found = read(change("c", {"so": "1", "ten": "An", "v": value}, fields=[*FIELDS[:2], field]))
    assert found.row is not None
    got = found.flaws.get("v", found.row["v"])
    assert (got if isinstance(comes, bytes) else str(got)) == comes


def test_times_of_the_change_that_are_none_are_those_of_the_message() -> None:
    for odd in ('"soon"', "-5", "true", str(1 << 80), "null"):
        value = b'{"op": "c", "after": {"so": "1", "ten": "x"}, "source": {"ts_us": %s}}' % odd.encode()
        assert read(value).changed_us == 1_000
    columns, _ = as_columns([Change(1, 1 << 61, row={"so": "1"}), Change(2, None, row={"so": "2"})], ("so",))
    assert columns[CHANGED] == [None, None]


def test_the_page_of_this_kind_shows_what_the_model_takes_and_codes_that_are() -> None:
    text = (PROJECT / "docs/source-kafka.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    source = KafkaSource.model_validate(yaml.safe_load(example)["source"])
    assert source.model_fields_set > {"login", "topic", "registry", "certificate"}
    codes = set(re.findall(r"`((?:source|contract|backfill)\.[a-z_.]+)`", text))
    assert codes
    assert codes <= CODES.keys()


@pytest.mark.parametrize(
    "source",
    [
        "kind: kafka\n  url: ${X}\n  topic: t\n  marker: {column: luc, kind: time}",
        "kind: kafka\n  url: ${X}\n  topic: t\n  marker: {kind: scan}",
        "kind: kafka\n  url: ${X}\n  topic: t\n  marker: {kind: log, changed_at: luc}",
        "kind: sql\n  url: ${X}\n  table: t\n  key: [so_ddcn]\n  marker: {kind: log}",
    ],
)
def test_a_topic_is_read_in_its_own_order_and_nothing_else_is(tmp_path: Path, source: str) -> None:
    shutil.copytree(PROJECT / "codes", tmp_path / "codes")
    for name in (
        "connectors/mps/citizens.yaml",
        "schemas/mps/citizens.v1.avsc",
        "expectations/mps/citizens.json",
    ):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (PROJECT / name).read_text()
        before, _, rest = text.partition("source:\n")
        _, _, behind = rest.partition("\n\n")
        target.write_text(f"{before}source:\n  {source}\n\n{behind}" if rest else text)
    with refused("config.marker") as found:
        load_connector(tmp_path / "connectors/mps/citizens.yaml", tmp_path)
    assert "citizens.yaml:" in found.value.where


@pytest.mark.parametrize(
    "url", ["kafka://", "http://h:1", "kafka://h", "kafka://u:p@h:1", "kafka://h:1/topic", "kafka://h:1 ,i:2"]
)
def test_an_address_that_is_none_is_refused_and_not_shown(url: str) -> None:
    with refused("source.url") as found:
        read_brokers(url, "mps.citizens")
    assert "u:p" not in str(found.value)
    assert read_brokers("kafkas://h:1,i.example:9093/", "x") == ("h:1,i.example:9093", True)


def test_a_broker_whose_certificate_nobody_trusts_is_told_from_one_that_is_down(tmp_path: Path) -> None:
    with serving_tls([], tmp_path) as (url, _):
        topic = ForeignTopic(BrokerAccess(url.split("/")[2], tls=True), "t", "mps.citizens")
        with refused("source.certificate"):
            topic.ends()
        topic.close()


def test_a_broker_that_is_down_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pophub.kafka.topic.ASK_S", 1)
    topic = ForeignTopic(BrokerAccess("127.0.0.1:9"), "t", "mps.citizens")
    with refused("source.unreachable") as found:
        topic.ends()
    topic.close()
    assert "broker" in found.value.what and "_" not in found.value.what, found.value.what
