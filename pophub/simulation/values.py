"""Fills the columns of a declared row: people and organisations of the cast, days, amounts, references."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import datetime, time, timedelta
from random import Random
from typing import NamedTuple, Protocol, Self

from pophub.simulation.clock import from_us, local_date, moment_us
from pophub.simulation.declaration import DayAfter, Declaration, Filling, RefersTo, Value, When
from pophub.simulation.model import Cast, Citizen, Organisation, Row
from pophub.simulation.organisations import tax_code
from pophub.simulation.places import some_place

ADULT_SINCE = 2023
TRIES = 20_000


class Named(NamedTuple):
    """Who a row is about, where that is not left to chance."""

    person: Citizen | None = None
    organisation: Organisation | None = None


NOBODY = Named()


class ReferredTo(Protocol):
    """A dataset that was planned before, as others refer to it."""

    def any_key(self, rng: Random) -> str:
        """Draw the key of a row that is sound at some time."""

    def at(self, key: str, marker_us: int) -> Row | None:
        """Give a key's row as it stood at a time."""


class Filler:
    """Writes rows of one declaration, each under a serial number of its own."""

    def __init__(
        self, declaration: Declaration, cast: Cast, rng: Random, others: Mapping[str, ReferredTo]
    ) -> None:
        self.columns = declaration.columns
        self.cast, self.rng, self.others = cast, rng, others
        self.serial = 0
        self.placed = any(column.unit for column in self.columns.values())

    def row(
        self,
        marker_us: int,
        fixed: Mapping[str, Value],
        otherwise: Mapping[str, Filling] | None = None,
        named: Named = NOBODY,
    ) -> Row:
        """Write a new row; `fixed` values come before those that are drawn, as some columns `otherwise`."""
        self.serial += 1
        row: Row = {}
        person, organisation = named
        if person is None and self.cast.known:
            person = self._someone(marker_us)
        if organisation is None and self.cast.organisations:
            organisation = self.rng.choice(self.cast.organisations)
        place = some_place(self.rng, local_date(marker_us)) if self.placed else ("", "")
        for name, column in {**self.columns, **(otherwise or {})}.items():
            row[name] = fixed[name] if name in fixed else self._value(column, row, marker_us)
            if name not in fixed and person is not None and column.person is not None:
                row[name] = _of_person(column, person)
            elif name not in fixed and organisation is not None and column.organisation is not None:
                row[name] = getattr(organisation, column.organisation)
            elif name not in fixed and column.unit is not None:
                row[name] = place[column.unit == "commune"]
            if name not in fixed and column.empty and self.rng.random() < column.empty:
                row[name] = None
        return row

    def after(self, rng: Random, numbers: int) -> Self:
        """Give one that goes on by another chance, so many serial numbers later."""
        other = copy(self)
        other.rng, other.serial = rng, self.serial + numbers
        return other

    def anew(self, row: Row, name: str, marker_us: int) -> Value:
        """Draw a value once more for a row that changes."""
        return self._value(self.columns[name], row, marker_us)

    def moment(self, when: When) -> int:
        """Draw a moment of the time that rows are declared for, in microseconds UTC."""
        if when.day is not None:
            day = when.day
            return moment_us(self.rng, day.year, day.month, day.day, day.day)
        assert when.year is not None
        return moment_us(self.rng, when.year, self.rng.randint(*when.months))

    def _someone(self, marker_us: int) -> Citizen:
        pool = self.cast.known["2024" if from_us(marker_us).year > 2023 else "2023"]
        while True:
            person = self.rng.choice(pool)
            if person.adult(ADULT_SINCE):
                return person

    def _value(self, column: Filling, row: Row, marker_us: int) -> Value:
        rng = self.rng
        if column.code is not None:
            return self._text(column.code, row, marker_us)
        if column.text is not None:
            return self._drawn(column.text, row, marker_us)
        if column.date is not None:
            return self._day(column.date, row, marker_us).strftime(column.format)
        if column.amount is not None:
            least, most, step = column.amount
            return rng.randrange(least, most + 1, step)
        if column.flag is not None:
            return column.flag.yes if rng.random() < column.flag.share else column.flag.no
        if column.reference is not None:
            return self._reference(column.reference, marker_us)
        if column.take is not None:
            return self._taken(column.take.by, column.take.column, row, marker_us)
        if column.since is not None:
            return column.since[max(day for day in column.since if day <= local_date(marker_us))]
        return None

    def _text(self, template: str, row: Row, marker_us: int) -> str:
        day = local_date(marker_us)
        known = {**row, "serial": self.serial, "year": day.year, "month": day.month, "day": day.day}
        if "{tax_code}" in template:
            known["tax_code"] = tax_code(self.rng)
        return template.format_map(known)

    def _drawn(self, text: str | tuple[Value, ...] | dict[str, int], row: Row, marker_us: int) -> Value:
        if isinstance(text, str):
            return self._text(text, row, marker_us)
        if isinstance(text, dict):
            return self.rng.choices(list(text), list(text.values()))[0]
        return self.rng.choice(text)

    def _day(self, date: DayAfter, row: Row, marker_us: int) -> datetime:
        first = datetime.combine(local_date(marker_us), time())
        if date.after is not None:
            first = datetime.strptime(row[date.after], self.columns[date.after].format)
        return first + timedelta(days=self.rng.randint(*date.days))

    def _reference(self, reference: RefersTo, marker_us: int) -> str:
        other = self.others[reference.to]
        for _ in range(TRIES):
            key = other.any_key(self.rng)
            found = other.at(key, marker_us)
            if found is not None and all(found[c] == v for c, v in reference.where.items()):
                return key
        raise ValueError(f"no row of {reference.to} stands as {reference.where}")

    def _taken(self, by: str, name: str, row: Row, marker_us: int) -> Value:
        reference = self.columns[by].reference
        assert reference is not None, f"{by} refers to nothing"
        found = self.others[reference.to].at(str(row[by]), marker_us)
        assert found is not None
        value: Value = found[name]
        return value


def _of_person(column: Filling, person: Citizen) -> Value:
    if column.person == "birth_date":
        return person.birth.strftime(column.format)
    return person.citizen_id if column.person == "id" else person.full_name
