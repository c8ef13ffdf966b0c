"""Values of files that may not be what was meant; numbers of a spreadsheet: a text typed into one loses leading zeros, and what is beyond its 15th digit."""

from __future__ import annotations

from typing import Any

from pophub.contracts.model import AvroField, FieldMapping
from pophub.gates.parsing import Parser, Refused

BEYOND = 10**15  # from here on a spreadsheet keeps fewer digits than were typed


def numbers_told_apart(
    parse: Parser, mapping: FieldMapping, field: AvroField, *, key: bool, rounds: bool
) -> Parser:
    """Give a parser that refuses numbers which may not be what was meant.

    Errors: the function raises Refused with `contract.type` for a number in a text field, unless the
    mapping takes it as text and it is no key, and, where the source `rounds`, for one that may have lost digits; with
    `contract.text.encoding` for a text in a field of bytes that is not in the file's encoding.
    """
    if field.type == "bytes":
        return _written(parse)
    if field.type not in ("string", "int", "long", "decimal", "double"):
        return parse
    as_text = field.type != "string" or (mapping.numbers == "as_text" and not key)

    def told(value: Any) -> Any:
        if type(value) in (int, float) and (not as_text or (rounds and has_lost_digits(value))):
            raise Refused("contract.type")
        return parse(value)

    return told


def has_lost_digits(value: Any) -> bool:
    """Tell whether a value is a whole number of more digits than a spreadsheet keeps; its last ones may be others.

    >>> has_lost_digits(102024010000012345), has_lost_digits(1.02e17), has_lost_digits(10**14), has_lost_digits("1")
    (True, True, False, False)
    """
    return type(value) in (int, float) and abs(value) >= BEYOND


def _written(parse: Parser) -> Parser:
    """Refuse what a file holds as bytes: that is a text which could not be read, no value of bytes."""

    def told(value: Any) -> Any:
        if isinstance(value, bytes):
            raise Refused("contract.text.encoding")
        return parse(value)

    return told
