"""Values of Kafka Connect's schemas, with Debezium's own types: each as its source's client prints it, or refused.

A schema is in the form that Connect writes beside a message: {"type": "int32", "optional": true, "name": ...}.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import simplejson

from pophub.domain.dates import DAY_US, printed
from pophub.sources.connect_times import (
    of_days,
    of_micros,
    of_nanos,
    span,
    time_of_day,
    unzoned,
    whole,
    written_clock,
    written_day,
    zoned,
)
from pophub.sources.json_pages import MOST_DIGITS, plain

ValueReader = Callable[[Any], Any]
Schema = Mapping[str, Any]
UNAVAILABLE = "__debezium_unavailable_value"
_GREGORIAN = (1582, 10, 15)
_NONFINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Unreadable(Exception):
    """A value that is not what its schema says, or not what its source held, with its code."""

    def __init__(self, code: str = "contract.type") -> None:
        super().__init__(code)
        self.code = code


def reader_of(schema: Schema) -> ValueReader:
    """Give what reads the values of a schema that is no plain struct.

    Errors: the reader raises `Unreadable`.
    """
    name, kind = schema.get("name"), schema.get("type")
    read = _NAMED[name](schema) if name in _NAMED else _made(str(kind), schema)

    def value(found: Any) -> Any:
        return None if found is None else read(found)

    return value


def is_flat(schema: Schema) -> bool:
    """Tell whether a schema is one value: a struct of Debezium's own is, any other has columns."""
    return schema.get("type") != "struct" or str(schema.get("name", "")).startswith("io.debezium.")


def _made(kind: str, schema: Schema) -> ValueReader:
    if kind == "array":
        return _array(schema)
    return _PLAIN.get(kind, _nothing)


def _nothing(_value: Any) -> Any:
    raise Unreadable


def _integer(value: Any) -> int:
    if not whole(value):
        raise Unreadable
    return int(value)


def _text(value: Any) -> str | bytes:
    if not isinstance(value, str):
        raise Unreadable
    if value == UNAVAILABLE:
        raise Unreadable("contract.value.unavailable")
    found: str | bytes = plain(value)
    return found


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unreadable
    return value


def _double(value: Any) -> float:
    if isinstance(value, str) and value in _NONFINITE:
        return _NONFINITE[value]
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise Unreadable
    try:
        return float(value)
    except OverflowError:
        raise Unreadable from None


def _single(value: Any) -> float:
    """Give a number of 32 bits with the digits that it is printed with."""
    return float(str(np.float32(_double(value))))


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        try:
            value = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise Unreadable from None
    if not isinstance(value, bytes):
        raise Unreadable
    if value == UNAVAILABLE.encode():
        raise Unreadable("contract.value.unavailable")
    return value


def _scaled(value: Any, scale: int) -> Decimal:
    octets = _bytes(value)
    if len(octets) > MOST_DIGITS // 2 or abs(scale) > MOST_DIGITS:
        raise Unreadable
    number = int.from_bytes(octets, "big", signed=True)
    return Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -scale))


def _decimal(schema: Schema) -> ValueReader:
    try:
        scale = int((schema.get("parameters") or {})["scale"])
    except (KeyError, ValueError, TypeError):
        return _nothing

    def read(value: Any) -> Decimal:
        if value == UNAVAILABLE:
            raise Unreadable("contract.value.unavailable")
        if isinstance(value, Decimal) or whole(value):  # where Connect is told to write decimals as numbers
            return Decimal(value)
        return _scaled(value, scale)

    return read


def _variable(_schema: Schema) -> ValueReader:
    def read(value: Any) -> Decimal:
        if not isinstance(value, dict) or not whole(value.get("scale")):
            raise Unreadable
        return _scaled(value.get("value"), value["scale"])

    return read


def _bits(schema: Schema) -> ValueReader:
    try:
        length = int((schema.get("parameters") or {}).get("length") or 0)
    except (ValueError, TypeError):
        return _nothing

    def read(value: Any) -> str:
        text = f"{int.from_bytes(_bytes(value), 'little'):b}"
        return text.rjust(length, "0") if length < 1 << 16 else text

    return read


def _written(make: Callable[[str], Any]) -> Callable[[Schema], ValueReader]:
    def read(value: Any) -> Any:
        if (found := make(value) if isinstance(value, str) else None) is None:
            raise Unreadable
        return found

    return lambda _schema: read


def _rounded(_schema: Schema) -> ValueReader:
    def read(_value: Any) -> Any:
        raise Unreadable("contract.value.rounded")

    return read


def _counted(make: Callable[[int], Any]) -> Callable[[Schema], ValueReader]:
    return lambda _schema: lambda value: make(_integer(value))


def _clock(unit_us: int) -> Callable[[Schema], ValueReader]:
    def read(value: Any) -> str:
        us = _integer(value) * unit_us
        if not 0 <= us <= DAY_US:
            raise Unreadable
        return time_of_day(us)

    return lambda _schema: read


