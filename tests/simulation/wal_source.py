"""An agency's table in memory that is read by its log: commits in their order, a slot, snapshots of sessions.

The messages are those of the real output plugin, as values: what makes stretches of them is the real one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pophub.domain.errors import TransientError
from pophub.domain.record import Columns
from pophub.ports import SlotState, WalStretch
from pophub.sources import pgoutput
from pophub.sources.wal_stretches import Stretches

from .scheduler import Worker
from .source import COLUMNS, Row, Table

OID = 16_385
NAMES = COLUMNS[:4]
SLOT = "pophub_mem_things"
RELATION = pgoutput.Relation(OID, "public", "t", tuple(pgoutput.LogColumn(name, 25) for name in NAMES))


def _values(row: Row) -> pgoutput.Values:
    return tuple([None if value is None else value.encode() for value in row[:4]])


@dataclass
class WalTwin(Table):
    """The source.

    Shape: `log` are committed transactions: (place behind it, its messages, each with its place); `confirmed`
    is the slot's, None where there is no slot; `taken` are the places at which slots were made.
    """

    place: int = 1000
    log: list[tuple[int, list[tuple[int, pgoutput.Logged]]]] = field(default_factory=list)
    confirmed: int | None = None
    taken: list[int] = field(default_factory=list)
    seen: dict[Worker | None, dict[str, Row]] = field(default_factory=dict)
    reader: Worker | None = None
    slot: str = SLOT
    origin: str = "1"
    untold: int = 0  # how often somebody took the slot away, and no run has said so yet

    def commit(self, upto_us: int) -> None:
        """Commit what is due, in one transaction; now and then the table is emptied by it first."""
        due = [entry for entry in self.pending if entry[0] <= upto_us]
        messages: list[tuple[int, pgoutput.Logged]] = []
        if due and self.simulation.rng.random() < 0.1:
            self.rows.clear()
            messages.append((self._next(), pgoutput.Truncate((OID,))))
        for entry in due:
            self.pending.remove(entry)
            messages += [(self._next(), change) for change in self._change(entry[1])]
        if messages:
            self.log.append((self._next(), messages))

    def _change(self, row: Row) -> Iterator[pgoutput.RowChange]:
        before = self.rows.pop(row.key, None)
        if row.gone:
            if before is not None:
                self.removed[row.key] = before
                key = (row.key.encode(), None, None, None)
                yield pgoutput.RowChange(OID, key, False, None)
            return
        others = [key for key in self.rows if key != row.key]
        if others and self.simulation.rng.random() < 0.1:  # another row takes this key
            moved = self.simulation.rng.choice(others)
            del self.rows[moved]
            if before is not None:
                yield pgoutput.RowChange(OID, (row.key.encode(), None, None, None), False, None)
            old = (moved.encode(), None, None, None)
            self.rows[row.key] = row
            yield pgoutput.RowChange(OID, old, False, _values(row))
            return
        self.rows[row.key] = row
        yield pgoutput.RowChange(OID, None, False, _values(row))

    def _next(self) -> int:
        self.place += self.simulation.rng.randint(1, 9)
        return self.place

    def drop_slot(self) -> None:
        """Lose the slot, as an agency drops it that needs its disk."""
        self.confirmed, self.untold = None, self.untold + 1

    def move(self) -> None:
        """Give the table to another server, whose log begins anew, without a slot or with one of the same name."""
        self.drop_slot()
        choice = self.simulation.rng.choice
        self.origin, self.place = f"{self.origin}1", choice((10, self.place + 100))
        self.confirmed = choice((None, 1))
        self.log, self.taken = [], []

    def state(self, own: str | None) -> SlotState:
        """Look at the slot."""
        self._ask("source state")
        lost = "it is gone" if self.confirmed is None else None
        return SlotState(self.origin, self._next(), self.confirmed, 0, lost)

    def begin(self, own: str | None) -> int:
        """Make the slot anew, and give the session its snapshot."""
        self._ask("source slot")
        self._claim()
        self.confirmed = self._next()
        self.taken.append(self.confirmed)
        self.seen[self.simulation.current] = dict(self.rows)
        return self.confirmed

    def begun(self) -> None:
        """End the session's snapshot."""
        self.close()

    def close(self) -> None:
        """End the session."""
        self.seen.pop(self.simulation.current, None)
        if self.reader is self.simulation.current:
            self.reader = None

    def _claim(self) -> None:
        if self.reader is not None and not self.reader.dead and self.reader is not self.simulation.current:
            raise TransientError("source.slot_busy", "another session reads the slot")

    def read(self, from_marker: int | None, chunk_rows: int) -> Iterator[Columns]:
        """Give the rows of the session's snapshot, or those of now."""
        self._ask("source read")
        rows = sorted(self.seen.get(self.simulation.current, self.rows).values(), key=lambda row: row.key)
        for start in range(0, len(rows), chunk_rows):
            found = zip(*[row[:4] for row in rows[start : start + chunk_rows]], strict=True)
            yield dict(zip(NAMES, map(list, found), strict=True))
            self._ask("source chunk")

    def changes(self, base: int, after: int, upto: int, chunk_rows: int) -> Iterator[WalStretch]:
        """Give what was committed behind a marker."""
        self._ask("source log")
        self._claim()
        if self.confirmed is None:
            raise TransientError("source.slot_busy", "the slot is gone meanwhile")
        self.reader = self.simulation.current
        start = max(after - base, self.confirmed)
        stretches = Stretches(OID, ("key",), base, _readers, chunk_rows, NAMES)
        for end, messages in [entry for entry in self.log if entry[0] > start]:
            yield from stretches.add(end, pgoutput.TransactionBegin(self.simulation.now_us()))
            yield from stretches.add(end, RELATION)
            for at, message in messages:
                yield from stretches.add(at, message)
                self._ask("source message")
            yield from stretches.add(end, pgoutput.TransactionEnd(end))
            if self.simulation.rng.random() < 0.3:
                yield from stretches.told(end)
            upto = max(upto, end)
        yield from stretches.told(upto)

    def confirm(self, place: int) -> None:
        """Let the slot begin behind a place from now on."""
        self._ask("source confirm")
        if self.confirmed is not None:
            self.confirmed = max(self.confirmed, place)


def _readers(oids: Sequence[int]) -> list[object]:
    return [bytes.decode for _ in oids]
