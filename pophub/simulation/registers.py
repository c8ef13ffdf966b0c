"""What the plans of registers share: rows that name no citizen, in numbers that no scale changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from random import Random
from typing import ClassVar

from pophub.simulation.clock import DAY_US, from_us, moment_us
from pophub.simulation.model import Defect, Row, Step, Version, spoil

STALE_US = 60 * DAY_US


class Register(ABC):
    """Plans one register; its figures are those of the reports, whatever seed and scale."""

    stem: ClassVar[str]
    key_column: ClassVar[str]

    def __init__(self, seed: str) -> None:
        self.rng = Random(f"{seed}:{self.stem}")
        self.versions: list[Version] = []
        self.serial = 0

    @abstractmethod
    def plan(self) -> None:
        """Make the rows of stock, 2023 and 2024."""

    @abstractmethod
    def spare(self, marker_us: int) -> Row:
        """Write a row under a new key that no figure counts, as it never becomes sound."""

    @abstractmethod
    def catalogue(self) -> list[Defect]:
        """Give the defects of a row."""

    def add(self, row: Row, marker_us: int, step: Step, label: str = "") -> Version:
        """Plan a sound version of a row under its own change time."""
        row = {**row, "cap_nhat": from_us(marker_us).isoformat()}
        made = Version(self.stem, str(row[self.key_column]), marker_us, marker_us, step, row, label=label)
        self.versions.append(made)
        return made

    def moment(self, year: int) -> int:
        """Draw a moment of a year."""
        return moment_us(self.rng, year, self.rng.randint(1, 12))

    def inject(self) -> None:
        """Plan each defect once a year under spare keys, a contradiction, and rows read too late."""
        steps: tuple[Step, ...] = ("2023", "2024")
        for step in steps:
            for way in self.catalogue():
                marker = self.moment(int(step))
                spoil(self.add(self.spare(marker), marker, step), way, self.rng)
        for _ in range(2):  # only the first run reads markers that old
            marker = moment_us(self.rng, 2022, 12) - STALE_US
            self._wrong(
                self.add(self.spare(marker), marker, "2023"), "live", "stale", "changed 60 days before"
            )

    def contradict(self, made: Version, column: str, value: object) -> None:
        """Send the same version once more with another content; sound keys only, the first stands."""
        again = self.add({**made.row, column: value}, made.marker, made.step)
        self._wrong(again, "clean", "contradiction", f"same marker, another {column}")

    def correct(self, made: Version, step: Step) -> None:
        """Spoil a version whose row comes again, sound, at its end of year."""
        row = dict(made.row)
        spoil(made, self.rng.choice(self.catalogue()), self.rng)
        self.add(row, moment_us(self.rng, int(step), 12, 20, 28), step, "corrected")

    def _wrong(self, made: Version, gate: str, name: str, label: str) -> None:
        made.sound, made.gate, made.code, made.label = False, gate, f"{gate}.{name}", label
