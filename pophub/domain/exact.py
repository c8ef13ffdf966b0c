"""Exact numbers of a declared precision and scale, and bytes as text."""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any

from pophub.domain.numbers import plain_number

MAX_PRECISION = 38  # digits; what the types of most readers hold
_EXACT = Context(prec=MAX_PRECISION, traps=[Inexact, InvalidOperation])
_HEX = re.compile(r"\\x((?:[0-9A-Fa-f]{2})*)\Z")


def exact(number: Decimal, precision: int, scale: int) -> Decimal:
    """Give a finite number with exactly `scale` digits behind the point; no digit is lost, zero has no sign.

    Errors: OverflowError where it has more than `precision` digits so, ValueError where more stand behind
    its point.

    >>> exact(Decimal("1.5"), 5, 2), exact(Decimal("-0"), 5, 2), exact(Decimal("1.500"), 5, 2)
    (Decimal('1.50'), Decimal('0.00'), Decimal('1.50'))
    """
    if not number:
        return Decimal(f"0E-{scale}")
    if number.adjusted() >= precision - scale:
        raise OverflowError("more digits than the precision")
    try:
        return number.quantize(Decimal(f"1E-{scale}"), context=_EXACT)
    except Inexact:
        raise ValueError("more digits than the scale") from None


def hex_text(data: bytes) -> str:
    r"""Write bytes as PostgreSQL does.

    >>> hex_text(b"\x00\xff")
    '\\x00ff'
    """
    return f"\\x{data.hex()}"


def of_hex(text: str) -> bytes:
    r"""Read bytes that are written as `\x` and two hexadecimal digits a byte.

    Errors: ValueError for any other text.
    """
    found = _HEX.match(text)
    if found is None:
        raise ValueError("not \\x and hexadecimal digits")
    return bytes.fromhex(found[1])


def as_text(value: Any) -> Any:
    """Give bytes and exact numbers as text, any other value as it is."""
    if isinstance(value, bytes):
        return hex_text(value)
    return plain_number(value) if isinstance(value, Decimal) else value
