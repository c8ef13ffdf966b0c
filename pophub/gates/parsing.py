"""From one raw value to one contract value: a function a field, applied once a distinct value."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pophub.contracts.model import AvroField, FieldMapping
from pophub.domain.dates import (
    EPOCH_DAY,
    FIRST_US,
    LAST_US,
    birth_flaw,
    date_parser,
    day_of,
    far_flaw,
    micros,
    printed,
    time_parser,
    year_alone,
)
from pophub.domain.exact import exact, of_hex
from pophub.domain.lookalikes import LOOKALIKES, as_in_names
from pophub.domain.numbers import plain_number
from pophub.domain.record import Texts

_ODD_SPACES = (
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
_RUN = re.compile(f" [ {_ODD_SPACES}]+|[{_ODD_SPACES}][ {_ODD_SPACES}]*")
OUTER = f" \t\r\n{_ODD_SPACES}"
_LETTERS = (
    *range(0x80, 0x300),
    *range(0x1E00, 0x1F00),
)  # of Latin scripts: none of them combines with another
_PLAIN = np.zeros(1 << 16, np.bool_)  # first two bytes of characters that every text step leaves as they are
_FIRST_TWO = Counter(
    int.from_bytes(chr(point).encode()[:2]) for point in _LETTERS
    if unicodedata.is_normalized("NFC", chr(point)) and chr(point) not in _ODD_SPACES and chr(point) not in LOOKALIKES
)  # fmt: skip
_PLAIN[[two for two, count in _FIRST_TWO.items() if count == (64 if two >= 0xE000 else 1)]] = True
_BLANK = np.zeros(1 << 8, np.bool_)
_BLANK[list(b" \t\r\n")] = True
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}\Z")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]{1,300})?\Z")
_EXACT = 1e15  # from here on a float is printed with an exponent, and may have lost digits
_NONFINITE = ("nan", "inf", "infinity")
_BOUNDS = {"int": 1 << 31, "long": 1 << 63}
_TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}

Parser = Callable[[Any], Any]


class Refused(Exception):
    """A value that cannot be mapped, with its code. `kept` stands in the column nevertheless."""

    def __init__(self, code: str, kept: Any = None) -> None:
        self.code = code
        self.kept = kept
        super().__init__(code)


def clean_text(value: Any, step: str) -> str | None:
    """Apply a text step. Empty text is null.

    Errors: Refused with contract.text.* or contract.type.
    """
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("contract.text.encoding") from None
    if not isinstance(value, str):
        value = _text_of(value)
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise Refused("contract.text.encoding") from None
    if "\0" in value:
        raise Refused("contract.text.nul")
    if step != "as_is":
        value = value.strip(OUTER)
        if not value.isascii():
            value = unicodedata.normalize("NFC", value)
        if step == "name":
            value = _RUN.sub(" ", as_in_names(value))
    return value or None


def clean_texts(values: list[str | None], step: str) -> list[str | None] | None:
    """Apply a text step to a whole column at once, None where it holds anything unusual.

    The checks look at all texts joined; what they pass, `clean_text` would only trim.
    """
    octets = values.octets if type(values) is Texts else _octets(values)
    if octets is None:
        return None
    view = np.frombuffer(octets + b"\0", np.uint8)
    marks, trims = np.flatnonzero(view == 0), False
    if step != "as_is":
        trims = bool(_BLANK.take(view[marks[:-1] + 1]).any() or _BLANK.take(view[marks[1:] - 1]).any())
        if not _all_plain(view):
            joined = octets.decode()
            odd = _holds_any(joined, _ODD_SPACES)
            if not unicodedata.is_normalized("NFC", joined):
                return None
            if step == "name" and (odd or not LOOKALIKES.isdisjoint(joined)):
                return None
            trims = trims or odd
    if step == "name" and b"  " in octets:
        return None
    if trims:
        return [(value and (value.strip(OUTER) or None)) or None for value in values]
    some_empty = (marks[1:] - marks[:-1] == 1).any()
    return [value or None for value in values] if some_empty and "" in values else values


def _octets(values: list[str | None]) -> bytes | None:
    """Join texts as `Texts` has them; None where one has a NUL of its own, or no UTF-8."""
    texts = [value for value in values if value is not None] if None in values else values
    joined = "\0".join(texts)  # type: ignore[arg-type]
    try:
        return b"\0" + joined.encode() if joined.count("\0") == len(texts) - 1 else None
    except UnicodeEncodeError:
        return None


def _all_plain(view: NDArray[np.uint8]) -> bool:
    """Tell whether every text step leaves each character as it is, by the bytes with which those beyond ASCII begin."""
    leads = np.flatnonzero(view >= 0xC0)
    return bool(_PLAIN.take(view[leads].astype(np.uint16) << 8 | view[leads + 1]).all())


def _holds_any(text: str, characters: str) -> bool:
    return any(character in text for character in characters)


def _text_of(value: Any) -> str:
    """Write a whole number as text, or an exact one as its database prints it; other types have no one text."""
    if isinstance(value, Decimal) and value.is_finite():
        return plain_number(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        raise Refused("contract.type")
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value) or value != int(value) or not -_EXACT < value < _EXACT:
        raise Refused("contract.type")
    return str(int(value))


def _integer(value: Any, kind: str) -> int:
    if isinstance(value, bool):
        raise Refused("contract.type")
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            raise Refused("contract.number.nonfinite")
        if value != int(value):
            raise Refused("contract.number.format")
        value = int(value)
    if isinstance(value, str | bytes):
        text = clean_text(value, "trim") or ""
        if _INTEGER.match(text) is None:
            raise Refused(_number_flaw(text))
        value = int(text)
    if not isinstance(value, int):
        raise Refused("contract.type")
    bound = _BOUNDS[kind]
    if not -bound <= value < bound:
        raise Refused("contract.number.range")
    return value


def _number_flaw(text: str) -> str:
    """Give the code of a text that is no number of the declared kind."""
    return f"contract.number.{'nonfinite' if text.lower().lstrip('+-') in _NONFINITE else 'format'}"


def _written(value: str | bytes) -> str:
    """Give the text of a number with or without a point."""
    text = clean_text(value, "trim") or ""
    if _DECIMAL.match(text) is None:
        raise Refused(_number_flaw(text))
    return text


def _decimal(value: Any) -> float:
    if isinstance(value, bool):
        raise Refused("contract.type")
    if isinstance(value, str | bytes):
        value = _written(value)
    elif not isinstance(value, int | float | Decimal):
        raise Refused("contract.type")
    try:
        number = float(value)
    except OverflowError:
        raise Refused("contract.number.range") from None
    if not math.isfinite(number):
        raise Refused("contract.number.nonfinite")
    return number


def _exact(value: Any, field: AvroField) -> Decimal:
    """Read an exact number of the field's precision and scale; nothing is rounded."""
    if isinstance(value, bool) or not isinstance(value, str | bytes | int | float | Decimal):
        raise Refused("contract.type")
    if isinstance(value, str | bytes):
        value = _written(value)
    elif not math.isfinite(value):
        raise Refused("contract.number.nonfinite")
    elif isinstance(value, float):
        if not -_EXACT < value < _EXACT:
            raise Refused("contract.type")
        value = repr(value)
    try:
        return exact(Decimal(value), field.precision, field.scale)
    except OverflowError:
        raise Refused("contract.number.range") from None
    except ValueError:
        raise Refused("contract.number.format") from None


