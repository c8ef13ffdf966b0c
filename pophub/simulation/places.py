"""The 63 provinces before 1 July 2025 and the 34 since, by their official codes.

Source: Decision 124/2004 and Decision 19/2025 of the Prime Minister; new code: old codes merged.
"""

# ruff: noqa: SIM905

from __future__ import annotations

from datetime import date
from random import Random

OLD_PROVINCES = (
    "01 02 04 06 08 10 11 12 14 15 17 19 20 22 24 25 26 27 30 31 33 34 35 36 37 38 40 42 44 45 46 "
    "48 49 51 52 54 56 58 60 62 64 66 67 68 70 72 74 75 77 79 80 82 83 84 86 87 89 91 92 93 94 95 "
    "96"
).split()

COMMUNES = (
    ("01", "00394"), ("01", "00008"), ("10", "02758"), ("10", "02647"), ("15", "04372"), ("26", "08833"),
    ("17", "04954"), ("38", "14881"), ("46", "19882"), ("62", "23398"), ("74", "25885"), ("79", "26872"),
    ("94", "31624"),
)  # fmt: skip
"""Provinces and communes of before 1 July 2025 of which each went whole into one of today."""
NEW_COMMUNES = (
    ("01", "00430"), ("15", "02761"), ("15", "04363"), ("25", "08812"), ("25", "04924"), ("38", "14872"),
    ("46", "19867"), ("51", "23392"), ("79", "25882"), ("79", "26878"), ("92", "31615"),
)  # fmt: skip
"""Provinces and communes since then."""
DIVIDED = ("00025", "00097", "09556")
"""Communes of before that went into several; each code is one of today's as well."""

NEW_OF_OLD = {
    "02": "08", "10": "15", "06": "19", "26": "25", "17": "25", "27": "24", "30": "31",
    "34": "33", "35": "37", "36": "37", "45": "44", "49": "48", "62": "51", "64": "52",
    "58": "56", "54": "66", "67": "68", "60": "68", "70": "75", "77": "79", "74": "79",
    "72": "80", "87": "82", "83": "86", "84": "86", "89": "91", "94": "92", "93": "92",
    "95": "96",
}  # fmt: skip

WEIGHTS = {
    "01": 84,
    "79": 92,
    "38": 37,
    "40": 34,
    "75": 32,
    "74": 26,
    "31": 21,
    "89": 19,
}


def some_place(rng: Random, day: date) -> tuple[str, str]:
    """Draw province and commune as a source writes them on a day; since 1 July 2025 some write old codes still."""
    return rng.choice(COMMUNES if day < date(2025, 7, 1) else COMMUNES + NEW_COMMUNES)


def new_code(old: str) -> str:
    """Give the code since 1 July 2025 of an old code; unmerged ones keep theirs."""
    return NEW_OF_OLD.get(old, old)
