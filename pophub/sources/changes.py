"""What a source's log of changes tells of its rows, whoever wrote it: the one form of it, and its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from pophub.domain.dates import FIRST_US, LAST_US, instant
from pophub.domain.record import CHANGED, FLAWS, GONE, SCAN, Columns

Member = Mapping[str, Any]
WHOLE = ""  # names, among flaws, a change of which nothing could be read


@dataclass(frozen=True)
class Change:
    """One change of one row.

    Shape: `place` is where it stands in the log, the marker of its rows; `changed_us` is when it was made,
    microseconds UTC. `gone` has the key's columns of a row that is no more: one that was deleted, or whose
    key became another. `row` is the row as it is from here on. Both are None where nothing could be read.
    `flaws` give, of columns of `row`, the code of a value that could not be read, or was not sent.
    """

    place: int
    changed_us: int | None
    gone: Member | None = None
    row: Member | None = None
    flaws: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def unread(cls, place: int, changed_us: int | None, code: str) -> Change:
        """Give a change of which nothing can be read, with its code."""
        return cls(place, changed_us, row={}, flaws={WHOLE: code})

    @property
    def names(self) -> tuple[str, ...] | None:
        """The columns of its row; None where it can go among rows of any columns."""
        return tuple(self.row) if self.row else None


def as_columns(changes: Sequence[Change], declared: Sequence[str]) -> tuple[Columns, list[int]]:
    """Turn changes whose rows have the same columns into rows: of a key that changed, a delete and a row.

    Shape: the columns, with those that the hub adds; and for each row the index of its change.
    """
    names = next((one.names for one in changes if one.names), ())
    names = tuple(dict.fromkeys((*declared, *names)))
    rows: list[tuple[int, Member, bool]] = []
    for at, change in enumerate(changes):
        if change.gone is not None:
            rows.append((at, change.gone, True))
        if change.row is not None:
            rows.append((at, change.row, False))
    columns: Columns = {name: [row.get(name) for _, row, _ in rows] for name in names}
    columns[SCAN] = [changes[at].place for at, _, _ in rows]
    columns[CHANGED] = [_moment(changes[at].changed_us) for at, _, _ in rows]
    columns[GONE] = [gone for _, _, gone in rows]
    columns[FLAWS] = [
        None if gone or not changes[at].flaws else orjson.dumps(dict(changes[at].flaws)).decode()
        for at, _, gone in rows
    ]
    return columns, [at for at, _, _ in rows]


def _moment(us: int | None) -> datetime | None:
    return None if us is None or not FIRST_US <= us <= LAST_US else instant(us)
