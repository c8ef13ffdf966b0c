"""What an agency does to its table: changes, deletes, commits behind the marker, rows without one."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .broker import UNWELCOME
from .scheduler import Simulation
from .source import Row, Table

KEYS = ("a", "b", "c", "d")
PEOPLE = ("001090000001", "001090000002")
VALUES = (
    "good",
    "fine",
    "good",
    "fine",
    "good",
    "fine",
    "bad:correct",
    "bad:sufficient",
    "bad:clean",
    "bad:live",
)
S = 1_000_000


@dataclass
class Agency:
    """Who writes the table: how long a commit may come after its marker, and by how many numbers it is overtaken."""

    simulation: Simulation
    source: Table
    numbers: tuple[str, ...]
    coarse: bool
    late_s: int
    late_rows: int

    @property
    def rng(self) -> Random:
        """The seed's chance."""
        return self.simulation.rng

    def change(self) -> None:
        """Change rows at the source; some commit later than others that were changed after them."""
        for _ in range(self.rng.randint(1, 5)):
            row = self._row()
            late = self.late_s and self.rng.random() < 0.3
            commits_at = self.simulation.true_us + (self.rng.randint(1, self.late_s * S) if late else 0)
            self.source.pending.append((commits_at, row))
            self.simulation.true_us += self.rng.choice((0, 0, 1000, 400_000))
        self.source.commit(self.simulation.true_us)

    def _row(self) -> Row:
        choice, key = self.rng.choice, self.rng.choice(KEYS)
        if (before := self.source.removed.pop(key, None)) and self.rng.random() < 0.7:
            self.simulation.tell(f"brings {key} back as it was")
            return before
        marker: int | None
        if self.source.scanned or self.source.logged:
            marker = None
        elif self.source.is_time:
            marker = self.simulation.true_us // S * S if self.coarse else self.simulation.true_us
        else:
            marker = self.source.newest.get("", 0) + choice((0, 1, 1, 1))
            self.source.newest[""] = marker
            self.source.overtaken(marker - self.late_rows)
        if self.rng.random() < 0.03:
            marker = None
        self.simulation.tell(f"changes {key} at {marker}")
        if self.rng.random() < 0.02 and (marker is not None or self.source.scanned or self.source.logged):
            return Row(key, UNWELCOME.decode(), None, None, marker, False)
        if self.rng.random() < 0.2:
            return Row(key, None, None, None, marker, True)
        return Row(
            key,
            choice(VALUES),
            choice((None, None, None, *PEOPLE)),
            choice((None, None, *self.numbers)),
            marker,
            False,
        )
