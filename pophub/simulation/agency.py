"""What the plans of agencies that name citizens share: waiting, renamed and deleted people, defects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from random import Random
from typing import ClassVar

from pophub.simulation import names
from pophub.simulation.clock import DAY_US, moment_us
from pophub.simulation.model import (
    DEFECT_RATE,
    WAITS,
    Cast,
    Citizen,
    Defect,
    Row,
    Step,
    Version,
    count,
    spoil,
)

SHIFT_US = 60 * DAY_US


class Agency(ABC):
    """Plans one agency's rows over both years; what is special of it stands in the subclass."""

    stem: ClassVar[str]
    key_column: ClassVar[str]
    name_column: ClassVar[str | None]

    def __init__(self, seed: str, scale: float, cast: Cast) -> None:
        self.rng = Random(f"{seed}:{self.stem}")
        self.scale = scale
        self.cast = cast
        self.versions: list[Version] = []
        self.serial = 0
        self._owners: list[Citizen] | None = None

    @abstractmethod
    def row(self, person: Citizen, marker_us: int) -> Row:
        """Write a new row that names the person, under a new key."""

    @abstractmethod
    def catalogue(self, step: Step) -> list[Defect]:
        """Give the defects that can be injected at a step."""

    @abstractmethod
    def restamp(self, row: Row, marker_us: int) -> None:
        """Write another change time into a row."""

    def pool(self, step: Step) -> list[Citizen]:
        """Give people whom a sound row of the step may name."""
        return self.cast.known["2023" if step == "2023" else "2024"]

    def someone(self, step: Step, sex: str = "MF") -> Citizen:
        """Draw an adult known at the step, of one of the sexes."""
        while True:
            person = self.rng.choice(self.pool(step))
            if person.adult(2023) and person.sex in sex:
                return person

    def owner(self) -> Citizen:
        """Draw a person with a business of his or her own."""
        if self._owners is None:
            known = self.cast.households
            self._owners = [one for one in self.cast.known["2023"] if one.citizen_id in known]
        return self.rng.choice(self._owners)

    def build(self, row: Row, marker_us: int, step: Step, label: str = "") -> Version:
        """Make a sound version, not yet part of the plan."""
        key = str(row[self.key_column])
        return Version(self.stem, key, marker_us, marker_us, step, row, label=label)

    def add(
        self,
        person: Citizen,
        marker_us: int,
        step: Step,
        label: str = "",
        row: Row | None = None,
    ) -> Version:
        """Plan a sound version that names the person."""
        row = self.row(person, marker_us) if row is None else row
        made = self.build(row, marker_us, step, label)
        self.versions.append(made)
        return made

    def month(self, step: Step) -> int:
        """Draw a moment of a random month of the step's year."""
        return moment_us(self.rng, int(step), self.rng.randint(1, 12))

    def spell(self, made: Version, index: int) -> None:
        """Write the person's name in another sound way."""
        column = self.name_column
        if column is not None:
            ways = names.spellings(made.row[column])
            made.row[column], made.label = ways[index % len(ways)]

    def people_in_between(self, few: int) -> None:
        """Name people who never arrive, arrive in time, too late, were renamed or deleted."""
        rng, cast = self.rng, self.cast
        for person in rng.sample(cast.never, min(few, len(cast.never))):
            self._waits(person, self.month("2023"), "person never accepted")
        for person in rng.sample(cast.in_time, min(few, len(cast.in_time))):
            marker = moment_us(rng, 2023, rng.choice((11, 12)))
            self._waits(person, marker, "person arrives within the grace time")
        for person in rng.sample(cast.too_late, min(few, len(cast.too_late))):
            marker = moment_us(rng, 2023, rng.choice((2, 3)))
            self._waits(person, marker, "person arrives after the grace time")
        for person, old_name, renamed_us in rng.sample(cast.renamed, min(few, len(cast.renamed))):
            self._renamed(person, old_name, renamed_us)
        for person, deleted_us in rng.sample(cast.deleted, min(few, len(cast.deleted))):
            self._deleted(person, deleted_us)

    def _waits(self, person: Citizen, marker_us: int, why: str) -> None:
        made = self.add(person, marker_us, "2023", f"{WAITS}{why}")
        made.waits_for = person.citizen_id

    def _renamed(self, person: Citizen, old_name: str, renamed_us: int) -> None:
        if self.name_column is None:
            return
        before = self.add(person, renamed_us - SHIFT_US, "2024", "near miss: name of that time")
        before.row[self.name_column] = old_name
        self.add(person, renamed_us + SHIFT_US, "2024", "near miss: new name")

    def _deleted(self, person: Citizen, deleted_us: int) -> None:
        marker = deleted_us + SHIFT_US
        step: Step = "2023" if marker < moment_us(self.rng, 2024, 1, 1, 1) else "2024"
        made = self.add(person, marker, step)
        made.sound, made.gate, made.code = (
            False,
            "sufficient",
            "sufficient.unknown_person",
        )
        made.label = "names a person who was deleted before"

    def inject(self, step: Step, number: int) -> None:
        """Plan defective rows, at least one of each kind; correct a part of them later."""
        ways = self.catalogue(step)
        for index in range(count(number * DEFECT_RATE, self.scale, len(ways))):
            marker = self.month(step)
            row = self.row(self.someone(step), marker)
            right = dict(row)
            made = self.add(self.someone(step), marker, step, row=row)
            spoil(made, ways[index % len(ways)], self.rng)
            if step == "2023" and index % 3 == 0:
                self.correct(made, right)

    def correct(self, made: Version, right: Row) -> None:
        """Plan the sound row that corrects a defective one, in 2024."""
        marker = self.month("2024")
        self.restamp(right, marker)
        self.versions.append(self.build(right, marker, "2024", "corrected"))

    def wrong(self, made: Version, gate: str, name: str, label: str) -> None:
        """Label a version as defective."""
        made.sound, made.gate, made.code, made.label = (
            False,
            gate,
            f"{gate}.{name}",
            label,
        )
