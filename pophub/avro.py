"""The one room of fastavro: raw blocks by column, contract records in Confluent framing.

A raw block is one Avro object container with one record: batch, stamp, contract version and, for
each source column, an array of its values. The writer's schema travels in the container, with the
source's own column names as property `column` (they need not be Avro names).
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

import fastavro
from fastavro.schema import parse_schema, to_parsing_canonical_form
from fastavro.validation import validate

from pophub import avro_columns, stranger
from pophub.blocks import MAX_BLOCK_BYTES, MAX_BLOCK_ROWS, opened, refuse, sealed, shape_of
from pophub.blocks import BadBlock as BadBlock
from pophub.blocks import Block as Block
from pophub.domain.codes import explain
from pophub.domain.errors import PromiseBroken
from pophub.ports import Columns

_LONG = range(-(1 << 63), 1 << 63)


def encode_block(block: Block) -> bytes:
    """Encode a block with its writer's schema, uncompressed, under the mark of our own."""
    fields, values = [], {}
    for number, (name, column) in enumerate(block.columns.items()):
        items, column = _typed(column)
        fields.append({"name": f"c{number}", "column": name, "type": {"type": "array", "items": items}})
        values[f"c{number}"] = column
    schema = {
        "type": "record", "name": "RawBlock", "fields": [
            {"name": "batch", "type": "long"},
            {"name": "exchanged_at", "type": "long", "doc": "microseconds since 1970 UTC"},
            {"name": "contract", "type": "int"},
            {"name": "rows", "type": "int"},
            {"name": "columns", "type": {"type": "record", "name": "Columns", "fields": fields}},
        ],
    }  # fmt: skip
    record = {"batch": block.batch, "exchanged_at": block.exchanged_at, "contract": block.contract,
              "rows": block.rows, "columns": values}  # fmt: skip
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parse_schema(schema, _write_hint=False), record)
    return sealed(json.dumps(schema, ensure_ascii=False, separators=(",", ":")).encode(), out.getvalue())


def decode_block(data: bytes) -> Block:
    """Decode a block: one of our own at once, any other in the process for strangers' bytes.

    Errors: `BadBlock` with `contract.avro.*` or `contract.schema.*`: never a crash for a stranger's bytes.
    """
    if not data:
        refuse("contract.avro.empty")
    if len(data) > MAX_BLOCK_BYTES:
        refuse("contract.avro.size")
    block = _own(data) or _own(stranger.reread(data))
    return block or refuse("contract.avro.block")


def _own(data: bytes) -> Block | None:
    """Decode a block under our own mark; None where there is none, or it was forged."""
    found = opened(data)
    if found is None:
        return None
    schema, record_bytes = found
    try:
        names = [(field, column) for field, column, _, _ in shape_of(schema).columns]
        buffer = io.BytesIO(record_bytes)
        record: Any = fastavro.schemaless_reader(buffer, _parsed_block(schema), None)
        rows = record["rows"]
        columns = {name: record["columns"][field] for field, name in names}
    except Exception:  # whatever forged bytes make of the reader: the strict reader finds the code
        return None
    whole = buffer.tell() == len(record_bytes) and 0 < rows <= MAX_BLOCK_ROWS
    if not whole or any(len(column) != rows for column in columns.values()):
        return None
    return Block(record["batch"], record["exchanged_at"], record["contract"], rows, columns)


@lru_cache(maxsize=128)
def _parsed_block(schema: bytes) -> Any:
    return parse_schema(shape_of(schema).schema, _write_hint=False)


def _typed(column: list[Any]) -> tuple[Any, list[Any]]:
    """Choose the Avro item type of a column; values without an Avro type of their own become text."""
    kinds = set(map(type, column))
    nullable = type(None) in kinds
    kinds.discard(type(None))
    if len(kinds) == 1:
        item = _single(kinds.pop(), column)
        if item is not None:
            return (["null", item] if nullable else item), column
    column = [_portable(value) for value in column]
    branches = [b for b, t in (("string", str), ("bytes", bytes), ("long", int), ("double", float), ("boolean", bool))
                if t in set(map(type, column))]  # fmt: skip
    return (["null", *branches] if branches else ["null", "string"]), column


def _single(kind: type, column: list[Any]) -> Any:
    if kind is str:
        try:
            "".join([v for v in column if v is not None]).encode()
        except UnicodeEncodeError:
            return None
        return "string"
    if kind is int:
        return "long" if all(v is None or v in _LONG for v in column) else None
    if kind is datetime:
        zones = {v.tzinfo is None for v in column if v is not None}
        if len(zones) > 1:
            return None
        return {
            "type": "long",
            "logicalType": "local-timestamp-micros" if zones.pop() else "timestamp-micros",
        }
    if kind is date:
        return {"type": "int", "logicalType": "date"}
    return {float: "double", bool: "boolean", bytes: "bytes"}.get(kind)


