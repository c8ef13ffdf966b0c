"""The few protocols between stages and adapters; the values that cross them are `domain.record`'s."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pophub.domain.errors import PophubError
from pophub.domain.record import Columns, Failure, Mapped


class Mapper(Protocol):
    """Maps raw columns to a contract; pure, column-wise."""

    def key_of(self, raw: Columns) -> list[str | None]:
        """Map the key alone; None where it cannot be mapped."""
        ...

    def markers_of(self, raw: Columns) -> tuple[list[int | None], list[int | None]]:
        """Map change marker and time of the change alone; None where they cannot be mapped."""
        ...

    def map(self, raw: Columns) -> Mapped:
        """Map every row; never raises for a bad value."""
        ...


class Rules(Protocol):
    """Judges mapped columns plus `hub_` columns by the suite of one contract."""

    def judge(self, frame: Columns) -> list[Failure]:
        """Judge every row of a non-empty frame.

        Errors: `ValidatorFailed` when a column is missing, an expectation raised, fewer rows were
        judged than given, the suite is empty or the deadline passed.
        """
        ...


@dataclass(frozen=True)
class DropFile:
    """A file of a drop folder that is complete: name and SHA-256 (hex) of its content."""

    name: str
    digest: str


class TableSource(Protocol):
    """A table read in the order of its change marker."""

    def columns(self) -> tuple[str, ...]:
        """Give the names of the columns as they are now at the source."""
        ...

    def read(self, from_marker: int | None, chunk_rows: int) -> Iterator[Columns]:
        """Give all rows from `from_marker` (inclusive, hub's units) on, and those without a
        usable marker, ordered by marker and key, in chunks.
        """
        ...


class FolderSource(Protocol):
    """A drop folder whose files are each taken once."""

    def files(self, taken: Sequence[str]) -> Iterator[DropFile]:
        """Give complete files whose digest is not among `taken`, oldest name first."""
        ...

    def bad(self) -> Sequence[PophubError]:
        """Give what was wrong with files that `files` left out."""
        ...

    def read(self, file: DropFile, chunk_rows: int) -> Iterator[Columns]:
        """Give the file's rows in their order, in chunks. Columns of the first chunk are the header."""
        ...
