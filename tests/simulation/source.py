"""An agency's table in memory: one row a key, rows that commit behind their marker, deletes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pophub.domain.errors import TransientError
from pophub.ports import Columns

from .scheduler import Simulation

COLUMNS = ("key", "value", "person", "number", "at", "gone")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    """A row as the table holds it; `marker` in the hub's units, None where it is not set."""

    key: str
    value: str | None
    person: str | None
    number: str | None
    marker: int | None
    gone: bool


@dataclass
class Table:
    """The source. Shape: `pending` are (commits at, row) of open transactions of the agency's own."""

    simulation: Simulation
    is_time: bool
    rows: dict[str, Row] = field(default_factory=dict)
    pending: list[tuple[int, Row]] = field(default_factory=list)
    newest: dict[str, int] = field(default_factory=dict)

    def commit(self, upto_us: int) -> None:
        """Commit what is due."""
        for entry in [p for p in self.pending if p[0] <= upto_us]:
            self.pending.remove(entry)
            self.rows[entry[1].key] = entry[1]

    def columns(self) -> tuple[str, ...]:
        """Give the names of the columns."""
        self._ask("source columns")
        return COLUMNS

    def read(self, from_marker: int | None, chunk_rows: int) -> Iterator[Columns]:
        """Give rows from a marker on, in one snapshot, ordered by marker and key."""
        self._ask("source read")
        found = [
            r
            for r in self.rows.values()
            if r.marker is None or from_marker is None or r.marker >= from_marker
        ]
        found.sort(key=lambda r: (r.marker is None, r.marker or 0, r.key))
        for start in range(0, len(found), chunk_rows):
            yield self._columns(found[start : start + chunk_rows])
            self._ask("source chunk")

    def _columns(self, rows: list[Row]) -> Columns:
        found: Columns = {
            name: list(values) for name, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)
        }
        if self.is_time:
            found["at"] = [None if m is None else EPOCH + timedelta(microseconds=m) for m in found["at"]]
        return found

    def _ask(self, what: str) -> None:
        self.simulation.step(what)
        if self.simulation.fails():
            raise TransientError("source.unreachable", "the source does not answer")
