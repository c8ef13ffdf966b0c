"""Contract records column by column: each value's bytes made once, joined a row; pure Python.

Equal, byte for byte, to fastavro's writer (a test says so); what is not plain here (a value of
another type than its column's, a number out of range) is left to it: the functions give None.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from struct import Struct
from typing import Any, NamedTuple

from pophub.ports import Columns

_DOUBLE = Struct("<d")
_PYTHON = {"string": str, "int": int, "long": int, "boolean": bool, "double": float}
_RANGES = {"int": 1 << 31, "long": 1 << 63}


class Field(NamedTuple):
    """A field of a schema: its name, plain type, and the branches of its union, None without one."""

    name: str
    kind: str
    null: int | None


class _Zigzag(dict[int, bytes]):
    """Avro's variable-length integers, each made once."""

    def __missing__(self, number: int) -> bytes:
        left = (number << 1) ^ (number >> 63)
        out = bytearray()
        while left > 0x7F:
            out.append(left & 0x7F | 0x80)
            left >>= 7
        out.append(left)
        return bytes(out)


_ZIGZAG = _Zigzag({})
_ZIGZAG.update({number: _ZIGZAG[number] for number in range(4096)})


@cache
def fields_of(schema: str) -> tuple[Field, ...] | None:
    """Read a schema of plain and nullable fields; None where it holds anything else."""
    found = []
    for field in json.loads(schema)["fields"]:
        union = field["type"] if isinstance(field["type"], list) else None
        kinds = [_kind(branch) for branch in (union or [field["type"]])]
        null = kinds.index("null") if "null" in kinds else None
        plain = [kind for kind in kinds if kind != "null"]
        if len(plain) != 1 or plain[0] not in _PYTHON or (null is None) != (union is None):
            return None
        found.append(Field(field["name"], plain[0], null))
    return tuple(found) or None


def _kind(branch: Any) -> Any:
    return branch["type"] if isinstance(branch, dict) else branch


def encode(schema: str, columns: Columns, rows: Sequence[int]) -> list[bytes] | None:
    """Encode the chosen rows, one record each; None where a value is not plain."""
    fields = fields_of(schema)
    if fields is None:
        return None
    pieces = []
    for field in fields:
        column = columns[field.name]
        piece = _pieces(field, [column[row] for row in rows])
        if piece is None:
            return None
        pieces.append(piece)
    return list(map(b"".join, zip(*pieces, strict=True)))


def _pieces(field: Field, values: list[Any]) -> list[bytes] | None:
    kinds = set(map(type, values))
    nullable = field.null is not None
    if not kinds <= {_PYTHON[field.kind], *([type(None)] if nullable else [])}:
        return None
    if field.kind in _RANGES:
        bound = _RANGES[field.kind]
        numbers = [value for value in values if value is not None] if nullable else values
        if numbers and not (-bound <= min(numbers) and max(numbers) < bound):
            return None
    prefix = b"" if field.null is None else _ZIGZAG[1 - field.null]
    encoded = _ENCODERS[field.kind]
    try:
        if field.kind == "double":  # 0.0 and -0.0 are one key of a dict
            null = b"" if field.null is None else _ZIGZAG[field.null]
            return [null if value is None else prefix + encoded(value) for value in values]
        distinct = set(values)
        if field.kind == "string" and 2 * len(distinct) > len(values):  # few values are equal
            null = b"" if field.null is None else _ZIGZAG[field.null]
            texts = [None if value is None else value.encode() for value in values]
            return [null if text is None else prefix + _ZIGZAG[len(text)] + text for text in texts]
        made = {value: prefix + encoded(value) for value in distinct if value is not None}
    except UnicodeEncodeError:
        return None
    if field.null is not None:
        made[None] = _ZIGZAG[field.null]
    return [made[value] for value in values]


def _text(value: str) -> bytes:
    data = value.encode()
    return _ZIGZAG[len(data)] + data


_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "string": _text,
    "int": _ZIGZAG.__getitem__,
    "long": _ZIGZAG.__getitem__,
    "boolean": lambda value: b"\1" if value else b"\0",
    "double": _DOUBLE.pack,
}


def project(schema: str, target: str, payloads: Sequence[bytes]) -> list[bytes] | None:
    """Cut the target's fields out of each record; None unless they are fields of `schema`, in order,
    and each record has its shape.
    """
    steps = _steps(schema, target)
    if steps is None:
        return None
    out = []
    for payload in payloads:
        try:
            record = _cut(steps, payload)
        except IndexError:
            return None
        if record is None:
            return None
        out.append(record)
    return out


@cache
def _steps(schema: str, target: str) -> tuple[tuple[str, int, bool, bool], ...] | None:
    """Give (kind, null's byte or -1, whether what is kept begins, or ends, before it) of each field.

    Up to the last one kept; what is kept in a row is cut out at once.
    """
    fields, wanted = fields_of(schema), fields_of(target)
    if fields is None or wanted is None:
        return None
    names = [field.name for field in wanted]
    if [field for field in fields if field.name in names] != list(wanted):
        return None
    last = max(place for place, field in enumerate(fields) if field.name in names)
    kept = [False, *(field.name in names for field in fields[: last + 1])]
    turns = [(now and not before, before and not now) for before, now in pairwise(kept)]
    return tuple(
        (field.kind, -1 if field.null is None else 2 * field.null, *turn)
        for field, turn in zip(fields, turns, strict=False)
    )


def _cut(steps: tuple[tuple[str, int, bool, bool], ...], payload: bytes) -> bytes | None:
    at, start, kept = 0, 0, []
    for kind, null, begins, ends in steps:
        if begins:
            start = at
        elif ends:
            kept.append(payload[start:at])
        if null >= 0:
            branch = payload[at]
            at += 1
            if branch == null:
                continue
            if branch != 2 - null:
                return None
        size = payload[at]
        if kind == "string" and size < 0x80:  # a short text: its length is one byte
            at += 1 + (size >> 1)
        else:
            at = _behind(kind, payload, at)
    kept.append(payload[start:at])
    return b"".join(kept) if at <= len(payload) else None


def whole_fields(schema: str, payload: bytes) -> tuple[int, int]:
    """Count the fields that a payload holds whole, from the first on; give the place behind them, too."""
    number = at = 0
    try:
        for field in fields_of(schema) or ():
            behind = at
            if field.null is not None:
                branch, behind = payload[at], at + 1
                if branch not in (0, 2):
                    break
            if field.null is None or branch != 2 * field.null:
                behind = _behind(field.kind, payload, behind)
            if behind > len(payload):
                break
            number, at = number + 1, behind
    except IndexError:  # the payload ends inside a field, or before it
        pass
    return number, at


def _behind(kind: str, payload: bytes, at: int) -> int:
    """Give the place behind a value."""
    if kind == "double":
        return at + 8
    first = payload[at]
    if kind == "boolean":
        return at + 1
    number, shift = first & 0x7F, 7
    at += 1
    while first & 0x80:
        first = payload[at]
        number |= (first & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return at + (number >> 1) if kind == "string" else at
