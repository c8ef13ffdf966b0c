"""Contract records column by column: each value's bytes made once, joined a row; cut by places of all rows.

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

import numpy as np
import numpy.typing as npt

from pophub.domain.record import Columns, Texts

Octets = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]

DOUBLE = Struct("<d")
_PYTHON = {"string": str, "bytes": bytes, "int": int, "long": int, "boolean": bool, "double": float}
_COUNTED = ("string", "bytes")  # their length stands before them
_BEYOND = 16  # bytes that may be looked at behind a record that ends early
_SAMPLE = 200  # values that tell whether those of a column repeat
_FEW = 32  # that do so where they are all different
_WARM = 16  # pieces of each row that are joined before they have left the processor's cache
_RANGES = {"int": 1 << 31, "long": 1 << 63}


class Field(NamedTuple):
    """A field of a schema: its name, plain type, and the branches of its union, None without one."""

    name: str
    kind: str
    null: int | None


class _Zigzag(dict[int, bytes]):
    """Avro's variable-length integers, each small one made once."""

    def __missing__(self, number: int) -> bytes:
        left = (number << 1) ^ (number >> 63)
        out = bytearray()
        while left > 0x7F:
            out.append(left & 0x7F | 0x80)
            left >>= 7
        out.append(left)
        made = bytes(out)
        if -_KEPT <= number < _KEPT:
            self[number] = made
        return made


_KEPT = 1 << 16  # lengths, and the days from 1790 to 2149
ZIGZAG = _Zigzag({})


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
    parts, pieces = list[list[bytes]](), list[list[bytes]]()
    whole = list(rows) == list(range(len(columns[fields[0].name])))
    for field in fields:
        column = columns[field.name]
        made = _pieces(field, column if whole else [column[row] for row in rows])
        if made is None:
            return None
        pieces += made
        if len(pieces) >= _WARM:
            parts.append(_joined(pieces))
            pieces = []
    return _joined([*parts, *pieces])


def _joined(pieces: Sequence[Sequence[bytes]]) -> list[bytes]:
    return list(map(b"".join, zip(*pieces, strict=True)))


def _pieces(field: Field, values: list[Any]) -> tuple[list[bytes], ...] | None:
    """Write a column's values in one piece each, or in two: what stands before a text, and the text."""
    kinds = values.kinds if type(values) is Texts else set(map(type, values))
    nullable = field.null is not None
    if not kinds <= {_PYTHON[field.kind], *([type(None)] if nullable else [])}:
        return None
    if field.kind in _RANGES:
        bound = _RANGES[field.kind]
        numbers = [value for value in values if value is not None] if nullable else values
        if numbers and not (-bound <= min(numbers) and max(numbers) < bound):
            return None
    prefix, null = (b"", b"") if field.null is None else (ZIGZAG[1 - field.null], ZIGZAG[field.null])
    encoded = _ENCODERS[field.kind]
    try:
        if _repeat(values) and field.kind != "double":  # 0.0 and -0.0 are one key of a dict
            made = {value: prefix + encoded(value) for value in set(values) - {None}}
            made[None] = null
            return (list(map(made.__getitem__, values)),)
        if field.kind == "string":
            return _texts(values, prefix, null if type(None) in kinds else None)
        return ([null if value is None else prefix + encoded(value) for value in values],)
    except UnicodeEncodeError:
        return None


def _repeat(values: list[Any]) -> bool:
    """Tell whether the values of a column are each there twice or more, as far as the first of them tell."""
    few = values[:_FEW]
    if len(set(few)) == len(few):
        return False
    first = values[:_SAMPLE]
    return 2 * len(set(first)) <= len(first)


def _texts(values: list[Any], prefix: bytes, null: bytes | None) -> tuple[list[bytes], ...]:
    """Write a column of texts, all encoded at once and cut apart; a None as `null`."""
    texts = values if null is None or type(values) is Texts else [value or "" for value in values]
    lead = f"\0{prefix.decode()}\1"  # where they are cut apart, what stands before each, room for its length
    joined = joined_texts(texts, lead)
    if joined is None:
        return ([null if value is None else prefix + text_bytes(value) for value in values],)  # type: ignore[misc]
    octets, places, sizes = joined
    pieces = with_lengths(octets, places + len(lead) - 1, np.maximum(sizes, 1)).tobytes().split(b"\0")[1:]
    for row in [] if sizes.all() else np.flatnonzero(sizes == 0).tolist():
        pieces[row] = prefix + b"\0" if null is None or values[row] is not None else null
    return (pieces,)


