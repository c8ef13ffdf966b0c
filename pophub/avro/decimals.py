"""Exact numbers of contract records: Avro's bytes, the number without its point as two's complement.

fastavro's own conversion shares one decimal context, which rounds, among all threads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from pophub.avro.container import refuse
from pophub.domain.exact import exact
from pophub.domain.numbers import plain_number
from pophub.domain.record import Columns


class Precision(NamedTuple):
    """How many digits a number has, and how many of them stand behind its point."""

    precision: int
    scale: int


@cache
def decimals_of(schema: str) -> Mapping[str, Precision]:
    """Give the terms of a record's exact numbers, by field."""
    found = {}
    for field in json.loads(schema)["fields"]:
        for branch in field["type"] if isinstance(field["type"], list) else [field["type"]]:
            if isinstance(branch, dict) and branch.get("logicalType") == "decimal":
                found[field["name"]] = Precision(branch["precision"], branch.get("scale", 0))
    return found


def as_bytes(schema: str, columns: Columns) -> Columns:
    """Give the columns with exact numbers as their bytes.

    Errors: ValueError, OverflowError or TypeError where a value is no number of its field's terms.
    """
    terms = decimals_of(schema)
    changed = terms.keys() & columns.keys()
    if not changed:
        return columns
    return columns | {n: [v if v is None else _bytes_of(v, terms[n]) for v in columns[n]] for n in changed}


def _bytes_of(value: Any, terms: Precision) -> bytes:
    if not isinstance(value, Decimal) or not value.is_finite():
        raise TypeError("no exact number")
    number = int(plain_number(exact(value, *terms)).replace(".", ""))
    size = (number if number >= 0 else ~number).bit_length() // 8 + 1
    return number.to_bytes(size, "big", signed=True)


def as_numbers(schema: str, record: dict[str, Any]) -> dict[str, Any]:
    """Give a record with exact numbers instead of their bytes.

    Errors: `BadBlock` with `contract.avro.range` for one that has more digits than its field.
    """
    for name, terms in decimals_of(schema).items():
        if record[name] is not None:
            record[name] = _number_of(record[name], terms)
    return record


def _number_of(data: bytes, terms: Precision) -> Decimal:
    number = int.from_bytes(data, "big", signed=True)
    if not data or abs(number) >= 10**terms.precision:
        refuse("contract.avro.range")
    return Decimal(f"{number}E-{terms.scale}")