def _bytes(value: Any) -> bytes:
    r"""Take bytes as they are; a text is `\x` and hexadecimal digits, as PostgreSQL prints them."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise Refused("contract.type")
    try:
        return of_hex(value)
    except ValueError:
        raise Refused("contract.bytes.format") from None


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    if isinstance(value, str | bytes):
        text = clean_text(value, "trim") or ""
        if text in _TRUTH:
            return _TRUTH[text]
        raise Refused("contract.boolean.format")
    raise Refused("contract.type")


def _dated(mapping: FieldMapping, time: bool, birth: bool = False, day_begins: bool = False) -> Parser:
    local = ZoneInfo(mapping.time_zone)
    from_text = time_parser(mapping.format, mapping.time_zone) if time else date_parser(mapping.format)

    def number(value: Any) -> int:
        if isinstance(value, str | bytes):
            text = clean_text(value, "as_is") or ""
            try:
                return from_text(text)
            except (ValueError, OverflowError):
                raise Refused(_date_flaw(mapping.format, text, birth)) from None
        if isinstance(value, datetime):
            return micros(value, local) if time else day_of(value, local)
        if isinstance(value, date) and not time:
            return day_of(value, local)
        if birth and isinstance(value, int) and 1000 <= value <= 9999 and not isinstance(value, bool):
            raise Refused("contract.dob.year_only")
        if isinstance(value, date) and day_begins:
            return micros(datetime(value.year, value.month, value.day), local)
        raise Refused("contract.type")

    def parse(value: Any) -> int:
        try:
            found = number(value)
        except OverflowError:  # the year 10000 in the zone of the field
            raise Refused("contract.date.range") from None
        if time and not FIRST_US <= found <= LAST_US:
            raise Refused("contract.date.range")
        return found

    return parse


def _years(mapping: FieldMapping) -> Parser:
    """Read a date's year, where day and month are left open too."""
    days = _dated(mapping, time=False, birth=True)

    def parse(value: Any) -> int:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = _text_of(value)  # of a spreadsheet's cell
        if isinstance(value, str | bytes):
            found = year_alone(mapping.format, clean_text(value, "trim") or "")
            if found is not None:
                return found
        return date.fromordinal(days(value) + EPOCH_DAY).year

    return parse


