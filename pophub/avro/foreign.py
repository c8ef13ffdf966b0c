"""Records by schemas of a stranger's registry: read as the schema has them, types as Kafka Connect names them.

A stranger's schema could make few bytes into much: one with items that take no byte, or that holds itself,
is refused. Dates, times and decimals stay the numbers and bytes that they are sent as.
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException

MAX_SCHEMA_BYTES = 1 << 20
_PLAIN = {"int": "int32", "long": "int64", "float": "float", "double": "double", "boolean": "boolean",
          "string": "string", "bytes": "bytes"}  # fmt: skip
_LOGICAL = {
    "decimal": "org.apache.kafka.connect.data.Decimal",
    "date": "org.apache.kafka.connect.data.Date",
    "time-millis": "org.apache.kafka.connect.data.Time",
    "timestamp-millis": "org.apache.kafka.connect.data.Timestamp",
    "time-micros": "io.debezium.time.MicroTime",
    "timestamp-micros": "io.debezium.time.MicroTimestamp",
    "uuid": "io.debezium.data.Uuid",
}
"""What a logical type means where no name of Connect's stands beside it."""


class BadForeign(Exception):
    """A schema or record of a stranger that cannot be read."""


class ForeignSchema:
    """A schema; `connect` is the same in the form in which Kafka Connect writes schemas as JSON."""

    def __init__(self, text: str) -> None:
        """Read a schema.

        Errors: `BadForeign`.
        """
        if len(text) > MAX_SCHEMA_BYTES:
            raise BadForeign("the schema is too large")
        try:
            declared = json.loads(text)
            self.connect = _connect(declared, {}, ())
            self._parsed = fastavro.parse_schema(_bare(declared))
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            SchemaParseException,
        ) as cause:
            raise BadForeign("the schema cannot be read") from cause

    def decode(self, data: bytes) -> Any:
        """Read one record, which takes all of the bytes.

        Errors: `BadForeign`.
        """
        source = BytesIO(data)
        try:
            found = fastavro.schemaless_reader(source, self._parsed, None, return_record_name=False)
        except (
            EOFError,
            ValueError,
            IndexError,
            KeyError,
            TypeError,
            OverflowError,
            MemoryError,
            RecursionError,
        ) as cause:
            raise BadForeign("the record is not of its schema") from cause
        if source.read(1):
            raise BadForeign("bytes follow the record")
        return found


def _bare(schema: Any) -> Any:
    """Give a schema without logical types, which fastavro would turn into values that Python bounds."""
    if isinstance(schema, dict):
        return {
            name: _bare(inner) if name in _INNER else inner
            for name, inner in schema.items()
            if name not in _LEFT
        }
    return [_bare(one) for one in schema] if isinstance(schema, list) else schema


_INNER = ("type", "fields", "items", "values")
_LEFT = ("logicalType", "default", "connect.default")


def _connect(schema: Any, known: dict[str, Any], within: tuple[str, ...]) -> dict[str, Any]:
    """Give a schema in Connect's form.

    Errors: ValueError for what Connect has no form of, for a record in itself, for items without a byte.
    """
    if isinstance(schema, list):
        return _union(schema, known, within)
    if isinstance(schema, str):
        if schema in _PLAIN:
            return {"type": _PLAIN[schema], "optional": False}
        if schema in within:
            raise ValueError("a record holds itself")
        found: dict[str, Any] = known[schema]
        return found
    kind = schema["type"]
    if isinstance(kind, (list, dict)):
        return _connect(kind, known, within)
    told: dict[str, Any] = {"optional": False}
    if name := schema.get("connect.name") or _LOGICAL.get(schema.get("logicalType")):
        told["name"] = name
    told["parameters"] = dict(schema.get("connect.parameters") or {})
    if schema.get("logicalType") == "decimal":
        told["parameters"].setdefault("scale", str(schema.get("scale", 0)))
    if kind == "record":
        return told | _record(schema, known, within)
    if kind in ("array", "map"):
        inner = schema["items" if kind == "array" else "values"]
        return told | {
            "type": kind,
            ("items" if kind == "array" else "values"): _filled(inner, known, within),
        }
    if kind == "enum":
        told |= {"type": "string"}
        known[_full(schema, within)] = told
        return told
    if kind == "fixed":
        if not schema["size"]:
            raise ValueError("a fixed of no byte")
        told |= {"type": "bytes"}
        known[_full(schema, within)] = told
        return told
    return told | {"type": _PLAIN[kind]}


def _record(schema: Any, known: dict[str, Any], within: tuple[str, ...]) -> dict[str, Any]:
    name = _full(schema, within)
    inner = (*within, name, schema["name"])
    fields = [_connect(one["type"], known, inner) | {"field": one["name"]} for one in schema["fields"]]
    found = {"type": "struct", "optional": False, "fields": fields}
    if told := schema.get("connect.name"):
        found["name"] = told
    known[name] = known[schema["name"]] = found
    return found


def _full(schema: Any, within: tuple[str, ...]) -> str:
    space = schema.get("namespace") or (within[-2].rpartition(".")[0] if within else "")
    return f"{space}.{schema['name']}" if space and "." not in schema["name"] else str(schema["name"])


def _union(branches: list[Any], known: dict[str, Any], within: tuple[str, ...]) -> dict[str, Any]:
    there = [one for one in branches if one != "null"]
    if len(there) != 1 or len(branches) > 2:
        raise ValueError("a union of more than null and one type")
    return _connect(there[0], known, within) | {"optional": len(branches) == 2}


def _filled(schema: Any, known: dict[str, Any], within: tuple[str, ...]) -> dict[str, Any]:
    found = _connect(schema, known, within)
    if _takes_no_byte(found):
        raise ValueError("items of no byte")
    return found


def _takes_no_byte(schema: dict[str, Any]) -> bool:
    """Tell whether records of a schema are empty: any number of them would fit into nothing."""
    if schema["type"] != "struct" or schema["optional"]:
        return False
    return all(map(_takes_no_byte, schema["fields"]))
