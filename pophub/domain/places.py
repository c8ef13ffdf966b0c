"""Where a log of changes stands, and how far it was read."""

from __future__ import annotations

from typing import NamedTuple

from pophub.domain.record import Columns


class LogEnds(NamedTuple):
    """A topic as it stands: its id, by which one made anew is told, and of each partition the first offset
    that is left and the one after the last.
    """

    topic_id: str
    first: dict[int, int]
    end: dict[int, int]


class LogPart(NamedTuple):
    """Rows of a stretch of one partition.

    Shape: `offsets` has the offset of each row, and they do not fall; `upto` is behind the last message, and
    there may be no row at all. All columns have a value a row.
    """

    partition: int
    offsets: list[int]
    upto: int
    columns: Columns


class LogPlaces(NamedTuple):
    """How far a topic was read: its id and partitions then, of each partition the next offset to read.

    `again`: a person has said that it is to be read anew from its first message.
    """

    topic_id: str
    generation: int
    next: dict[int, int]
    again: bool = False
