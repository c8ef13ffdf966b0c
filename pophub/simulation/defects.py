"""Defects that several agencies share, as changes of a raw row."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from pophub.simulation import names
from pophub.simulation.model import Defect, Row, edit, put

ZERO_WIDTH = "\u200b"
_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def _flip(number: str) -> str:
    """Change the century-and-sex digit to one of another century, whatever the sex."""
    return number[:3] + str((int(number[3]) + 4) % 10) + number[4:]


def personal_id(column: str, dob: bool = True) -> list[Defect]:
    """Spoil a personal identification number in each way that Decree 137/2015 rules out."""
    ways: list[tuple[str, str, Callable[[Any], Any]]] = [
        ("length", "id of eleven digits", lambda v: v[:-1]),
        ("length", "id of thirteen digits", lambda v: v + "7"),
        ("format", "id with a trailing newline", lambda v: v + "\n"),
        ("format", "id with a letter", lambda v: v[:6] + "O" + v[7:]),
        ("digits", "id in Arabic digits", lambda v: v.translate(_ARABIC)),
        ("digits", "id in full-width digits", lambda v: v.translate(_FULL_WIDTH)),
        ("whitespace", "id with a no-break space", lambda v: v[:3] + "\u00a0" + v[3:]),
        ("province", "id of province 000", lambda v: "000" + v[3:]),
        ("province", "id of province 099", lambda v: "099" + v[3:]),
    ]
    if dob:
        ways.append(("dob_mismatch", "id of another century", _flip))
    return [
        Defect("correct", f"correct.id.{name}", label, edit(column, change)) for name, label, change in ways
    ]


def missing(*columns: str, empty: Any = None) -> list[Defect]:
    """Leave out what is required."""
    return [
        Defect("sufficient", "sufficient.missing", f"no {column}", put(column, empty)) for column in columns
    ]


def hidden_character(column: str, mark: str = ZERO_WIDTH) -> Defect:
    """Put a character inside that no one sees."""

    def change(value: str) -> str:
        middle = len(value) // 2
        return value[:middle] + mark + value[middle:]

    what = "zero-width" if mark == ZERO_WIDTH else "control"
    return Defect(
        "clean",
        "clean.text.control",
        f"{what} character in {column}",
        edit(column, change),
    )


def other_name(column: str) -> Defect:
    """Name somebody else under this number."""

    def change(row: Row, rng: Random) -> None:
        row[column] = names.other_name(rng, row[column])

    return Defect("correct", "correct.agreement.name", "name of somebody else", change)


def unknown_person(column: str) -> Defect:
    """Name a well-formed number that was never given out; 999xxx serials are kept for that."""

    def change(row: Row, rng: Random) -> None:
        row[column] = row[column][:6] + f"999{rng.randrange(1000):03d}"

    return Defect(
        "sufficient",
        "sufficient.unknown_person",
        f"{column} was never given out",
        change,
    )
