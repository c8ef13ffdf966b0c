"""Messages of a source's log made stretches of changes, in memory that does not grow with a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pophub.ports import WalStretch
from pophub.sources import pgoutput
from pophub.sources.changes import Change, as_columns

ValueReader = Callable[[bytes], Any]
ReadersOf = Callable[
    [Sequence[int]], Sequence[ValueReader]
]  # gives what reads values of some types, by their OIDs
STRETCH_BYTES = 16 << 20
UNAVAILABLE = "contract.value.unavailable"


class Stretches:
    """Collects the changes of one table, whole transactions together where they are small enough.

    A place in the log and `base` make a marker. A stretch ends behind whole transactions, but for those of
    more than `most` rows or `STRETCH_BYTES`, at a change of the columns, and before the table is emptied.
    """

    def __init__(
        self, table: int, key: Sequence[str], base: int, readers: ReadersOf, most: int, columns: Sequence[str]
    ) -> None:
        self._table, self._key, self._base = table, tuple(key), base
        self._readers_of, self._most = readers, most
        self._header = tuple(columns)
        self._readers: Sequence[ValueReader] = ()
        self._whole: list[Change] = []  # of transactions that ended
        self._open: list[Change] = []  # of the one that goes on
        self._whole_bytes = self._open_bytes = 0
        self._within = self._emptied = False
        self._committed_us: int | None = None
        self._end: int | None = None

    @property
    def within(self) -> bool:
        """Whether a transaction goes on."""
        return self._within

    def told(self, place: int) -> Iterator[WalStretch]:
        """Take the server's word that it told all up to a place; nothing of the log is between two messages."""
        if not self._within:
            yield from self._flush_whole()
            yield self._stretch([], place)

    def add(self, at: int, message: pgoutput.Logged) -> Iterator[WalStretch]:
        """Take one message, which tells of a change at a place of the log.

        Errors: `pgoutput.BadMessage` where it cannot follow the one before.
        """
        match message:
            case pgoutput.TransactionBegin(committed_us):
                self._within, self._committed_us = True, committed_us
            case pgoutput.TransactionEnd(end):
                yield from self._commit(end)
            case pgoutput.Relation() if message.oid == self._table:
                yield from self._describe(message)
            case pgoutput.RowChange() if message.oid == self._table:
                yield from self._change(at, message)
            case pgoutput.Truncate(oids) if self._table in oids:
                yield from self._flush_all()
                self._emptied = True
                yield self._stretch([], None, emptied=self._base + at)

    def _commit(self, end: int) -> Iterator[WalStretch]:
        self._whole += self._open
        self._whole_bytes += self._open_bytes
        self._open, self._open_bytes, self._within = [], 0, False
        self._end = end
        if self._emptied or self._is_full(len(self._whole), self._whole_bytes):
            self._emptied = False
            yield from self._flush_whole(even_empty=True)

    def _describe(self, relation: pgoutput.Relation) -> Iterator[WalStretch]:
        header = tuple(column.name for column in relation.columns)
        if header != self._header:
            yield from self._flush_all()
        self._header = header
        self._readers = self._readers_of([column.type for column in relation.columns])
        if not set(self._key) <= set(header):
            yield WalStretch({}, header, None)  # whose columns whoever reads this refuses

    def _change(self, at: int, message: pgoutput.RowChange) -> Iterator[WalStretch]:
        if not self._within or len(message.new or message.old or ()) != len(self._readers):
            raise pgoutput.BadMessage("a change before the columns of its table, or outside of a transaction")
        change = self._read(at, message)
        size = sum(len(v) for v in (*(message.new or ()), *(message.old or ())) if isinstance(v, bytes))
        if self._is_full(len(self._open), self._open_bytes):
            yield from self._flush_all()
        self._open.append(change)
        self._open_bytes += size
        both = len(self._whole) + len(self._open) - 1
        if self._whole and self._is_full(both, self._whole_bytes + self._open_bytes):
            yield from self._flush_whole()

    def _read(self, at: int, message: pgoutput.RowChange) -> Change:
        old, new = message.old, message.new
        flaws: dict[str, str] = {}
        row: dict[str, Any] | None = None
        if new is not None:
            row = {}
            for index, (name, value) in enumerate(zip(self._header, new, strict=True)):
                if value is pgoutput.UNSENT:
                    value = self._from_old(index, message)
                    if value is None:
                        flaws[name] = UNAVAILABLE
                row[name] = self._value(index, value)
        gone = None
        if old is not None:
            gone = {
                name: self._value(self._header.index(name), old[self._header.index(name)])
                for name in self._key
            }
            if row is not None and all(row[name] == value for name, value in gone.items()):
                gone = None
        return Change(self._base + at, self._committed_us, gone, row, flaws)

    def _from_old(self, index: int, message: pgoutput.RowChange) -> bytes | None:
        """Give a value that did not change as it was before, where the log has that."""
        known = message.old is not None and (message.old_whole or self._header[index] in self._key)
        value = message.old[index] if known and message.old is not None else None
        return value if isinstance(value, bytes) else None

    def _value(self, index: int, value: bytes | pgoutput.Unsent | None) -> Any:
        return self._readers[index](value) if isinstance(value, bytes) else None

    def _is_full(self, changes: int, size: int) -> bool:
        return changes >= self._most or size >= STRETCH_BYTES

    def _flush_all(self) -> Iterator[WalStretch]:
        yield from self._flush_whole()
        yield from self._flush_open()

    def _flush_whole(self, *, even_empty: bool = False) -> Iterator[WalStretch]:
        changes, self._whole, self._whole_bytes = self._whole, [], 0
        if changes or even_empty:
            yield self._stretch(changes, self._end)

    def _flush_open(self) -> Iterator[WalStretch]:
        changes, self._open, self._open_bytes = self._open, [], 0
        if changes:
            yield self._stretch(changes, None)

    def _stretch(self, changes: Sequence[Change], upto: int | None, emptied: int | None = None) -> WalStretch:
        columns, _ = as_columns(changes, self._header)
        return WalStretch(columns, self._header, None if upto is None else self._base + upto, emptied)
