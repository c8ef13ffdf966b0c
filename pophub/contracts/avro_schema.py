"""Read a contract's Avro schema: one flat record of plain fields; anything else is refused.

Decoders crash on recursive schemas and on arrays of null, so neither may be published.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from pophub.contracts.flaws import Flaws
from pophub.contracts.model import AvroField
from pophub.contracts.strict_yaml import Document
from pophub.domain.codes import explain
from pophub.domain.errors import ConfigError
from pophub.domain.exact import MAX_PRECISION

Where = Callable[[], str]
_PLAIN = ("string", "int", "long", "boolean", "double", "bytes")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")  # Avro's full names
_LOGICAL = {("int", "date"): "date", ("long", "timestamp-micros"): "timestamp-micros"}


def read_schema(document: Document, key: tuple[str, ...]) -> tuple[str, tuple[AvroField, ...], str]:
    """Give the record's full name, its fields, and the schema as compact JSON.

    Errors: ConfigError with a schema.* code at the line of the field; the first brings the others.
    """
    data = document.data
    entries = data.get("fields")
    if data.get("type") != "record" or not isinstance(entries, list) or not entries:
        raise _refuse("schema.invalid", "the root is not a record with fields", document.where())
    if not isinstance(data.get("name"), str):
        raise _refuse("schema.invalid", "the record has no name", document.where())
    space = data.get("namespace")
    full = f"{space}.{data['name']}" if space else str(data["name"])
    if _NAME.match(full) is None:
        what = f"the record's name {full!r} is none that other readers of Avro take"
        raise _refuse("identifier.invalid", what, document.where("name"))
    fields: list[AvroField] = []
    flaws = Flaws()
    for place, entry in enumerate(entries):
        where = partial(document.where, "fields", place)
        with flaws.gathered():
            field = _read_field(entry, {full, str(data["name"])}, where)
            if any(field.name == other.name for other in fields):
                raise _refuse("schema.duplicate", f"the field {field.name} stands twice", where())
            fields.append(field)
            if field.nullable == (field.name in key):
                need = "must not be null, being of the key" if field.nullable else "must be nullable"
                raise _refuse("schema.nullable", f"the field {field.name} {need}", where())
            if entry.get("default") is not None or ("default" in entry and not field.nullable):
                # other readers refuse such a schema, or fill in what nobody sent
                what = f"the default of {field.name} is not null, or it is of the key and has one"
                raise _refuse("schema.invalid", what, where())
    flaws.tell()
    return (
        full,
        tuple(fields),
        json.dumps(data, ensure_ascii=False, separators=(",", ":")),
    )


def _read_field(entry: Any, own: set[str], where: Where) -> AvroField:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise _refuse("schema.invalid", "a field has no name", where())
    if unknown := set(entry) - {"name", "type", "doc", "doc_vi", "default"}:
        raise _refuse("schema.invalid", f"a field has the key {min(unknown)!r}", where())
    kind = entry.get("type")
    nullable = isinstance(kind, list)
    if isinstance(kind, list):
        if len(kind) != 2 or kind[0] != "null":
            raise _refuse("schema.invalid", "a union is not [null, type]", where())
        kind = kind[1]
    name = _type_name(kind, own, where)
    told = {"name": entry["name"], "type": name, "nullable": nullable}
    if name == "decimal" and isinstance(kind, dict):
        told |= _digits(kind, where)
    try:
        return AvroField.model_validate(told)
    except ValueError:
        raise _refuse("identifier.invalid", "a field's name is not a plain identifier", where()) from None


def _type_name(kind: Any, own: set[str], where: Where) -> str:
    if isinstance(kind, dict):
        if kind.get("type") in ("array", "map"):
            raise _refuse("schema.null_array", "a field is an array or map", where())
        if kind.get("type") in ("record", "enum", "fixed"):
            raise _refuse("schema.recursive", "a field is a type of its own", where())
        if (kind.get("type"), kind.get("logicalType")) == ("bytes", "decimal"):
            return "decimal"
        logical = _LOGICAL.get((str(kind.get("type")), str(kind.get("logicalType"))))
        if logical is None:
            raise _refuse("schema.type", "a field's logical type is none that can be shared", where())
        return logical
    if isinstance(kind, str) and kind in own:
        raise _refuse("schema.recursive", "the schema refers to itself", where())
    if kind not in _PLAIN:
        raise _refuse("schema.type", "a field's type is none that can be shared", where())
    return str(kind)


def _digits(kind: dict[str, Any], where: Where) -> dict[str, int]:
    """Give precision and scale of a decimal, which has no scale where none is declared."""
    precision, scale = kind.get("precision"), kind.get("scale", 0)
    if (
        type(precision) is not int
        or type(scale) is not int
        or not 1 <= precision <= MAX_PRECISION
        or not 0 <= scale <= precision
    ):
        what = f"a decimal's precision is not 1 to {MAX_PRECISION}, or its scale not 0 to the precision"
        raise _refuse("schema.type", what, where())
    return {"precision": precision, "scale": scale}


def _refuse(code: str, what: str, where: str) -> ConfigError:
    return ConfigError(code, what, where=where, remedy=explain(code).remedy)