def _portable(value: Any) -> Any:
    if value is None or type(value) in (bool, float, bytes):
        return value
    if type(value) is int:
        return value if value in _LONG else str(value)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
        return str(value)
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)


def canonical(schema: str) -> str:
    """Give the schema's parsing canonical form, whose digest is its fingerprint."""
    return str(to_parsing_canonical_form(json.loads(schema)))


def encode_records(schema: str, columns: Columns, rows: Sequence[int]) -> list[bytes]:
    """Encode the chosen rows of contract columns, one Avro record each, without framing.

    Times are integers already (days, microseconds), as the logical types store them.
    Errors: `PromiseBroken` with `contract.avro.type` or `contract.avro.field`: fastavro alone would cut
    1.9 to 1, and leave out what the schema does not name.
    """
    parsed = _plain(schema)
    if unknown := columns.keys() - {field["name"] for field in parsed["fields"]}:
        raise _mismatch("contract.avro.field", min(unknown))
    fast = avro_columns.encode(schema, columns, rows)
    if fast is not None:
        return fast
    write, out = fastavro.schemaless_writer, []
    for row in rows:
        buffer = io.BytesIO()
        record = {name: values[row] for name, values in columns.items()}
        if not validate(record, parsed, raise_errors=False):
            raise _mismatch("contract.avro.type", parsed["name"])
        write(buffer, parsed, record, strict=True)
        out.append(buffer.getvalue())
    return out


def _mismatch(code: str, where: str) -> PromiseBroken:
    return PromiseBroken(code, explain(code).en.lower(), where=where, remedy=explain(code).remedy)


def decode_record(schema: str, payload: bytes) -> dict[str, Any]:
    """Decode one contract record; times stay the integers that are stored.

    Errors: `BadBlock` where the payload is no record of the schema, or more than one.
    """
    buffer = io.BytesIO(payload)
    try:
        record: Any = fastavro.schemaless_reader(buffer, _plain(schema), None)
    except (EOFError, IndexError):
        refuse("contract.avro.truncated")
    except (ValueError, OverflowError):
        refuse("contract.avro.block")
    if buffer.tell() < len(payload):
        refuse("contract.avro.trailing")
    return dict(record)


@cache
def _plain(schema: str) -> Any:
    """The schema without logical types: same bytes, integers instead of dates."""

    def strip(part: Any) -> Any:
        if isinstance(part, dict):
            return {k: strip(v) for k, v in part.items() if k != "logicalType"}
        return [strip(p) for p in part] if isinstance(part, list) else part

    return parse_schema(strip(json.loads(schema)), _write_hint=False)


def projected(schema: str, fields: Sequence[str], name: str) -> str:
    """Derive the schema of a subscription: the granted fields alone, in the contract's order."""
    whole = json.loads(schema)
    kept = [f for f in whole["fields"] if f["name"] in fields]
    return json.dumps({"type": "record", "name": name, "fields": kept}, ensure_ascii=False)


def project(schema: str, target: str, payloads: Sequence[bytes]) -> list[bytes]:
    """Re-encode contract records under the schema of a subscription."""
    fast = avro_columns.project(schema, target, payloads)
    if fast is not None:
        return fast
    source, wanted = _plain(schema), _plain(target)
    names = [f["name"] for f in json.loads(target)["fields"]]
    read, write, out = fastavro.schemaless_reader, fastavro.schemaless_writer, []
    for payload in payloads:
        record: Any = read(io.BytesIO(payload), source, None)
        buffer = io.BytesIO()
        write(buffer, wanted, {n: record[n] for n in names})
        out.append(buffer.getvalue())
    return out


def unframed(value: bytes, schemas: Mapping[int, str]) -> tuple[str, bytes]:
    """Take Confluent framing off; give the schema that it names, and the record.

    Errors: `BadBlock` with `schema.unknown` where the framing names none of these schemas.
    """
    schema = schemas.get(int.from_bytes(value[1:5], "big")) if value[:1] == b"\x00" else None
    if schema is None or len(value) < 5:
        refuse("schema.unknown")
    return schema, value[5:]


def framed(schema_id: int) -> bytes:
    """Give the five bytes of Confluent framing: magic 0, schema id big-endian."""
    return b"\x00" + schema_id.to_bytes(4, "big")