def _date_flaw(form: str | None, text: str, birth: bool) -> str:
    """Give the code of a text that is no date or time of the declared form."""
    if flaw := far_flaw(text):
        return f"contract.date.{flaw}"
    flaw = birth_flaw(form, text) if birth else None
    return f"contract.dob.{flaw}" if flaw else "contract.date.format"


def _typed(
    mapping: FieldMapping, field: AvroField, birth: bool = False, day_begins: bool = False
) -> Parser | None:
    """Give the parser that the contract's type needs, None for text."""
    if mapping.precision == "year":
        return _years(mapping)
    if field.type == "date":
        return _dated(mapping, time=False, birth=birth)
    if field.type == "timestamp-micros":
        return _dated(mapping, time=True, day_begins=day_begins)
    if field.type in ("int", "long"):
        kind = field.type
        return lambda value: _integer(value, kind)
    if field.type == "decimal":
        return lambda value: _exact(value, field)
    return {"double": _decimal, "boolean": _boolean, "bytes": _bytes}.get(field.type)


def parser_for(
    mapping: FieldMapping,
    field: AvroField,
    codes: Mapping[str, str] | None,
    *,
    personal_id: bool,
    birth_date: bool = False,
    prints_times: bool = False,
    day_begins: bool = False,
) -> Parser:
    """Give the function from a raw value (never None) to the contract's value.

    `codes`: the code table that translates it. `prints_times`: a time in a field of text is written as its database prints it; a spreadsheet's is
    refused, since what stands in the cell may be shown in any form. `day_begins`: a date is taken as the
    time at which it begins, for markers alone; in a field that would be invented.
    Errors: the function raises Refused, nothing else.
    """
    typed = _typed(mapping, field, birth_date, day_begins)
    step = mapping.text

    def parse(value: Any) -> Any:
        if typed is not None and codes is None:
            if isinstance(value, str):
                if step != "as_is":
                    value = value.strip(OUTER)
                if value == "":
                    return None
            return typed(value)
        if personal_id and not isinstance(value, str | bytes):
            raise Refused("correct.id.type", str(value) if isinstance(value, int) else None)
        if prints_times and isinstance(value, date):
            value = printed(value)
        text = clean_text(value, step)
        if codes is None:
            return text
        found = codes.get(text or "")
        if found is None:
            if text is None or typed is None:
                return text
            raise Refused("correct.code.unknown")
        return found if typed is None else typed(found)

    return parse


def text_step(mapping: FieldMapping, field: AvroField) -> str | None:
    """Give the text step of a field that is nothing but text, else None."""
    return mapping.text if field.type == "string" and mapping.codes is None else None


def null_meaning(mapping: FieldMapping, field: AvroField, codes: Mapping[str, str] | None) -> Any:
    """Give what a null of the source means: None, or what the code table gives the empty text."""
    if codes is None or "" not in codes:
        return None
    typed = _typed(mapping, field)
    return codes[""] if typed is None else typed(codes[""])
