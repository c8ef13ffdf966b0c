"""What a record is on its way: columns, raw blocks, versions, and the accepted state that they meet.

Inside the hub a table of records is *columns*: a dict from column name to a list with one value
a row, all lists of one length. No record is an object on its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pophub.domain.codes import GATES
from pophub.domain.decide import Head, Quarantined

Columns = dict[str, list[Any]]

EXTRA = "_extra"
"""Column of file rows: None where a row is as wide as the header, else a JSON list of what is over."""

PLACE = "_place"
"""Column of file rows: where the row stands, as `name.csv:17` or `name.xlsx!sheet:17`; no part of its content."""

FLAWS = "_flaws"
"""Column of file rows: None, or a JSON object from column to the code of a cell that could not be read.

The cell's value is None. The name "" stands for the whole row, of which no cell could be read.
"""


class Measured(list[Any]):
    """A column as a source gave it, measured while it was warm.

    Units: `longest` text of it, in characters or bytes; None where it has other values than texts and None.
    """

    __slots__ = ("longest",)

    def __init__(self) -> None:
        super().__init__()
        self.longest: int | None = 0

    def add(self, values: Sequence[Any], longest: int | None) -> None:
        """Add values, and how long the longest of them is."""
        self += values
        self.longest = None if longest is None or self.longest is None else max(longest, self.longest)


class Texts(list[Any]):
    """A column of texts, or None, as it was read from a block; nobody changes it.

    Shape: `octets` are their UTF-8 with a NUL before each, and nothing more of a None; `kinds` are the types of
    the values.
    """

    __slots__ = ("kinds", "octets")

    def __init__(self, values: list[Any], octets: bytes | bytearray, *, nulls: bool) -> None:
        super().__init__(values)
        self.octets = octets
        self.kinds: set[type] = {str, type(None)} if nulls else {str}


FILE_COLUMNS = frozenset({EXTRA, PLACE, FLAWS})
SCAN = "_scan"
"""Column of rows without a change marker, which the hub numbers: the scan that found them, or their place in a log."""

GONE = "_gone"
"""Column of rows that a scan did not find any more, or a log says are deleted: true; of such a row only the key is told."""

CHANGED = "_changed_at"
"""Column of rows of a log: when the change was made, as the log tells."""

MESSAGE = "_message"
"""Column of rows of a topic: None, or of a message that could not be read its partition and offset, as `0:17`."""

STUB = "_pophub_stub"  # of a record too large to be sent
RESERVED = FILE_COLUMNS | {SCAN, GONE, CHANGED, MESSAGE, STUB}  # no column of a table may be named so


@dataclass(frozen=True)
class Failure:
    """One failed rule of one row: its gate, code, blamed field, and the reason in words.

    Shape: `row` is the row's index in the frame that was judged. The reason never holds a value.
    """

    row: int
    gate: str
    code: str
    field: str | None
    reason: str
    severity: str = "critical"


@dataclass(frozen=True)
class Mapped:
    """Raw columns mapped to the contract, with the failures that mapping found.

    Shape: `columns` has each contract field; a value that could not be mapped is None there and
    has a failure of gate `contract`. `keys[i]` is None where the key could not be mapped,
    `markers[i]` where the marker could not (int64: microseconds UTC, or the sequence),
    `changed_at[i]` is the time of the change in microseconds UTC or None, `deleted[i]` a bool.
    """

    columns: Columns
    keys: list[str | None]
    markers: list[int | None]
    changed_at: list[int | None]
    deleted: list[bool]
    failures: list[Failure]


@dataclass(frozen=True)
class Block:
    """A stretch of rows of one batch, in lane order, as the source gave them."""

    batch: int
    exchanged_at: int
    contract: int
    rows: int
    columns: Columns
    sent: bytes = field(default=b"", compare=False)  # what it was read from


Raw = tuple[bytes, int] | bytes
"""Where a version came in: a block's bytes and the row there, or the bytes of a message that is no block."""


@dataclass
class Versions:
    """Record versions in lane order.

    Shape: every list has one entry a version, `columns` holds those mapped fields that are read again.
    `payloads[i]` is the record as the contract has it now, None for a delete and where mapping failed. `ids` are rows
    of the quarantine when this is a replay, else None. `failures` maps a version's index to its
    failed rules. `whole[i]`: key and marker could be mapped, and the record is no stub, so that the
    rules judge it.
    """

    columns: Columns
    keys: list[str] = field(default_factory=list)
    markers: list[int] = field(default_factory=list)
    changed_at: list[int | None] = field(default_factory=list)
    deleted: list[bool] = field(default_factory=list)
    payloads: list[bytes | None] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    event_ids: list[bytes] = field(default_factory=list)
    contracts: list[int] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    raw_offsets: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    raw: list[Raw] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    failures: dict[int, list[Failure]] = field(default_factory=dict)
    ids: list[int] | None = None

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def changes(self) -> list[int | None]:
        """Give when each was changed at its source, None where that is its marker, or nobody told."""
        times = zip(self.changed_at, self.markers, strict=True)
        return [None if at == marker else at for at, marker in times]

    def fail(self, failures: Iterable[Failure]) -> None:
        """Add failed rules; one about a field that could not be mapped says nothing new."""
        for failure in failures:
            known = self.failures.setdefault(failure.row, [])
            if not any(
                k.field is not None and k.field == failure.field and k.gate == "contract" for k in known
            ) and not any(k.code == failure.code and k.field == failure.field for k in known):
                known.append(failure)

    def gate(self, row: int) -> str:
        """Give the first failed gate in the order contract, correct, sufficient, clean, live."""
        return min((f.gate for f in self.failures[row]), key=GATES.index)


@dataclass(frozen=True)
class Accepted:
    """Accepted state that a set of versions meets.

    Shape: `identities[id]` lists (valid from, name, birth day, present) in order; `claims`
    tells the key that holds each unique value of the versions, and each that a key with a head holds;
    `referred[stem]` has the keys of another dataset that were accepted there, each with the moment since
    which it is gone (microseconds UTC), None while it is there; `looked_up[columns]` has for each key and moment that
    these versions look up the values of these columns then.
    """

    heads: Mapping[str, Head]
    quarantine: Mapping[str, Sequence[Quarantined]]
    identities: Mapping[str, Sequence[tuple[int, str | None, int | None, bool]]]
    claims: Mapping[tuple[str, str], str]
    referred: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    looked_up: Mapping[tuple[str, ...], Mapping[tuple[str, int], tuple[Any, ...]]] = field(
        default_factory=dict
    )


class Stretch(NamedTuple):
    """What one micro-batch decides of a lane of raw: the offsets from `start` up to before `upto`."""

    lane: int
    start: int
    upto: int


@dataclass(frozen=True)
class FromQuarantine:
    """Where versions of a replay come from: nothing of raw is read, no offset moves."""


FROM_QUARANTINE = FromQuarantine()
Origin = Stretch | FromQuarantine
