"""The 63 provinces before 1 July 2025 and the 34 since, by their official codes.

Source: Decision 124/2004 and Decision 19/2025 of the Prime Minister; new code: old codes merged.
"""

# ruff: noqa: SIM905

from __future__ import annotations

OLD_PROVINCES = (
    "01 02 04 06 08 10 11 12 14 15 17 19 20 22 24 25 26 27 30 31 33 34 35 36 37 38 40 42 44 45 46 "
    "48 49 51 52 54 56 58 60 62 64 66 67 68 70 72 74 75 77 79 80 82 83 84 86 87 89 91 92 93 94 95 "
    "96"
).split()

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


def new_code(old: str) -> str:
    """Give the code since 1 July 2025 of an old code; unmerged ones keep theirs."""
    return NEW_OF_OLD.get(old, old)
