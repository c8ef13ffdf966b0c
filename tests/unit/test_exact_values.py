"""Bytes and exact numbers from mapping to a subscriber's record: nothing is rounded, cut or printed as Python."""

from __future__ import annotations

import io
import json
from datetime import date
from decimal import Context, Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pophub import avro
from pophub.commands.shown import shown, typed
from pophub.contracts.evolution import difference
from pophub.contracts.load import load_all
from pophub.contracts.model import AvroField, FieldMapping, Text
from pophub.contracts.row_terms import unfit
from pophub.contracts.subscription_model import Grant
from pophub.domain import digests
from pophub.domain.errors import PromiseBroken
from pophub.gates.checks import amount
from pophub.gates.frame import Frame
from pophub.gates.mapping import Column
from pophub.settings import PROJECT

WIDE = Context(prec=76)
DIGITS = {"type": "bytes", "logicalType": "decimal"}


def schema_of(precision: int, scale: int) -> str:
    """Give the schema of a record with bytes, a number and a text."""
    number = DIGITS | {"precision": precision, "scale": scale}
    types = {"b": "bytes", "n": number, "t": "string"}
    fields = [{"name": name, "type": ["null", type_]} for name, type_ in types.items()]
    return json.dumps({"type": "record", "name": "R", "fields": fields})


@st.composite
def numbers(draw: st.DrawFn) -> tuple[int, int, Decimal]:
    precision = draw(st.integers(1, 38))
    scale = draw(st.integers(0, precision))
    most = 10**precision - 1
    whole = draw(st.integers(-most, most) | st.sampled_from([most, -most, 0, 1 % (most + 1), -1]))
    return precision, scale, Decimal(f"{whole}E-{scale}")


@given(numbers(), st.none() | st.binary(max_size=300))
def test_fastavro_and_the_hub_read_back_what_was_written(
    told: tuple[int, int, Decimal], data: bytes | None
) -> None:
    precision, scale, number = told
    schema = schema_of(precision, scale)
    columns: dict[str, list[Any]] = {"b": [data, None], "n": [number, None], "t": ["x", "y"]}
    payloads = avro.encode_records(schema, columns, [0, 1])
    for row, payload in enumerate(payloads):
        sent = {name: values[row] for name, values in columns.items()}
        assert fastavro.schemaless_reader(io.BytesIO(payload), json.loads(schema), None) == sent
        found = avro.decode_record(schema, payload)
        assert found == sent
        before, after = ([["u"], *([value] for value in record.values())] for record in (sent, found))
        assert digests.row_digests(before, 1) == digests.row_digests(after, 1)  # rebuild derives it so
    target = avro.projected(schema, ["n", "b"], "P")
    shared = avro.project(schema, target, payloads)
    granted = {name: columns[name] for name in ("b", "n")}
    assert shared == avro.encode_records(target, granted, [0, 1])


@given(numbers(), st.binary(max_size=30))
def test_a_version_of_the_contract_is_told_by_its_fields(told: tuple[int, int, Decimal], data: bytes) -> None:
    newest = schema_of(*told[:2])
    fields = json.loads(newest)["fields"]
    oldest = json.dumps({"type": "record", "name": "R", "fields": fields[:2]})
    (payload,) = avro.encode_records(oldest, {"b": [data], "n": [told[2]]}, [0])
    assert avro.decode_known([newest, oldest], payload) == {"b": data, "n": told[2], "t": None}


@pytest.mark.parametrize(
    "value", [Decimal("1.234"), Decimal("1000"), Decimal("NaN"), Decimal("Infinity"), 1.5, 1, "1.5", b"\1"]
)
def test_a_number_of_other_terms_is_not_encoded(value: Any) -> None:
    with pytest.raises(PromiseBroken) as caught:
        avro.encode_records(schema_of(5, 2), {"b": [None], "n": [value], "t": [None]}, [0])
    assert caught.value.code == "contract.avro.type"


@pytest.mark.parametrize("data", [b"", b"\x7f\xff\xff\xff", b"\1" * 5_000])
def test_a_number_that_its_field_cannot_hold_is_not_read(data: bytes) -> None:
    plain = json.loads(schema_of(5, 2))
    plain["fields"][1]["type"] = ["null", "bytes"]
    (payload,) = avro.encode_records(json.dumps(plain), {"b": [None], "n": [data], "t": [None]}, [0])
    with pytest.raises(avro.BadBlock) as caught:
        avro.decode_record(schema_of(5, 2), payload)
    assert caught.value.code == "contract.avro.range"


def test_another_scale_is_another_schema() -> None:
    forms = {avro.canonical(schema_of(9, scale)) for scale in (0, 2, 3)} | {avro.canonical(schema_of(8, 2))}
    assert len(forms) == 4
    plain = json.dumps({"type": "record", "name": "R", "fields": [{"name": "b", "type": "bytes"}]})
    assert avro.canonical(plain) == '{"name":"R","type":"record","fields":[{"name":"b","type":"bytes"}]}'


