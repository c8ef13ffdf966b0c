"""Numbers as text, as a database's client prints them."""

from __future__ import annotations

from decimal import Decimal

_LONGEST = 1000  # digits; what has more is written with its exponent


def plain_number(number: Decimal) -> str:
    """Write a number without an exponent, with the digits that it has.

    >>> plain_number(Decimal("1E-10")), plain_number(Decimal("1.50")), plain_number(Decimal("NaN"))
    ('0.0000000001', '1.50', 'NaN')
    """
    long = number.is_finite() and abs(number.adjusted()) > _LONGEST
    return str(number) if long else format(number, "f")
