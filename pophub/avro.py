"""The one room of fastavro: raw blocks by column, contract records in Confluent framing.

A raw block is one Avro object container with one record: batch, stamp, contract version and, for
each source column, an array of its values. The writer's schema travels in the container, with the
source's own column names as property `column` (they need not be Avro names).
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import fastavro
from fastavro.schema import parse_schema, to_parsing_canonical_form

from pophub import avro_columns
from pophub.domain.errors import PophubError
from pophub.ports import Columns

MAX_BLOCK_BYTES = 8 << 20
MAX_BLOCK_ROWS = 100_000
_LONG = range(-(1 << 63), 1 << 63)


class BadBlock(PophubError):
    """Bytes on `raw` that are no raw block: a bad record, set aside by judge with its code."""


@dataclass(frozen=True)
class Block:
    """A stretch of rows of one batch, in lane order, as the source gave them."""

    batch: int
    exchanged_at: int
    contract: int
    rows: int
    columns: Columns


def encode_block(block: Block) -> bytes:
    """Encode a block with its writer's schema, uncompressed."""
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
    fastavro.writer(out, parse_schema(schema, _write_hint=False), [record], codec="null")
    return out.getvalue()


def decode_block(data: bytes) -> Block:
    """Decode a block.

    Errors: `BadBlock` with `contract.avro.empty`, `contract.avro.size`, `contract.avro.truncated`
    or `contract.avro.block`: never a crash for a stranger's bytes.
    """
    if not data:
        raise BadBlock("contract.avro.empty", "the message is empty")
    if len(data) > MAX_BLOCK_BYTES:
        raise BadBlock("contract.avro.size", "the message is larger than a block may be")
    try:
        reader = fastavro.reader(io.BytesIO(data))
        if reader.codec != "null":
            raise BadBlock("contract.avro.codec", "raw blocks are not compressed")
        schema: Any = reader.writer_schema
        names = _column_names(schema)
        record: Any = next(reader)
        if next(reader, None) is not None:  # reads the end of the container, too, so a cut shows
            raise BadBlock("contract.avro.block", "the message holds more than one block")
        rows = record["rows"]
        columns = {name: record["columns"][field] for field, name in names}
        if not 0 < rows <= MAX_BLOCK_ROWS or any(len(c) != rows for c in columns.values()):
            raise BadBlock("contract.avro.block", "the columns of the block differ in length")
        return Block(record["batch"], record["exchanged_at"], record["contract"], rows, columns)
    except BadBlock:
        raise
    except EOFError as cause:
        raise BadBlock("contract.avro.truncated", "the message ends before its record does") from cause
    except Exception as cause:  # whatever a hostile payload makes of the reader is one bad record
        raise BadBlock("contract.avro.block", "the message is no raw block") from cause


def _column_names(schema: Any) -> list[tuple[str, str]]:
    """Check that the schema has the shape of a raw block, and nothing recursive."""
    by_name = {f["name"]: f["type"] for f in schema["fields"]}
    if list(by_name) != ["batch", "exchanged_at", "contract", "rows", "columns"]:
        raise BadBlock("contract.avro.block", "the message is no raw block")
    fields = by_name["columns"]["fields"]
    for field in fields:
        items = field["type"]["items"]
        branches = items if isinstance(items, list) else [items]
        kinds = {b["type"] if isinstance(b, dict) else b for b in branches}
        if not kinds <= {"null", "string", "bytes", "long", "int", "double", "boolean"} or kinds == {"null"}:
            raise BadBlock("contract.avro.block", "a column of the block has a type that sources lack")
    return [(f["name"], f["column"]) for f in fields]


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
    """
    fast = avro_columns.encode(schema, columns, rows)
    if fast is not None:
        return fast
    parsed = _plain(schema)
    names = [field["name"] for field in json.loads(schema)["fields"]]
    write, out = fastavro.schemaless_writer, []
    for row in rows:
        buffer = io.BytesIO()
        write(buffer, parsed, {name: columns[name][row] for name in names})
        out.append(buffer.getvalue())
    return out


def decode_record(schema: str, payload: bytes) -> dict[str, Any]:
    """Decode one contract record; times stay the integers that are stored."""
    buffer = io.BytesIO(payload)
    record: Any = fastavro.schemaless_reader(buffer, _plain(schema), None)
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


def framed(schema_id: int) -> bytes:
    """Give the five bytes of Confluent framing: magic 0, schema id big-endian."""
    return b"\x00" + schema_id.to_bytes(4, "big")
