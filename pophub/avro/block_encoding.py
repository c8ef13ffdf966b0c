"""The columns of a raw block as Avro arrays, each written whole.

Equal, byte for byte, to fastavro's writer (a test says so), which asks each value of each row for
its type; here a column is asked once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from pophub.avro.record_columns import DOUBLE, ZIGZAG, joined_texts, text_bytes, with_lengths
from pophub.domain.dates import EPOCH, EPOCH_DAY, FIRST_US, LAST_US, MICROSECOND
from pophub.domain.numbers import plain_number

Items = tuple[str, ...]  # the branches of a column's items; one alone is no union
Written = tuple[str, bytes] | None  # None: these values have no type of their own, or not all the same

LOCAL_EPOCH = EPOCH.replace(tzinfo=None)
SHIFTS = np.arange(0, 70, 7, dtype=np.uint64)  # 64 bits are ten times seven, and six to spare
_LONG = range(-(1 << 63), 1 << 63)
_LOCAL, _TIME, _DATE = "long.local-timestamp-micros", "long.timestamp-micros", "int.date"
_BRANCHES = {str: "string", bytes: "bytes", int: "long", float: "double", bool: "boolean", date: _DATE}
_ORDER = ("string", "bytes", "long", "double", "boolean", _LOCAL, _TIME, _DATE)  # of a union's branches


@lru_cache(maxsize=128)
def schema_of(columns: tuple[tuple[str, Items], ...]) -> bytes:
    """Give a block's schema, which has the source's own name of each column as property `column`."""
    fields = [
        {"name": f"c{number}", "column": name, "type": {"type": "array", "items": _items(branches)}}
        for number, (name, branches) in enumerate(columns)
    ]
    schema = {
        "type": "record", "name": "RawBlock", "fields": [
            {"name": "batch", "type": "long"},
            {"name": "exchanged_at", "type": "long", "doc": "microseconds since 1970 UTC"},
            {"name": "contract", "type": "int"},
            {"name": "rows", "type": "int"},
            {"name": "columns", "type": {"type": "record", "name": "Columns", "fields": fields}},
        ],
    }  # fmt: skip
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":")).encode()


def _items(branches: Items) -> Any:
    found: list[Any] = []
    for branch in branches:
        kind, _, logical = branch.partition(".")
        found.append({"type": kind, "logicalType": logical} if logical else kind)
    return found if len(found) > 1 else found[0]


def longs(*numbers: int) -> bytes:
    """Write integers, one behind the other.

    Errors: `OverflowError` for one beyond 64 bits.
    """
    return _varints(np.array(numbers, np.int64), None)


def array(column: list[Any]) -> tuple[Items, bytes]:
    """Write a column; values without an Avro type of their own become text."""
    kinds = set(map(type, column))
    nullable = type(None) in kinds
    kinds.discard(type(None))
    write = _WRITERS.get(kinds.pop()) if len(kinds) == 1 else None
    done = write(column, nullable) if write else None
    if done is None:
        items, values = _union(column)
    else:
        branch, values = done
        items = ("null", branch) if nullable else (branch,)
    return items, b"".join((ZIGZAG[len(column)], values, b"\0")) if column else b"\0"


def _texts(column: list[Any], nullable: bool) -> Written:
    """Write texts all at once, a NUL in place of each length; None where one has no UTF-8."""
    try:
        joined = joined_texts(
            [text or "" for text in column] if nullable else column, "\2\0" if nullable else "\0"
        )
    except UnicodeEncodeError:
        return None
    if joined is None:
        return "string", _one_by_one(column, nullable)
    octets, places, sizes = joined
    if nullable:
        null = np.array([text is None for text in column])
        kept = np.ones(len(octets), np.bool_)
        kept[places[null] - 1] = False  # a null is its branch alone, the NUL
        places, sizes, octets = places - null.cumsum(), sizes, octets[kept]
    return "string", with_lengths(octets, places, sizes).tobytes()


def _one_by_one(texts: list[Any], nullable: bool) -> bytes:
    before = b"\2" if nullable else b""
    return b"".join([b"\0" if text is None else before + text_bytes(text) for text in texts])


def _counted(values: list[bytes]) -> bytes:
    return b"".join(chain.from_iterable(zip(map(ZIGZAG.__getitem__, map(len, values)), values, strict=True)))


def _numbers(column: list[Any], nullable: bool) -> Written:
    try:
        return "long", _integers(column, [n for n in column if n is not None] if nullable else column)
    except OverflowError:
        return None


def _times(column: list[Any], nullable: bool) -> Written:
    times = [time for time in column if time is not None] if nullable else column
    local = [time.tzinfo for time in times].count(None)
    if 0 < local < len(times):
        return None
    epoch, kind = (LOCAL_EPOCH, _LOCAL) if local else (EPOCH, _TIME)
    gaps = [time - epoch for time in times]
    micros = [(gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds for gap in gaps]
    if min(micros) < FIRST_US or max(micros) > LAST_US:  # what no reader can hold travels as text
        return None
    return kind, _integers(column, micros)


def _dates(column: list[Any], nullable: bool) -> Written:
    return _DATE, _integers(column, [day.toordinal() - EPOCH_DAY for day in column if day is not None])


def _integers(column: list[Any], numbers: list[int]) -> bytes:
    """Write the numbers of a column, where it is not null."""
    present = None
    if len(numbers) < len(column):
        present = np.array([value is not None for value in column])
    return _varints(np.array(numbers, np.int64), present)


def _varints(numbers: npt.NDArray[np.int64], present: npt.NDArray[np.bool_] | None) -> bytes:
    """Write numbers in a table of ten bytes each, and take those bytes that belong to a number."""
    zigzag = ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)
    left = zigzag[:, None] >> SHIFTS
    octets = (left & np.uint64(0x7F)).astype(np.uint8)
    used = left != 0
    used[:, 0] = True
    octets[:, :-1] |= used[:, 1:].astype(np.uint8) << 7
    if present is None:
        return bytes(octets[used])
    table = np.zeros((len(present), 11), np.uint8)
    table[:, 0] = present.astype(np.uint8) << 1
    table[present, 1:] = octets
    taken = np.zeros(table.shape, np.bool_)
    taken[:, 0] = True
    taken[present, 1:] = used
    return bytes(table[taken])


_WRITERS: dict[type, Callable[[list[Any], bool], Written]] = {
    str: _texts,
    bytes: lambda column, nullable: None if nullable else ("bytes", _counted(column)),
    int: _numbers,
    datetime: _times,
    date: _dates,
    float: lambda column, nullable: None if nullable else ("double", np.array(column, "<f8").tobytes()),
    bool: lambda column, nullable: None if nullable else ("boolean", bytes(column)),
}


def _union(column: list[Any]) -> tuple[Items, bytes]:
    """Write a column value by value, each under the branch of its type, whatever stands beside it."""
    column = [_portable(value) for value in column]
    kinds = list(map(_branch, column))
    branches = [branch for branch in _ORDER if branch in set(kinds)]
    under = {branch: ZIGZAG[index] for index, branch in enumerate(branches, 1)}
    write = _VALUES
    parts = [
        b"\0" if value is None else under[kind] + write[kind](value)
        for kind, value in zip(kinds, column, strict=True)
    ]
    return ("null", *(branches or ["string"])), b"".join(parts)


def _branch(value: Any) -> str:
    """Give the branch of a value that `_portable` gave, "" for none."""
    if type(value) is datetime:
        return _LOCAL if value.tzinfo is None else _TIME
    return _BRANCHES.get(type(value), "")


def _micros(gap: timedelta) -> bytes:
    return ZIGZAG[gap // MICROSECOND]


_VALUES: dict[str, Callable[[Any], bytes]] = {
    "string": text_bytes,
    "bytes": lambda data: ZIGZAG[len(data)] + data,
    "long": ZIGZAG.__getitem__,
    "double": DOUBLE.pack,
    "boolean": (b"\0", b"\1").__getitem__,
    _LOCAL: lambda time: _micros(time - LOCAL_EPOCH),
    _TIME: lambda time: _micros(time - EPOCH),
    _DATE: lambda day: ZIGZAG[day.toordinal() - EPOCH_DAY],
}


def _portable(value: Any) -> Any:
    if type(value) is datetime:
        gap = value - (LOCAL_EPOCH if value.tzinfo is None else EPOCH)
        return value if FIRST_US <= gap // MICROSECOND <= LAST_US else value.isoformat()
    if value is None or type(value) in (bool, float, bytes, date):
        return value
    if type(value) is int:
        return value if value in _LONG else str(value)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
        return str(value)
    if isinstance(value, Decimal):
        return plain_number(value)
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)
