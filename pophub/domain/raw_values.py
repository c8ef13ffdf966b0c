"""Raw values of a key as one text, and back with their types: what a row that is gone is told by."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson

_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def packed(values: Sequence[Any]) -> str:
    """Write values as a source gave them; one that JSON has no type for is an object with one name.

    >>> packed(["A-1", 7, Decimal("1.50"), date(2024, 5, 1), b"a"])
    '["A-1",7,{"decimal":"1.50"},{"date":"2024-05-01"},{"bytes":"61"}]'
    """
    if set(map(type, values)) == {str}:  # as most keys are
        return orjson.dumps(list(values)).decode()
    return _write([_written(value) for value in values])


def unpacked(text: str) -> list[Any]:
    """Read values that `packed` wrote.

    >>> unpacked('["A-1",7,{"decimal":"1.50"},{"date":"2024-05-01"},{"bytes":"61"}]')
    ['A-1', 7, Decimal('1.50'), datetime.date(2024, 5, 1), b'a']
    """
    return [_read(value) for value in json.loads(text)]


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    return value


def _read(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    readers: dict[str, Callable[[str], Any]] = {
        "time": datetime.fromisoformat,
        "date": date.fromisoformat,
        "decimal": Decimal,
    }
    return bytes.fromhex(text) if kind == "bytes" else readers[kind](text)
