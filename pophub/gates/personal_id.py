"""The personal identification number: 12 digits, of which six say place, sex, century and year.

Source: Decree 137/2015/ND-CP, article 13, and Circular 59/2021/TT-BCA: three digits for the
place of birth registration, one for century and sex (0 male, 1 female of 1900-1999, 2 and 3 of
2000-2099, and so on to 9), two for the year of birth, six at random.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from functools import lru_cache
from typing import Any

from pophub.contracts.code_tables import code_table
from pophub.domain.dates import EPOCH_DAY

WELL_FORMED = re.compile(r"[0-9]{12}\Z")
_SEXES = {"M": 0, "F": 1}


def places() -> frozenset[str]:
    """Give the three-digit codes of places of birth registration: provinces, old and new."""
    return frozenset(f"0{code}" for code in code_table("province"))


def flaw(number: str) -> str | None:
    """Name the one thing that is wrong with a number's form: the check it fails, or None."""
    if WELL_FORMED.match(number):
        return None if number[:3] in places() else "province"
    kinds = {unicodedata.category(letter) for letter in number}
    if kinds & {"Cc", "Zl", "Zp"}:
        return "format"
    if kinds & {"Zs", "Cf"}:
        return "whitespace"
    if not number.isdecimal():
        return "format"
    return "length" if number.isascii() else "digits"


def _all_well_formed(numbers: list[Any]) -> bool:
    """Tell at once, as for almost every column, that each number has twelve digits."""
    present = [number for number in numbers if number is not None]
    joined = "".join(present)
    return set(map(len, present)) <= {12} and joined.isascii() and (joined.isdigit() or not joined)


def malformed(numbers: list[Any], check: str) -> list[int]:
    """Give the rows whose number fails exactly this check of its form."""
    sound = _all_well_formed(numbers)
    if sound and check != "province":
        return []
    match = WELL_FORMED.match
    if check == "province":
        known = places()
        if sound and {number[:3] for number in numbers if number is not None} <= known:
            return []
        return [
            row
            for row, number in enumerate(numbers)
            if number is not None and number[:3] not in known and match(number)
        ]
    return [
        row
        for row, number in enumerate(numbers)
        if number is not None and not match(number) and flaw(number) == check
    ]


def contradicting(numbers: list[Any], births: list[Any] | None, sexes: list[Any] | None) -> list[int]:
    """Give the rows whose well-formed number contradicts birth date (days since 1970) or sex.

    A null birth date or sex contradicts nothing.
    """
    none = [None] * len(numbers)
    sound = _all_well_formed(numbers)
    return [
        row
        for row, (number, birth, sex) in enumerate(zip(numbers, births or none, sexes or none, strict=True))
        if number is not None
        and number[3:6] not in _digits(birth, sex)
        and (sound or WELL_FORMED.match(number))
    ]


@lru_cache(1 << 16)
def _digits(birth: int | None, sex: Any) -> frozenset[str]:
    """Give what the digits for century, sex and year may be: two digits an era and sex, two a year."""
    years = range(1900, 2400) if birth is None else (date.fromordinal(birth + EPOCH_DAY).year,)
    marks = [_SEXES[sex]] if sex in _SEXES else [0, 1]
    return frozenset(f"{2 * (year // 100 - 19) + mark}{year % 100:02d}" for year in years for mark in marks)
