"""A raw block under our own mark, read column by column.

Reads what `block_encoding` writes: each array in one stretch. What it does not expect it does not
judge: it gives None, and the strict reader (`container.read_strictly`) finds the code. As a mark can be
forged, it ends for any bytes, soon and in little memory.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from pophub.avro.block_encoding import LOCAL_EPOCH, SHIFTS
from pophub.avro.container import MAX_BLOCK_ROWS, BadBlock, Reader, shape_of
from pophub.avro.record_columns import DOUBLE, ZIGZAG
from pophub.domain.dates import EPOCH, EPOCH_DAY, MICROSECOND
from pophub.domain.record import Block, Texts

Numbers = npt.NDArray[np.int64]
ReadColumn = tuple[list[Any], int]  # the values of a column, and the place behind them

_STEPS = [0 if size & 0x81 else 1 + (size >> 1) for size in range(0x100)]  # over a text of a one-byte length
_DROPPED = b"\xff"  # a byte that no UTF-8 has


class Unexpected(ValueError):
    """These bytes are not what we write."""


FLAWS = (BadBlock, ValueError, IndexError, OverflowError, TypeError, struct.error)


def read(schema: bytes, record: memoryview) -> Block | None:
    """Read a block's record; None where it is not just as we write it."""
    try:
        return _block(schema, bytes(record))
    except FLAWS:
        return None


def _block(schema: bytes, data: bytes) -> Block | None:
    head = Reader(memoryview(data))
    batch, stamp, contract, rows = head.long(), head.long(), head.int(), head.int()
    if not 0 < rows <= MAX_BLOCK_ROWS:
        return None
    at, count, columns, scratch = head.at, ZIGZAG[rows], {}, bytearray(data)
    for _, name, branches, union in shape_of(schema).columns:
        if not data.startswith(count, at):
            return None
        columns[name], at = column(data, scratch, at + len(count), rows, branches, union)
        if data[at]:
            return None
        at += 1
    return Block(batch, stamp, contract, rows, columns) if at == len(data) else None


def column(
    data: bytes, scratch: bytearray, at: int, rows: int, branches: tuple[str, ...], union: bool
) -> ReadColumn:
    """Read the items of one array as `block_encoding.array` writes them; `scratch` is a copy of `data` to spoil.

    Errors: any of `FLAWS`.
    """
    kind, nullable = branches[-1], union and len(branches) == 2 and branches[0] == "null"
    if nullable or not union:
        if kind == "string":
            read_texts = _nullable_texts if nullable else _texts
            texts = read_texts(data, scratch, at, rows)
            if texts is not None:
                return texts
        if kind in _OF_NUMBERS:
            read_numbers = _nullable_numbers if nullable else _numbers
            return read_numbers(data, at, rows, _OF_NUMBERS[kind])
        if kind == "bytes" and not nullable:
            return _octets(data, at, rows)
        if kind == "boolean" and not nullable:
            return _booleans(data, at, rows)
        if kind == "double" and not nullable:
            return np.frombuffer(data, "<f8", rows, at).tolist(), at + 8 * rows
    return _value_by_value(data, at, rows, branches, union)


def _texts(data: bytes, scratch: bytearray, at: int, rows: int) -> ReadColumn | None:
    """Read texts all at once: a NUL in place of each length, then split; None where a text has a NUL."""
    start, steps, more = at, _STEPS, 0
    step = steps[data[at]]
    if step and data[at : at + step * rows : step] == data[at : at + 1] * rows:  # all of one length
        at += step * rows
        scratch[start:at:step] = bytes(rows)
        return _split(scratch[start:at], rows, at)
    for _ in range(rows):
        scratch[at] = 0
        step = steps[data[at]]
        if step:
            at += step
        else:
            at, dropped = _over_long_text(data, scratch, at)
            more += dropped
    return _split(_without_dropped(scratch[start:at], more), rows, at)


