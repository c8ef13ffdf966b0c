"""Column-wise encoding writes what fastavro writes, and a projection is what re-encoding gives."""

from __future__ import annotations

import doctest
import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pophub import avro
from pophub.avro import record_columns

_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=90)
    | st.sampled_from(["", "x" * 63, "x" * 64, "ị" * 3000, "y" * 8192, "a\0b"]),
    "int": st.integers(-(1 << 31), (1 << 31) - 1),
    "long": st.integers(-(1 << 63), (1 << 63) - 1),
    "boolean": st.booleans(),
    "bytes": st.binary(max_size=90),
    "double": st.floats(allow_nan=False) | st.sampled_from([0.0, -0.0]),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, dict[str, list[Any]], list[str]]:
    rows = draw(st.integers(1, 12))
    fields, columns = [], {}
    for number in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from(sorted(_VALUES)))
        shape = draw(st.sampled_from([kind, ["null", kind], [kind, "null"]]))
        values = _VALUES[kind] if isinstance(shape, str) else st.none() | _VALUES[kind]
        columns[f"f{number}"] = draw(st.lists(values, min_size=rows, max_size=rows))
        fields.append({"name": f"f{number}", "type": shape})
    granted = draw(st.lists(st.sampled_from(sorted(columns)), min_size=1, unique=True))
    return json.dumps({"type": "record", "name": "R", "fields": fields}), columns, granted


def _by_fastavro(schema: str, records: list[dict[str, Any]]) -> list[bytes]:
    parsed, out = fastavro.parse_schema(json.loads(schema)), []
    for record in records:
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, parsed, record)
        out.append(buffer.getvalue())
    return out


@settings(deadline=None, max_examples=300)
@given(tables())
def test_columns_encode_and_project_as_fastavro_does(
    table: tuple[str, dict[str, list[Any]], list[str]],
) -> None:
    schema, columns, granted = table
    rows = range(len(next(iter(columns.values()))))
    records = [{name: values[row] for name, values in columns.items()} for row in rows]
    encoded = record_columns.encode(schema, columns, rows)
    assert encoded == _by_fastavro(schema, records)
    target = avro.projected(schema, granted, "P")
    kept = [{name: record[name] for name in record if name in granted} for record in records]
    assert record_columns.project(schema, target, encoded) == _by_fastavro(target, kept)


@settings(deadline=None, max_examples=300)
@given(tables(), st.data())
def test_the_number_of_whole_fields_tells_the_version_and_any_other_end_is_refused(
    table: tuple[str, dict[str, list[Any]], list[str]], data: st.DataObject
) -> None:
    schema, columns, _ = table
    fields = json.loads(schema)["fields"]
    widths = sorted(data.draw(st.sets(st.integers(1, len(fields)))) | {len(fields)}, reverse=True)
    schemas = [json.dumps({"type": "record", "name": "R", "fields": fields[:width]}) for width in widths]
    record = {name: values[0] for name, values in columns.items()}
    ends = {}  # by fastavro's writer: where the first `width` fields end
    for width in range(1, len(fields) + 1):
        part = json.dumps({"type": "record", "name": "R", "fields": fields[:width]})
        ends[len(_by_fastavro(part, [record])[0])] = width
    (whole,) = _by_fastavro(schema, [record])
    for end in range(len(whole) + 1):
        if ends.get(end) in widths:
            assert avro.versions_of(schemas, [whole[:end]]) == [widths.index(ends[end])]
            kept = {f["name"] for f in fields[: ends[end]]}
            found = avro.decode_known(schemas, whole[:end])
            assert list(found) == [f["name"] for f in fields]
            assert all(found[name] == (record[name] if name in kept else None) for name in record)
        else:
            with pytest.raises(avro.BadBlock) as caught:
                avro.versions_of(schemas, [whole[:end]])
            assert caught.value.code == "contract.avro.truncated"
    with pytest.raises(avro.BadBlock) as caught:
        avro.versions_of(schemas, [whole + b"\0"])
    assert caught.value.code == "contract.avro.trailing"


def test_a_record_that_ends_early_is_not_projected_with_bytes_of_the_next() -> None:
    fields = [{"name": "a", "type": ["null", "string"]}, {"name": "b", "type": ["long", "null"]}]
    schema = json.dumps({"type": "record", "name": "R", "fields": fields})
    whole, other = record_columns.encode(schema, {"a": ["x" * 70, None], "b": [1 << 40, None]}, [0, 1]) or []
    target = avro.projected(schema, ["b"], "P")
    for payload in (whole, other):
        for end in range(len(payload)):
            assert record_columns.project(schema, target, [whole, payload[:end], whole]) is None
            assert record_columns.project(schema, target, [whole, payload[:end]]) is None


def test_texts_with_nul_and_none_are_written_as_fastavro_does() -> None:
    schema = json.dumps(
        {"type": "record", "name": "R", "fields": [{"name": "f", "type": ["null", "string"]}]}
    )
    for odd in ("a\0b", "a"):
        values = [odd, None, "", "ề" * 50, "y" * 9000, *map(str, range(500))]
        encoded = record_columns.encode(schema, {"f": values}, range(len(values)))
        assert encoded == _by_fastavro(schema, [{"f": value} for value in values])
        assert record_columns.encode(schema, {"f": values}, [3, 1]) == [encoded[3], encoded[1]]


def test_what_is_not_plain_is_left_to_fastavro() -> None:
    schema = json.dumps({"type": "record", "name": "R", "fields": [{"name": "f", "type": ["null", "int"]}]})
    for value in (True, 1.0, "1", 1 << 31):
        assert record_columns.encode(schema, {"f": [value]}, [0]) is None
    assert record_columns.project(schema, schema, [b"\x02"]) is None


def test_a_text_is_written_as_its_docstring_says() -> None:
    found = doctest.testmod(record_columns)
    assert found.attempted and not found.failed
