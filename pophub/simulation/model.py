"""What a plan is made of: people, and record versions with the truth about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any, Literal, NamedTuple

Step = Literal["2023", "2024", "today"]
Row = dict[str, Any]
DUPLICATE, SUPERSEDED, WAITS = "duplicate", "superseded", "waits: "
DEFECT_RATE = 0.03
GRACE_DAYS = 90


@dataclass(slots=True)
class Citizen:
    """A citizen as every agency knows him or her."""

    citizen_id: str
    full_name: str
    birth: date
    sex: str
    province: str
    household: str
    old_number: str | None
    row_id: int

    def adult(self, year: int) -> bool:
        """Tell whether the person was an adult all through the year."""
        return self.birth.year <= year - 19


class Organisation(NamedTuple):
    """An organisation as every agency knows it; `representative` is a citizen's number, where one is registered."""

    tax_code: str
    name: str
    representative: str | None = None


@dataclass(slots=True)
class Version:
    """One row as its source holds it at a step, and what is true of it.

    Units: `marker` as the hub maps it (microseconds UTC, or the sequence), `changed` in
    microseconds UTC. `waits_for` is the citizen whose own record is not accepted in time.
    """

    stem: str
    key: str
    marker: int
    changed: int
    step: Step
    row: Row
    sound: bool = True
    gate: str | None = None
    code: str | None = None
    label: str = ""
    delete: bool = False
    waits_for: str | None = None
    file: str = ""
    ordinal: int = 0


class Defect(NamedTuple):
    """A way to spoil a sound row: the gate and code that must find it, and what is wrong."""

    gate: str
    code: str
    label: str
    spoil: Callable[[Row, Random], None]


@dataclass(slots=True)
class Cast:
    """Who may be named by other agencies, and who is kept for special parts.

    Shape: `known[step]` are accepted in the citizens' run of that step or before, never renamed
    or deleted. Organisations are there all the time: companies, those of them that have stopped, and businesses of
    people, by the citizen's number. Each value of the other lists is used for the part that its name tells.
    """

    known: dict[str, list[Citizen]] = field(default_factory=dict)
    organisations: list[Organisation] = field(default_factory=list)
    stopped: list[Organisation] = field(default_factory=list)
    households: dict[str, Organisation] = field(default_factory=dict)
    newborn: dict[str, list[Citizen]] = field(default_factory=dict)
    never: list[Citizen] = field(default_factory=list)
    in_time: list[Citizen] = field(default_factory=list)
    too_late: list[Citizen] = field(default_factory=list)
    renamed: list[tuple[Citizen, str, int]] = field(default_factory=list)
    dying: list[Citizen] = field(default_factory=list)
    deleted: list[tuple[Citizen, int]] = field(default_factory=list)


def spoil(version: Version, defect: Defect, rng: Random) -> None:
    """Spoil the version's row and label it."""
    defect.spoil(version.row, rng)
    version.sound = False
    version.gate, version.code, version.label = defect.gate, defect.code, defect.label


def put(column: str, value: Any) -> Callable[[Row, Random], None]:
    """Make a defect that sets a column."""

    def change(row: Row, _: Random) -> None:
        row[column] = value

    return change


def edit(column: str, change_value: Callable[[Any], Any]) -> Callable[[Row, Random], None]:
    """Make a defect that changes a column's value."""

    def change(row: Row, _: Random) -> None:
        row[column] = change_value(row[column])

    return change


def count(base: float, scale: float, least: int) -> int:
    """Scale a number of things, keeping a least number for small scales."""
    return max(least, round(base * scale))
