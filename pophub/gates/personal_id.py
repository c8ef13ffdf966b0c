"""The personal identification number: 12 digits, of which six say place, sex, century and year.

Source: Decree 137/2015/ND-CP, article 13, and Circular 59/2021/TT-BCA: three digits for the
place of birth registration, one for century and sex (0 male, 1 female of 1900-1999, 2 and 3 of
2000-2099, and so on to 9), two for the year of birth, six at random.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pophub.domain.dates import EPOCH_DAY

WELL_FORMED = re.compile(r"[0-9]{12}\Z")
_SEXES = {"M": 0, "F": 1}
_NO_NUMBER = "0" * 12
_NO_DAY = -(10**6)  # before the year 1: no number says so

# before 2025-07-01, and since then some of them: a person keeps the number that was given
_PROVINCES = (
    "01 02 04 06 08 10 11 12 14 15 17 19 20 22 24 25 26 27 30 31 33 34 35 36 37 38 40 42 44 45 46 48 49 51 "
    "52 54 56 58 60 62 64 66 67 68 70 72 74 75 77 79 80 82 83 84 86 87 89 91 92 93 94 95 96"
)
PLACES = frozenset(f"0{code}" for code in _PROVINCES.split())
"""The three-digit codes of places of birth registration: provinces, old and new."""

Digits = NDArray[np.uint8]
Days = NDArray[np.int64]


def flaw(number: str) -> str | None:
    """Name the one thing that is wrong with a number's form: the check it fails, or None."""
    if WELL_FORMED.match(number):
        return None if number[:3] in PLACES else "province"
    kinds = {unicodedata.category(letter) for letter in number}
    if kinds & {"Cc", "Zl", "Zp"}:
        return "format"
    if kinds & {"Zs", "Cf"}:
        return "whitespace"
    if not number.isdecimal():
        return "format"
    return "length" if number.isascii() else "digits"


def digits_of(numbers: list[Any]) -> Digits:
    """Give the digits of each number, zeros where there is none or it is not well-formed.

    Shape: twelve a row. Zeros are no one's number: no place of birth registration has code 000.
    """
    found = None if None in numbers else _digits_at_once(numbers)
    if found is not None:
        return found
    match = WELL_FORMED.match
    sound = [number if number is not None and match(number) else _NO_NUMBER for number in numbers]
    found = _digits_at_once(sound)
    assert found is not None
    return found


def _digits_at_once(numbers: list[str]) -> Digits | None:
    """Give the digits if each number is twelve of them, as in almost every column."""
    lines = "\n".join([*numbers, ""])
    if not lines.isascii() or len(lines) != 13 * len(numbers):
        return None
    table = np.frombuffer(lines.encode(), np.uint8).reshape(len(numbers), 13)
    digits = table[:, :12] - np.uint8(ord("0"))  # what is below zero becomes large
    return digits if (table[:, 12] == ord("\n")).all() and (digits <= 9).all() else None


def flaws(numbers: list[Any], digits: Digits) -> dict[int, str]:
    """Give each row whose number has a flaw of form, with the check that it fails."""
    place = digits[:, 0] * np.uint16(100) + digits[:, 1] * np.uint16(10) + digits[:, 2]
    found = {}
    for row in np.flatnonzero(~_known_places()[place]).tolist():
        if numbers[row] is not None and (check := flaw(numbers[row])) is not None:
            found[row] = check
    return found


@cache
def _known_places() -> NDArray[np.bool_]:
    known = np.zeros(1000, np.bool_)
    known[[int(place) for place in PLACES]] = True
    return known


def contradicting(
    numbers: list[Any],
    births: list[Any] | None,
    sexes: list[Any] | None,
    digits: Digits | None = None,
    days: Days | None = None,
) -> list[int]:
    """Give the rows whose well-formed number contradicts birth date (days since 1970) or sex.

    A null birth date or sex contradicts nothing. Whole columns tell which rows agree for sure; the
    others are looked at one by one. `digits` and `days` are the numbers and births as arrays, if known.
    """
    digits = digits_of(numbers) if digits is None else digits
    doubtful = np.zeros(len(numbers), np.bool_)
    if births is not None:
        doubtful |= _years_in(digits) != _years_of(_days_of(births) if days is None else days)
    if sexes is not None:
        doubtful |= (digits[:, 3] & 1) != np.array([sex == "F" for sex in sexes], np.uint8)
    return [
        row
        for row in np.flatnonzero(doubtful).tolist()
        if contradicts(numbers[row], births[row] if births else None, sexes[row] if sexes else None)
    ]


def _years_in(digits: Digits) -> NDArray[np.int64]:
    """Give the year of birth that each number says."""
    era, tens, ones = digits[:, 3:6].astype(np.int64).T
    years: NDArray[np.int64] = (era // 2 + 19) * 100 + tens * 10 + ones
    return years


def _years_of(days: Days) -> NDArray[np.int64]:
    years = days.astype("datetime64[D]").astype("datetime64[Y]")
    return years.astype(np.int64) + np.int64(1970)


def _days_of(births: list[Any]) -> Days:
    """Give births as an array; a null is taken for 1970, as good a guess as any."""
    days = np.array([0 if birth is None else birth for birth in births])
    if days.dtype == np.int64:
        return days
    return np.full(
        len(births), _NO_DAY, np.int64
    )  # no days at all: each is looked at by itself, and refused there


def contradicts(number: str | None, birth: int | None, sex: Any) -> bool:
    """Tell whether a well-formed number contradicts birth date or sex."""
    if number is None or not WELL_FORMED.match(number):
        return False
    return number[3:6] not in _digits(birth, sex)


@lru_cache(1 << 16)
def _digits(birth: int | None, sex: Any) -> frozenset[str]:
    """Give what the digits for century, sex and year may be: two digits an era and sex, two a year."""
    years = range(1900, 2400) if birth is None else (date.fromordinal(birth + EPOCH_DAY).year,)
    marks = [_SEXES[sex]] if sex in _SEXES else [0, 1]
    return frozenset(f"{2 * (year // 100 - 19) + mark}{year % 100:02d}" for year in years for mark in marks)