def joined_texts(texts: Sequence[str], lead: str) -> tuple[Octets, Places, Places] | None:
    """Join texts as UTF-8, with `lead` before each, in which there is one NUL.

    Shape: the bytes, the places of the NULs, and the bytes that each text has. None where a text has a NUL.
    Errors: UnicodeEncodeError.
    """
    if type(texts) is Texts:
        joined = bytearray(texts.octets).replace(b"\0", lead.encode())
    else:
        joined = bytearray((lead + lead.join(texts)).encode())
    octets = np.frombuffer(joined + lead.encode(), np.uint8)
    places = np.flatnonzero(octets == 0)
    if len(places) != len(texts) + 1:
        return None
    return octets[: -len(lead)], places[:-1], places[1:] - places[:-1] - len(lead)


def with_lengths(octets: Octets, places: Places, sizes: Places) -> Octets:
    """Put the length of each text at its place, where one byte is kept for it; longer ones push the rest back."""
    left = sizes << 1
    if left.max(initial=0) <= 0x7F:
        octets[places] = left
        return octets
    octets[places] = _low(left)
    while (more := left > 0x7F).any():
        places, left = places[more] + 1, left[more] >> 7
        octets = np.insert(octets, places, _low(left))
        places = places + np.arange(len(places))
    return octets


def _low(left: Places) -> Octets:
    return (left & 0x7F | np.where(left > 0x7F, 0x80, 0)).astype(np.uint8)


def text_bytes(value: str) -> bytes:
    r"""Write a text as Avro does, behind its length.

    >>> text_bytes("001"), text_bytes("x" * 64)[:3]
    (b'\x06001', b'\x80\x01x')

    Errors: UnicodeEncodeError.
    """
    data = value.encode()
    return ZIGZAG[len(data)] + data


_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "string": text_bytes,
    "bytes": lambda value: ZIGZAG[len(value)] + value,
    "int": ZIGZAG.__getitem__,
    "long": ZIGZAG.__getitem__,
    "boolean": lambda value: b"\1" if value else b"\0",
    "double": DOUBLE.pack,
}


def project(schema: str, target: str, payloads: Sequence[bytes]) -> list[bytes] | None:
    """Cut the target's fields out of each record; None unless they are fields of `schema`, in order,
    and each record has its shape.
    """
    steps = _steps(schema, target)
    if steps is None:
        return None
    data = np.frombuffer(b"".join((*payloads, bytes(_BEYOND))), np.uint8)
    sizes = np.array(list(map(len, payloads)), np.int64)
    ends = sizes.cumsum()
    starts = at = ends - sizes
    bounds = []
    for field, turns in steps:
        if turns:
            bounds.append((at - starts).tolist())
        after = _behind_all(field, data, at)
        if after is None or (after > ends).any():
            return None
        at = after
    bounds.append((at - starts).tolist())
    return _cut(payloads, bounds)


@cache
def _steps(schema: str, target: str) -> tuple[tuple[Field, bool], ...] | None:
    """Give the fields up to the last one kept, and whether what is kept begins, or ends, before each."""
    fields, wanted = fields_of(schema), fields_of(target)
    if fields is None or wanted is None:
        return None
    names = [field.name for field in wanted]
    if [field for field in fields if field.name in names] != list(wanted):
        return None
    last = max(place for place, field in enumerate(fields) if field.name in names)
    kept = [False, *(field.name in names for field in fields[: last + 1])]
    turns = [now != before for before, now in pairwise(kept)]
    return tuple(zip(fields, turns, strict=False))


def _cut(payloads: Sequence[bytes], bounds: list[list[int]]) -> list[bytes]:
    """Cut out of each payload what stands between the first bound and the second, the third and fourth ..."""
    parts = [
        [payload[start:end] for payload, start, end in zip(payloads, *pair, strict=True)]
        for pair in zip(bounds[::2], bounds[1::2], strict=True)
    ]
    return parts[0] if len(parts) == 1 else list(map(b"".join, zip(*parts, strict=True)))


def _behind_all(field: Field, data: Octets, at: Places) -> Places | None:
    """Give the place behind one field of each record; None where a branch or a length is none of ours."""
    present = np.full(len(at), True)
    if field.null is not None:
        branch = data[at]
        if (branch & 0xFD).any():  # neither 0 nor 2
            return None
        present, at = branch != 2 * field.null, at + 1
    if field.kind == "double":
        return np.where(present, at + DOUBLE.size, at)
    if field.kind == "boolean":
        return np.where(present, at + 1, at)
    number, more = np.zeros(len(at), np.int64), present
    for shift in range(0, 35 if field.kind in _COUNTED else 70, 7):
        octet = data[at].astype(np.int64)
        number |= more * (octet & 0x7F) << shift
        at, more = at + more, more & (octet > 0x7F)
        if not more.any():
            return at + (number >> 1) if field.kind in _COUNTED else at
    return None


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
    return at + (number >> 1) if kind in _COUNTED else at
