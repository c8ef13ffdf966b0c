"""Rows as a source gave them, on their way to `raw`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Protocol

from pophub.domain import digests
from pophub.domain.record import Columns

BLOCK_ROWS = 10_000
STRETCH_ROWS = 500  # looked at together for one that is too large


class KeyReader(Protocol):
    """Reads key and marker of raw columns: the only mapping that extract does."""

    def key_of(self, raw: Columns) -> list[str | None]:
        """Map the key alone; None where it cannot be mapped."""
        ...

    def markers_of(self, raw: Columns) -> tuple[list[int | None], list[int | None]]:
        """Map change marker and time of the change alone; None where they cannot be mapped."""
        ...


@dataclass
class Rows:
    """Rows as the source gave them, with what extract needs to know.

    Shape: all lists have one entry a row. `tick_us` is the stamp of the batch that they make, None
    after the last tick; `batch` its number once it is open.

    Few rows need their digest, and few tables come near a limit: digests and sizes of each row are made
    when first asked for. `_together` is what all rows take as JSON and the most that one may take.
    """

    columns: Columns
    keys: list[str | None]
    markers: list[int | None]
    changed_at: list[int | None]
    tick_us: int | None = None
    batch: int | None = None
    _together: tuple[int, int] | None = None
    _digests: list[bytes] | None = None
    _sizes: list[int] | None = None

    @classmethod
    def of(cls, columns: Columns, reader: KeyReader) -> Rows:
        """Read key and marker of each row; the only mapping that extract does."""
        markers, changed_at = reader.markers_of(columns)
        return cls(columns, reader.key_of(columns), markers, changed_at)

    @property
    def digests(self) -> list[bytes]:
        """Name the content of each row."""
        if self._digests is None:
            self._digests, self._sizes = digests.row_digests(list(self.columns.values()), len(self))
        return self._digests

    @property
    def sizes(self) -> list[int]:
        """Give the bytes of each row as JSON."""
        if self._sizes is None:
            self._digests, self._sizes = digests.row_digests(list(self.columns.values()), len(self))
        return self._sizes

    def all_within(self, most_bytes: int) -> bool:
        """Tell whether all rows together surely take no more than this; cheap, where `sizes` is not."""
        return self._joint()[0] <= most_bytes

    def each_within(self, most_bytes: int) -> bool:
        """Tell whether each row surely takes no more than this; cheap, where `sizes` is not."""
        return self._joint()[1] <= most_bytes

    def _joint(self) -> tuple[int, int]:
        if self._together is None:
            stretches = digests.joint_sizes(list(self.columns.values()), len(self), STRETCH_ROWS)
            self._together = sum(stretches), max(stretches, default=0)
        return self._together

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, indices: Sequence[int]) -> Rows:
        """Give the chosen rows."""
        if len(indices) == len(self):
            return self
        return Rows(
            self.chosen(indices),
            [self.keys[i] for i in indices],
            [self.markers[i] for i in indices],
            [self.changed_at[i] for i in indices],
            _together=self._together,
            _digests=None if self._digests is None else [self._digests[i] for i in indices],
            _sizes=None if self._sizes is None else [self._sizes[i] for i in indices],
        )

    def chosen(self, indices: Sequence[int]) -> Columns:
        """Give the columns of the chosen rows."""
        if len(indices) < 2:  # an itemgetter of one gives no tuple
            return {name: [values[i] for i in indices] for name, values in self.columns.items()}
        choose = itemgetter(*indices)
        return {name: list(choose(values)) for name, values in self.columns.items()}

    def parts(self, indices: Sequence[int], most_bytes: int) -> Iterator[Sequence[int]]:
        """Split row indices so that each part stays below `most_bytes` and the rows of a block."""
        if self.all_within(most_bytes):
            yield from (indices[at : at + BLOCK_ROWS] for at in range(0, len(indices), BLOCK_ROWS))
            return
        part: list[int] = []
        size = 0
        for index in indices:
            if part and (size + self.sizes[index] > most_bytes or len(part) >= BLOCK_ROWS):
                yield part
                part, size = [], 0
            part.append(index)
            size += self.sizes[index]
        if part:
            yield part