def _nullable_texts(data: bytes, scratch: bytearray, at: int, rows: int) -> ReadColumn | None:
    """Read texts as `_texts` does, the NUL in place of the branch."""
    start, steps, more, nulls = at, _STEPS, 0, []
    for row in range(rows):
        scratch[at] = 0
        branch = data[at]
        at += 1
        if branch == 2:
            scratch[at] = 0xFF
            step = steps[data[at]]
            if step:
                at += step
            else:
                at, dropped = _over_long_text(data, scratch, at)
                more += dropped
        elif branch:
            raise Unexpected
        else:
            nulls.append(row)
    return _split(_without_dropped(scratch[start:at], more + rows - len(nulls)), rows, at, nulls)


def _over_long_text(data: bytes, scratch: bytearray, at: int) -> tuple[int, int]:
    """Drop the length of a text but for its first byte; give the place behind the text, and the bytes dropped."""
    first, second = data[at], data[at + 1]
    if second < 0x80 and not first & 1:  # a length of two bytes, as most are
        scratch[at + 1] = 0xFF
        return at + 2 + (second << 6) + ((first & 0x7F) >> 1), 1
    size, starts = _long(data, at)
    if size < 0:
        raise Unexpected
    dropped = starts - at - 1
    scratch[at + 1 : starts] = _DROPPED * dropped
    return starts + size, dropped


def _without_dropped(texts: bytearray, dropped: int) -> bytearray:
    left = texts.translate(None, _DROPPED)
    if len(left) != len(texts) - dropped:  # there are more of them than we put there
        raise Unexpected
    return left


def _split(texts: bytearray, rows: int, behind: int, nulls: Sequence[int] = ()) -> ReadColumn | None:
    values: list[Any] = texts.decode().split("\0")
    del values[0]
    if len(values) != rows:
        return None
    for row in nulls:
        values[row] = None
    return Texts(values, texts, nulls=bool(nulls)), behind


def _booleans(data: bytes, at: int, rows: int) -> ReadColumn:
    values = data[at : at + rows]
    if values.translate(None, b"\0\1"):
        raise Unexpected
    return np.frombuffer(values, np.bool_).tolist(), at + rows


def _octets(data: bytes, at: int, rows: int) -> ReadColumn:
    values, steps = [], _STEPS
    for _ in range(rows):
        step = steps[data[at]]
        if step:
            values.append(data[at + 1 : at + step])
            at += step
        else:
            value, at = _bytes(data, at)
            values.append(value)
    if at > len(data):
        raise Unexpected
    return values, at


def _times(numbers: Numbers) -> list[Any]:
    return [EPOCH + gap for gap in numbers.view("m8[us]").tolist()]


def _local_times(numbers: Numbers) -> list[Any]:
    return [LOCAL_EPOCH + gap for gap in numbers.view("m8[us]").tolist()]


def _dates(numbers: Numbers) -> list[Any]:
    return [date.fromordinal(day + EPOCH_DAY) for day in numbers.tolist()]


_OF_NUMBERS: dict[str, Callable[[Numbers], list[Any]]] = {
    "long": lambda numbers: numbers.tolist(),
    "long.timestamp-micros": _times,
    "long.local-timestamp-micros": _local_times,
    "int.date": _dates,
}


def _numbers(data: bytes, at: int, rows: int, values_of: Callable[[Numbers], list[Any]]) -> ReadColumn:
    zigzag, ends, sound = _varints(data, at, 10 * rows, rows)
    if len(ends) < rows or not sound.all():
        raise Unexpected
    return values_of(_signed(zigzag)), at + int(ends[-1]) + 1


