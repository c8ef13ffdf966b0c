"""An agency's table in memory: one row a key, rows that commit behind their marker, deletes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from pophub.domain.errors import PophubError, TransientError
from pophub.domain.places import LogEnds, LogPart
from pophub.domain.record import CHANGED, GONE, SCAN, Columns
from pophub.ports import DropFile

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
    ordered: bool = True
    scanned: bool = False  # without a marker: a row that is gone is not there
    logged: bool = False  # each change is a message, whose offset is the marker
    removed: dict[str, Row] = field(default_factory=dict)  # rows of a scanned table that are gone
    scan_now: Callable[[], int] = lambda: 0
    snapshots: dict[int, list[set[str]]] = field(default_factory=dict)  # scan: the keys that its reads saw

    def commit(self, upto_us: int) -> None:
        """Commit what is due."""
        for entry in [p for p in self.pending if p[0] <= upto_us]:
            self.pending.remove(entry)
            if self.scanned and entry[1].gone:
                if before := self.rows.pop(entry[1].key, None):
                    self.removed[entry[1].key] = before
                continue
            self.rows[entry[1].key] = entry[1]

    def overtaken(self, number: int) -> None:
        """Commit what has a lower number: it may wait no longer."""
        for entry in [p for p in self.pending if p[1].marker is not None and p[1].marker < number]:
            self.pending.remove(entry)
            self.rows[entry[1].key] = entry[1]

    def rows_now(self) -> list[Row]:
        """Give what must be found on raw once all has settled."""
        return list(self.rows.values())

    def columns(self) -> tuple[str, ...]:
        """Give the names of the columns."""
        self._ask("source columns")
        return COLUMNS[:4] if self.scanned else COLUMNS

    def read(self, from_marker: Any, chunk_rows: int) -> Iterator[Columns]:
        """Give rows from a marker on, in one snapshot, ordered by marker and key."""
        self._ask("source read")
        found = [
            r
            for r in self.rows.values()
            if r.marker is None or from_marker is None or r.marker >= from_marker
        ]
        self.snapshots.setdefault(self.scan_now(), []).append({row.key for row in found})
        found.sort(key=lambda r: (r.marker is None, r.marker or 0, r.key))
        for start in range(0, len(found), chunk_rows):
            yield self._columns(found[start : start + chunk_rows])
            self._ask("source chunk")

    def _columns(self, rows: list[Row]) -> Columns:
        found: Columns = {
            name: list(values) for name, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)
        }
        if self.scanned:
            return {name: found[name] for name in COLUMNS[:4]}
        if self.is_time:
            found["at"] = [None if m is None else EPOCH + timedelta(microseconds=m) for m in found["at"]]
        return found

    def _ask(self, what: str) -> None:
        self.simulation.step(what)
        if self.simulation.fails():
            raise TransientError("source.unreachable", "the source does not answer")


@dataclass
class Folder(Table):
    """A drop folder: what commits at once is a file. Shape: `dropped` are (file, its rows), oldest first."""

    dropped: list[tuple[DropFile, list[Row]]] = field(default_factory=list)

    def commit(self, upto_us: int) -> None:
        """Drop a file with what is due."""
        if due := [p for p in self.pending if p[0] <= upto_us]:
            self.pending = [p for p in self.pending if p not in due]
            number = len(self.dropped)
            self.dropped.append((DropFile(f"{number:03d}.csv", f"digest {number}"), [row for _, row in due]))
            self.rows |= {row.key: row for _, row in due}

    def rows_now(self) -> list[Row]:
        """Give the rows of all files."""
        return [row for _, rows in self.dropped for row in rows]

    def files(self, taken: Sequence[str]) -> Iterator[DropFile]:
        """Give files that were not taken yet, oldest name first."""
        self._ask("source files")
        yield from [file for file, _ in self.dropped if file.digest not in taken]

    def bad(self) -> Sequence[PophubError]:
        """Give what was wrong with files that were left out."""
        return []

    def left_out(self) -> Sequence[str]:
        """Give files of other names: there are none."""
        return []

    def no_longer_bad(self, names: Sequence[str]) -> dict[str, str]:
        """Give held files that are gone: none is ever held."""
        return {}

    def read(self, file: Any, chunk_rows: int) -> Iterator[Columns]:
        """Give a file's rows in their order."""
        self._ask("source read")
        rows = next(rows for each, rows in self.dropped if each == file)
        for start in range(0, len(rows), chunk_rows):
            yield self._columns(rows[start : start + chunk_rows])
            self._ask("source chunk")


@dataclass
class Inventories(Folder):
    """A drop folder of inventories: whenever something changed, a file with all rows that there are."""

    def commit(self, upto_us: int) -> None:
        """Commit what is due, and drop all that is there by now."""
        before = dict(self.rows)
        Table.commit(self, upto_us)
        if self.rows != before:
            number = len(self.dropped)
            self.dropped.append((DropFile(f"{number:03d}.csv", f"digest {number}"), list(self.rows.values())))

    def rows_now(self) -> list[Row]:
        """Give the rows that the newest file has."""
        return list(self.rows.values())

    def read(self, file: Any, chunk_rows: int) -> Iterator[Columns]:
        """Give a file's rows, and note which keys it has."""
        rows = next(rows for each, rows in self.dropped if each == file)
        self.snapshots.setdefault(self.scan_now(), []).append({row.key for row in rows})
        yield from super().read(file, chunk_rows)


@dataclass
class Topic(Table):
    """A topic of two partitions. Shape: `log` has of each the rows by offset, None where a message says nothing."""

    log: tuple[list[Row | None], list[Row | None]] = field(default_factory=lambda: ([], []))
    changed: dict[tuple[int, int], datetime] = field(default_factory=dict)

    def commit(self, upto_us: int) -> None:
        """Write what is due; behind a delete comes the empty message of its key."""
        for entry in [p for p in self.pending if p[0] <= upto_us]:
            self.pending.remove(entry)
            partition = ord(entry[1].key) % 2
            offset = len(self.log[partition])
            row = entry[1]._replace(marker=offset)
            self.log[partition].extend([row, None] if row.gone else [row])
            self.changed[partition, offset] = EPOCH + timedelta(microseconds=entry[0])
            self.rows[row.key] = row

    def rows_now(self) -> list[Row]:
        """Give the rows of all messages."""
        return [row for partition in self.log for row in partition if row is not None]

    def ends(self) -> LogEnds:
        """Look at the topic."""
        self._ask("source ends")
        return LogEnds("topic", {0: 0, 1: 0}, {n: len(rows) for n, rows in enumerate(self.log)})

    def follow(self, generation: int, places: Any, end: Any, chunk_rows: int) -> Iterator[LogPart]:
        """Give what stands from the places on, in parts."""
        for partition, rows in enumerate(self.log):
            for start in range(places[partition], end[partition], chunk_rows):
                self._ask("source read")
                upto = min(start + chunk_rows, end[partition])
                there = [(at, row) for at, row in enumerate(rows[start:upto], start) if row is not None]
                yield LogPart(partition, [at for at, _ in there], upto, self._told(partition, there))

    def _told(self, partition: int, there: list[tuple[int, Row]]) -> Columns:
        found: Columns = {name: [row[at] for _, row in there] for at, name in enumerate(COLUMNS[:4])}
        found[SCAN], found[GONE] = [at for at, _ in there], [row.gone for _, row in there]
        return found | {CHANGED: [self.changed[partition, at] for at, _ in there]}
