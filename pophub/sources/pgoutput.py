"""Messages of PostgreSQL's output plugin `pgoutput`, protocol 1, as values; pure.

The format is PostgreSQL's "Logical Replication Message Formats". Only committed transactions come, one after
the other in the order of their commits: Begin, Relation before the first change of a table and after each
change of its columns, the changes, Commit.
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import NamedTuple

_EPOCH_US = 946_684_800_000_000  # 2000-01-01 UTC, where PostgreSQL's times begin


class BadMessage(ValueError):
    """Bytes that are no message of the protocol."""


class Unsent(Enum):
    """What stands for a value that did not change and lies outside of its row, which the log leaves out."""

    UNSENT = "unsent"


UNSENT = Unsent.UNSENT
Values = tuple[bytes | Unsent | None, ...]


class TransactionBegin(NamedTuple):
    """A transaction begins: when it was committed, microseconds UTC."""

    committed_us: int


class TransactionEnd(NamedTuple):
    """A transaction ends: the place in the log behind it."""

    end: int


class LogColumn(NamedTuple):
    """A column of a table as it is in the log: its name, and the OID of its type."""

    name: str
    type: int


class Relation(NamedTuple):
    """A table: its OID, schema and name, and its columns from here on."""

    oid: int
    schema: str
    name: str
    columns: tuple[LogColumn, ...]


class RowChange(NamedTuple):
    """A row is inserted (`new`), updated (`new`, `old` where its key changed), or deleted (`old`).

    Values are as the server prints them, None for null. `old` has the key's values and None elsewhere, or,
    where `old_whole`, all of the row.
    """

    oid: int
    old: Values | None
    old_whole: bool
    new: Values | None


class Truncate(NamedTuple):
    """Tables are emptied."""

    oids: tuple[int, ...]


Logged = TransactionBegin | TransactionEnd | Relation | RowChange | Truncate


class _Bytes:
    """Reads one message from its start to its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, form: str) -> int:
        size = struct.calcsize(form)
        return int(struct.unpack(form, self.take(size))[0])

    def take(self, size: int) -> bytes:
        end = self._at + size
        if size < 0 or end > len(self._data):
            raise BadMessage("a message ends within a value")
        found, self._at = self._data[self._at : end], end
        return found

    def text(self) -> str:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise BadMessage("a name has no end")
        found = self.take(end - self._at)
        self._at += 1
        return found.decode("utf-8", "surrogateescape")

    def values(self) -> Values:
        return tuple([self._value() for _ in range(self.number(">H"))])

    def _value(self) -> bytes | Unsent | None:
        kind = self.take(1)
        if kind == b"t":
            return self.take(self.number(">i"))
        if kind == b"n":
            return None
        if kind == b"u":
            return UNSENT
        raise BadMessage("a value of a kind that was not asked for")

    def end(self) -> None:
        if self._at != len(self._data):
            raise BadMessage("a message goes on behind its end")


def decode(payload: bytes) -> Logged | None:
    """Read one message; None for one that tells nothing of a row (a type, an origin).

    Errors: `BadMessage`.
    """
    reader = _Bytes(payload)
    kind = reader.take(1)
    if kind in b"YO":
        return None
    found = _read(kind, reader)
    reader.end()
    return found


def _read(kind: bytes, reader: _Bytes) -> Logged:
    match kind:
        case b"B":
            reader.take(8)
            committed = reader.number(">q")
            reader.take(4)
            return TransactionBegin(committed + _EPOCH_US)
        case b"C":
            reader.take(1 + 8)
            end = reader.number(">Q")
            reader.take(8)
            return TransactionEnd(end)
        case b"R":
            return _relation(reader)
        case b"T":
            count = reader.number(">I")
            reader.take(1)
            return Truncate(tuple([reader.number(">I") for _ in range(count)]))
        case b"I" | b"U" | b"D":
            return _row_change(kind, reader)
    raise BadMessage("a message of a kind that was not asked for")


def _relation(reader: _Bytes) -> Relation:
    oid, schema, name = reader.number(">I"), reader.text(), reader.text()
    reader.take(1)
    columns = []
    for _ in range(reader.number(">H")):
        reader.take(1)
        columns.append(LogColumn(reader.text(), reader.number(">I")))
        reader.take(4)
    return Relation(oid, schema or "pg_catalog", name, tuple(columns))


def _row_change(kind: bytes, reader: _Bytes) -> RowChange:
    oid, old, whole, part = reader.number(">I"), None, False, reader.take(1)
    if part in (b"K", b"O") and kind != b"I":
        old, whole = reader.values(), part == b"O"
        part = reader.take(1) if kind == b"U" else b""
    new = reader.values() if part == b"N" and kind != b"D" else None
    if (old if kind == b"D" else new) is None:
        raise BadMessage("a change tells of no row")
    return RowChange(oid, old, whole, new)
