"""Columns in the binary format of PostgreSQL's COPY: half the work for both sides, beside its text format.

Each row is written as its columns of one width, all rows of them at once in a matrix of bytes, then
the others. What has no binary form here (a type that is not listed, a value of another type than its
column's) is left to the text format: `encode` gives None.

Source: PostgreSQL's documentation of COPY, "Binary Format".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from struct import Struct
from typing import Any, NamedTuple

import numpy as np

from pophub.domain.digests import SIZES

_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_DAY_0 = date(2000, 1, 1).toordinal()
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SMALL, _SHORT, _LONG = Struct(">h"), Struct(">i"), Struct(">q")


class BinaryForm(NamedTuple):
    """How values of one type are written: from which Python type, in how many bytes, one value's bytes.

    `array` is numpy's type of a whole column of numbers; `width` is None where values differ in it.
    """

    kind: type
    width: int | None
    one: Callable[[Any], bytes]
    array: str | None = None


FORMS = {
    "smallint": BinaryForm(int, 2, _SMALL.pack, ">i2"),
    "integer": BinaryForm(int, 4, _SHORT.pack, ">i4"),
    "bigint": BinaryForm(int, 8, _LONG.pack, ">i8"),
    "boolean": BinaryForm(bool, 1, lambda value: b"\1" if value else b"\0", ">?"),
    "date": BinaryForm(date, 4, lambda value: _SHORT.pack(value.toordinal() - _DAY_0)),
    "timestamp with time zone": BinaryForm(
        datetime, 8, lambda value: _LONG.pack((value - _EPOCH) // _MICROSECOND)
    ),
    '"char"': BinaryForm(str, 1, lambda value: value.encode("ascii")),
    "text": BinaryForm(str, None, str.encode),
    "bytea": BinaryForm(bytes, None, bytes),
    "jsonb": BinaryForm(str, None, lambda value: b"\1" + value.encode()),
}
"""By the name that PostgreSQL gives a type (`format_type`)."""


def encode(columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> tuple[list[str], bytes] | None:
    """Encode columns of one length; give their names in the order in which they are written, and the bytes.

    Shape: `types` tells PostgreSQL's type of each column. None where a column has no binary form.
    """
    count = len(next(iter(columns.values())))
    even: dict[str, np.ndarray[Any, Any]] = {}
    others: dict[str, Sequence[Sequence[bytes]]] = {}
    for name, column in columns.items():
        form = FORMS.get(types.get(name, ""))
        if form is None:
            return None
        try:
            matrix = _even(column, form, count)
            pieces = _pieces(column, form) if matrix is None else None
        except (ValueError, OverflowError, UnicodeEncodeError, TypeError):  # text finds the words for it
            return None
        if matrix is not None:
            even[name] = matrix
        elif pieces is not None:
            others[name] = pieces
        else:
            return None
    rows = zip(_starts(even, len(columns), count), *chain(*others.values()), strict=True)
    body = chain.from_iterable(rows)
    return [*even, *others], _HEAD + b"".join(body) + _END


def _starts(even: Mapping[str, np.ndarray[Any, Any]], columns: int, count: int) -> list[bytes]:
    """Give each row's beginning: the number of its columns, and those of one width."""
    number = np.broadcast_to(np.frombuffer(columns.to_bytes(2, "big"), np.uint8), (count, 2))
    whole = np.concatenate([number, *even.values()], axis=1)
    data, width = whole.tobytes(), whole.shape[1]
    return [data[at : at + width] for at in range(0, count * width, width)]


def _even(column: Sequence[Any], form: BinaryForm, count: int) -> np.ndarray[Any, Any] | None:
    """Give a column of one width as a matrix of bytes, a row each; None where there are nulls, or widths differ."""
    first = column[0]
    if column.count(first) == count:
        value = _NULL if first is None else _sized(form, first)
        return np.broadcast_to(np.frombuffer(value, np.uint8), (count, len(value)))
    if set(map(type, column)) != {form.kind}:
        return None
    if form.array is not None:
        body = np.array(column, form.array)
    elif form.kind in (bytes, str):
        data = _joined(column, form) if len(set(map(len, column))) == 1 else None
        if not data:
            return None
        body = np.frombuffer(data, np.uint8)
    elif form.width is not None:
        made = {value: form.one(value) for value in set(column)}
        body = np.frombuffer(b"".join([made[value] for value in column]), np.uint8)
    else:
        return None
    bytes_ = body.view(np.uint8).reshape(count, -1)
    size = np.frombuffer(SIZES[bytes_.shape[1]], np.uint8)
    return np.concatenate([np.broadcast_to(size, (count, 4)), bytes_], axis=1)


def _joined(column: Sequence[Any], form: BinaryForm) -> bytes | None:
    """Join values of one length; None where they are texts whose bytes may differ in length."""
    if form.kind is bytes:
        return b"".join(column)
    text = "".join(column)
    return text.encode() if text.isascii() and form.one is str.encode else None


def _pieces(column: Sequence[Any], form: BinaryForm) -> Sequence[Sequence[bytes]] | None:
    """Give a column as lists of bytes to be joined row by row; None for a value of another type."""
    kinds = set(map(type, column))
    if not kinds <= {form.kind, type(None)}:
        return None
    if type(None) in kinds:
        return [[_NULL if value is None else _sized(form, value) for value in column]]
    values = list(map(form.one, column))
    return [[SIZES[length] for length in map(len, values)], values]


def _sized(form: BinaryForm, value: Any) -> bytes:
    if type(value) is not form.kind:
        raise TypeError
    data = form.one(value)
    return SIZES[len(data)] + data