def test_a_later_version_keeps_precision_and_scale() -> None:
    def fields(precision: int, scale: int) -> list[AvroField]:
        return [AvroField(name="n", type="decimal", nullable=True, precision=precision, scale=scale)]

    assert difference(("R", fields(9, 2)), ("R", fields(9, 2))) is None
    for other in (fields(9, 3), fields(10, 2)):
        found = difference(("R", fields(9, 2)), ("R", other))
        assert found is not None and found[0] == "schema.type_changed"


@pytest.mark.parametrize("kind", ["bytes", "decimal"])
def test_rows_of_a_grant_are_not_limited_by_them(kind: str) -> None:
    citizens = next(c for c in load_all(PROJECT)[0] if c.stem == "mps.citizens")
    field = AvroField.model_validate({"name": "f", "type": kind, "nullable": True, "precision": 9})
    contract = citizens.contract.model_copy(update={"fields": (field,)})
    grant = Grant(
        dataset="x.y", purpose=Text(en="x", vi="x"), legal_basis="x", fields=("f",), rows={"f": ("1",)},
        starts=date(2022, 1, 1),
    )  # fmt: skip
    (found,) = unfit(grant, citizens.model_copy(update={"contract": contract}))
    assert found == ("f", f"rows cannot be limited by f, which is a {kind}")


def column(field: AvroField, *, from_files: bool = False, **settings: str) -> Column:
    mapping = FieldMapping.model_validate({"from": "x", **settings})
    return Column(mapping, field, personal_id=False, from_files=from_files)


@given(numbers(), st.integers(0, 5))
def test_mapping_takes_each_spelling_of_a_number_to_one_value(
    told: tuple[int, int, Decimal], zeros: int
) -> None:
    precision, scale, number = told
    field = AvroField(name="n", type="decimal", nullable=True, precision=precision, scale=scale)
    longer = number.quantize(Decimal(f"1E-{scale + zeros}"), context=WIDE)
    spelled = [number, format(number, "f"), longer, f" {longer:f} ", format(number, "f").encode()]
    values, refused = column(field).read(spelled)
    assert refused == []
    assert {str(value) for value in values} == {str(number if number else Decimal(f"0E-{scale}"))}


def test_zero_has_no_sign_and_nothing_is_rounded() -> None:
    field = AvroField(name="n", type="decimal", nullable=True, precision=5, scale=2)
    assert [str(value) for value in column(field).read(["-0", "-0.000", 0, -0.0])[0]] == ["0.00"] * 4
    odd = {
        "1.005": "number.format", "1e2": "number.format", "": None, "999.99": None, "1000": "number.range",
        "0.001": "number.format", "-999.991": "number.format", "nan": "number.nonfinite", True: "type",
        1e15: "type", 0.1 + 0.2: "number.format", float("inf"): "number.nonfinite",
    }  # fmt: skip
    _, refused = column(field).read(list(odd))
    codes = dict(refused)
    assert [codes.get(row) for row in range(len(odd))] == [
        None if code is None else f"contract.{code}" for code in odd.values()
    ]


def test_bytes_come_as_bytes_or_as_hexadecimal_text() -> None:
    field = AvroField(name="b", type="bytes", nullable=True)
    sent = [
        b"\x00\xff",
        "\\x00fF",
        "\\x",
        b"",
        "",
        None,
        "00ff",
        "\\x0",
        "\\x0g",
        "\\X00",
        7,
        True,
    ]
    values, refused = column(field).read(sent)
    assert values[:6] == [b"\x00\xff"] * 2 + [b""] * 2 + [None] * 2
    form, kind = "contract.bytes.format", "contract.type"
    assert refused == [(6, form), (7, form), (8, form), (9, form), (10, kind), (11, kind)]
    assert column(field, text="trim").read([" \\x00ff "]) == ([b"\x00\xff"], [])
    files, refused = column(field, from_files=True).read(["\\x00ff", b"Tr\xad"])
    assert (files[0], refused) == (b"\x00\xff", [(1, "contract.text.encoding")])


def test_they_are_shown_as_they_would_be_written() -> None:
    fields = [
        AvroField(name="b", type="bytes", nullable=True),
        AvroField(name="n", type="decimal", nullable=True, precision=12, scale=10),
    ]
    found = typed(fields, {"b": b"\x00\xff", "n": Decimal("1E-10")})
    assert found == {"b": "\\x00ff", "n": "0.0000000001"}
    assert [shown(value) for value in found.values()] == ["\\x00ff", "0.0000000001"]
    assert typed(fields, found) == found  # of a repair, which keeps them as text


def test_bounds_of_a_rule_are_exact() -> None:
    frame = Frame({"n": [Decimal("0.10"), Decimal("0.09"), None, Decimal("0.31")]})
    assert amount(frame, {"column": "n", "least": 0.1, "most": 0.3}) == [1, 3]
