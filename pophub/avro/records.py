"""Contract records in Confluent framing, by fastavro where the columns' own way does not know a type."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import fastavro
from fastavro.schema import parse_schema, to_parsing_canonical_form
from fastavro.validation import validate

from pophub.avro import record_columns
from pophub.avro.container import refuse
from pophub.avro.decimals import as_bytes, as_numbers, decimals_of
from pophub.domain.codes import explain
from pophub.domain.errors import PromiseBroken
from pophub.domain.record import Columns


def canonical(schema: str) -> str:
    """Give the schema's parsing canonical form, whose digest is its fingerprint.

    That form has no precision and scale: those of exact numbers follow it, as a number's bytes carry none.
    """
    form, decimals = str(to_parsing_canonical_form(json.loads(schema))), decimals_of(schema)
    return f"{form}{json.dumps(decimals, separators=(',', ':'))}" if decimals else form


def encode_records(schema: str, columns: Columns, rows: Sequence[int]) -> list[bytes]:
    """Encode the chosen rows of contract columns, one Avro record each, without framing.

    Times are integers already (days, microseconds), as the logical types store them; exact numbers are
    Decimal.
    Errors: `PromiseBroken` with `contract.avro.type` or `contract.avro.field`: fastavro alone would cut
    1.9 to 1, leave out what the schema does not name, and write null for what nobody gave.
    """
    parsed = _plain(schema)
    if odd := columns.keys() ^ {field["name"] for field in parsed["fields"]}:
        raise _mismatch("contract.avro.field", min(odd))
    try:
        columns = as_bytes(schema, columns)
    except (ValueError, OverflowError, TypeError):
        raise _mismatch("contract.avro.type", parsed["name"]) from None
    fast = record_columns.encode(schema, columns, rows)
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
    """Decode one contract record; times stay the integers that are stored, exact numbers are Decimal.

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
    return as_numbers(schema, dict(record))


def decode_known(schemas: Sequence[str], payload: bytes) -> dict[str, Any]:
    """Decode a record of any version of a contract; what its version lacks is None.

    Shape: `schemas` as `versions_of` takes them; the fields are those of the first.
    Errors: `BadBlock` where the payload is no record of any of them, or more than one.
    """
    if len(schemas) == 1:
        return decode_record(schemas[0], payload)
    (version,) = versions_of(schemas, [payload])
    return dict.fromkeys(names_of(schemas[0])) | decode_record(schemas[version], payload)


def versions_of(schemas: Sequence[str], payloads: Sequence[bytes]) -> list[int]:
    """Tell which of a contract's schemas, the newest first, each payload was encoded under: its place there.

    The fields of an earlier version are the first of every later one (`contracts.evolution`), so the
    number of whole fields tells.
    Errors: `BadBlock` with `contract.avro.truncated` or `contract.avro.trailing`.
    """
    places = {len(names_of(schema)): place for place, schema in reversed(list(enumerate(schemas)))}
    widest, found = len(names_of(schemas[0])), []
    for payload in payloads:
        width, behind = record_columns.whole_fields(schemas[0], payload)
        if width == widest and behind < len(payload):
            refuse("contract.avro.trailing")
        if width not in places or behind < len(payload):
            refuse("contract.avro.truncated")
        found.append(places[width])
    return found


@cache
def names_of(schema: str) -> tuple[str, ...]:
    """Give the names of a record's fields, in their order."""
    return tuple(field["name"] for field in json.loads(schema)["fields"])


@cache
def _plain(schema: str) -> Any:
    """The schema without logical types: same bytes, integers instead of dates, bytes instead of numbers."""

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
    """Re-encode contract records under the schema of a subscription; a field that they lack is null."""
    fast = record_columns.project(schema, target, payloads)
    if fast is not None:
        return fast
    source, wanted = _plain(schema), _plain(target)
    names = names_of(target)
    read, write, out = fastavro.schemaless_reader, fastavro.schemaless_writer, []
    for payload in payloads:
        record: Any = read(io.BytesIO(payload), source, None)
        buffer = io.BytesIO()
        write(buffer, wanted, {n: record.get(n) for n in names})
        out.append(buffer.getvalue())
    return out


def framed(schema_id: int) -> bytes:
    """Give the five bytes of Confluent framing: magic 0, schema id big-endian."""
    return b"\x00" + schema_id.to_bytes(4, "big")