def _clock_of_nanos(value: Any) -> str:
    us, rest = divmod(_integer(value), 1000)
    if rest or not 0 <= us <= DAY_US:
        raise Unreadable
    return time_of_day(us)


def _zoned(value: Any) -> Any:
    text = _text(value)
    return _certain(zoned(text)) if isinstance(text, str) else text


def _certain(found: Any) -> Any:
    """Refuse a day before the Gregorian calendar: connectors count those in another one, or leave out the era."""
    early = isinstance(found, date) and (found.year, found.month, found.day) < _GREGORIAN
    if early or (isinstance(found, str) and found.endswith(" BC")):
        raise Unreadable("contract.value.ambiguous")
    return found


def _day(days: int) -> Any:
    return _certain(of_days(days))


def _moment(us: int) -> Any:
    return _certain(of_micros(us))


def _array(schema: Schema) -> ValueReader:
    """Read a list as PostgreSQL prints an array."""
    inner = schema.get("items") or {}
    each = reader_of(inner)

    def read(value: Any) -> str:
        if not isinstance(value, list):
            raise Unreadable
        if value and all(one is None for one in value):  # Debezium makes arrays in an array nulls
            raise Unreadable("contract.value.ambiguous")
        return "{" + ",".join(_element(each(one)) for one in value) + "}"

    return read


def _element(value: Any) -> str:
    """Write an element of an array.

    >>> [_element(one) for one in (None, True, 1e20, Decimal("1.50"), "a b", "", 'x"', b"\\x00", "{1,2}")]
    ['NULL', 't', '1e+20', '1.50', '"a b"', '""', '"x\\\\""', '"\\\\\\\\x00"', '"{1,2}"']
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, float):
        return printed_double(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        value = f"\\x{value.hex()}"
    text = printed(value) if isinstance(value, date) else str(value)
    odd = (
        not text or text.upper() == "NULL" or any(sign in '{},"\\' or sign in " \t\n\r\v\f" for sign in text)
    )
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if odd else text


def printed_double(value: float) -> str:
    """Write a double as psql prints it: the fewest digits that tell it, an exponent from 15 digits on.

    >>> printed_double(1.0), printed_double(1e15), printed_double(0.00001), printed_double(math.inf)
    ('1', '1e+15', '1e-05', 'Infinity')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    text = repr(value).removesuffix(".0")
    digits = text.lstrip("-")
    if "e" not in digits and "." not in digits and len(digits) > 15:
        lead = digits.rstrip("0")
        point = f"{lead[0]}.{lead[1:]}" if len(lead) > 1 else lead
        return f"{'-' if value < 0 else ''}{point}e+{len(digits) - 1}"
    return text


def _map(value: Any) -> str:
    if not isinstance(value, (dict, list)):
        raise Unreadable
    return simplejson.dumps(
        value, ensure_ascii=False, use_decimal=True, separators=(",", ":"), default=_in_json
    )


def _in_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise Unreadable


_PLAIN: dict[str, ValueReader] = {
    **dict.fromkeys(("int8", "int16", "int32", "int64"), _integer),
    "float": _single, "float32": _single, "double": _double, "float64": _double,
    "boolean": _truth, "string": _text, "bytes": _bytes, "map": _map,
}  # fmt: skip
_NAMED: dict[Any, Callable[[Schema], ValueReader]] = {
    "org.apache.kafka.connect.data.Decimal": _decimal,
    "org.apache.kafka.connect.data.Date": _counted(_day),
    "org.apache.kafka.connect.data.Time": _clock(1000),
    "org.apache.kafka.connect.data.Timestamp": _counted(lambda ms: _moment(ms * 1000)),
    "io.debezium.time.Date": _counted(_day),
    "io.debezium.time.Time": _clock(1000),
    "io.debezium.time.MicroTime": _clock(1),
    "io.debezium.time.NanoTime": lambda _schema: _clock_of_nanos,
    "io.debezium.time.Timestamp": _counted(lambda ms: _moment(ms * 1000)),
    "io.debezium.time.MicroTimestamp": _counted(_moment),
    "io.debezium.time.NanoTimestamp": _counted(lambda ns: _certain(of_nanos(ns))),
    "io.debezium.time.ZonedTimestamp": lambda _schema: _zoned,
    "io.debezium.time.MicroDuration": _rounded,
    "io.debezium.time.NanoDuration": _rounded,
    "io.debezium.time.Interval": _written(span),
    "io.debezium.time.IsoDate": _written(lambda text: _certain(written_day(text))),
    "io.debezium.time.IsoTime": _written(written_clock),
    "io.debezium.time.IsoTimestamp": _written(lambda text: _certain(unzoned(text))),
    "io.debezium.data.VariableScaleDecimal": _variable,
    "io.debezium.data.Bits": _bits,
}
