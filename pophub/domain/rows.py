"""Rows as a source gave them, on their way to `raw`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol

from pophub.domain import digests
from pophub.domain.record import Columns


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
    when first asked for. `_widest` is what none of the rows surely passes as JSON.
    """

    columns: Columns
    keys: list[str | None]
    markers: list[int | None]
    changed_at: list[int | None]
    tick_us: int | None = None
    batch: int | None = None
    _widest: int | None = None
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
        return len(self) * self._bound() <= most_bytes

    def each_within(self, most_bytes: int) -> bool:
        """Tell whether each row surely takes no more than this; cheap, where `sizes` is not."""
        return self._bound() <= most_bytes

    def _bound(self) -> int:
        if self._widest is None:
            self._widest = sum(map(digests.most_bytes, self.columns.values()))
        return self._widest

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, indices: Sequence[int]) -> Rows:
        """Give the chosen rows."""
        if len(indices) == len(self):
            return self
        return Rows(
            dict(self.chosen(indices)),
            [self.keys[i] for i in indices],
            [self.markers[i] for i in indices],
            [self.changed_at[i] for i in indices],
            _widest=self._widest,
            _digests=None if self._digests is None else [self._digests[i] for i in indices],
            _sizes=None if self._sizes is None else [self._sizes[i] for i in indices],
        )

    def chosen(self, indices: Sequence[int]) -> Iterator[tuple[str, list[Any]]]:
        """Give each column's name and its values of the chosen rows, one column after the other."""
        choose = itemgetter(*indices) if len(indices) > 1 else None  # an itemgetter of one gives no tuple
        for name, values in self.columns.items():
            yield name, list(choose(values)) if choose else [values[i] for i in indices]