def _nullable_numbers(
    data: bytes, at: int, rows: int, values_of: Callable[[Numbers], list[Any]]
) -> ReadColumn:
    """Read varints, among which are the branches; there may be others behind those of this column."""
    zigzag, ends, sound = _varints(data, at, 11 * rows, 2 * rows)
    branches, place, places, present = zigzag.tolist(), 0, [], []
    for row in range(rows):
        branch = branches[place]
        place += 1
        if branch == 2:
            places.append(place)
            present.append(row)
            place += 1
        elif branch:
            raise Unexpected
    if place > len(ends) or not sound[:place].all():
        raise Unexpected
    values: list[Any] = [None] * rows
    for row, value in zip(present, values_of(_signed(zigzag[places])), strict=True):
        values[row] = value
    return values, at + int(ends[place - 1]) + 1


def _varints(
    data: bytes, at: int, most_bytes: int, most: int
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Read so many varints, or fewer; give them, where each ends, and whether it fits 64 bits."""
    octets = np.frombuffer(data, np.uint8, min(most_bytes, len(data) - at), at)
    ends = np.flatnonzero(octets < 0x80)[:most]
    if not len(ends):
        raise Unexpected
    starts = np.concatenate((np.zeros(1, np.intp), ends[:-1] + 1))
    sizes = ends - starts + 1
    octets = octets[: ends[-1] + 1]
    sound = (sizes < 10) | ((sizes == 10) & (octets[ends] < 2))
    within = np.arange(len(octets)) - np.repeat(starts, sizes)
    parts = (octets & np.uint8(0x7F)).astype(np.uint64) << SHIFTS[np.minimum(within, 9)]
    return np.bitwise_or.reduceat(parts, starts), ends, sound


def _signed(zigzag: npt.NDArray[np.uint64]) -> Numbers:
    return (zigzag >> np.uint64(1)).view(np.int64) ^ -(zigzag & np.uint64(1)).view(np.int64)


def _value_by_value(data: bytes, at: int, rows: int, branches: tuple[str, ...], union: bool) -> ReadColumn:
    readers = [_READERS.get(branch) for branch in branches]
    values = []
    for _ in range(rows):
        index = 0
        if union:
            index, at = data[at], at + 1
            if index & 1:
                raise Unexpected
        reader = readers[index >> 1]
        if reader is None:
            raise Unexpected
        value, at = reader(data, at)
        values.append(value)
    return values, at


def _long(data: bytes, at: int) -> tuple[int, int]:
    found = 0
    for place in range(10):
        octet = data[at + place]
        found |= (octet & 0x7F) << 7 * place
        if octet < 0x80:
            if found >> 64:
                break
            return (found >> 1) ^ -(found & 1), at + place + 1
    raise Unexpected


def _bytes(data: bytes, at: int) -> tuple[bytes, int]:
    step = _STEPS[data[at]]
    size, starts = (step - 1, at + 1) if step else _long(data, at)
    if not 0 <= size <= len(data) - starts:
        raise Unexpected
    return data[starts : starts + size], starts + size


def _string(data: bytes, at: int) -> tuple[str, int]:
    found, at = _bytes(data, at)
    return found.decode(), at


def _timed(data: bytes, at: int, epoch: datetime) -> tuple[datetime, int]:
    number, at = _long(data, at)
    return epoch + number * MICROSECOND, at


def _date(data: bytes, at: int) -> tuple[date, int]:
    number, at = _long(data, at)
    return date.fromordinal(number + EPOCH_DAY), at


def _double(data: bytes, at: int) -> tuple[float, int]:
    return float(DOUBLE.unpack_from(data, at)[0]), at + 8


def _boolean(data: bytes, at: int) -> tuple[bool, int]:
    if data[at] > 1:
        raise Unexpected
    return data[at] == 1, at + 1


_READERS: dict[str, Callable[[bytes, int], tuple[Any, int]]] = {
    "null": lambda data, at: (None, at),
    "string": _string,
    "bytes": _bytes,
    "long": _long,
    "double": _double,
    "boolean": _boolean,
    "long.timestamp-micros": lambda data, at: _timed(data, at, EPOCH),
    "long.local-timestamp-micros": lambda data, at: _timed(data, at, LOCAL_EPOCH),
    "int.date": _date,
}
