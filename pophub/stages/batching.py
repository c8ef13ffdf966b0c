"""Rows on their way to `raw`: what extract knows of them, and where batches are cut."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from pophub.contracts.model import Connector, Limits
from pophub.domain import digests
from pophub.domain.record import Columns
from pophub.ports import Mapper

STUB_COLUMN = "_pophub_stub"
BLOCK_ROWS = 10_000
STRETCH_ROWS = 500  # looked at together for one that is too large


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
    def of(cls, columns: Columns, mapper: Mapper) -> Rows:
        """Read key and marker of each row; the only mapping that extract does."""
        markers, changed_at = mapper.markers_of(columns)
        return cls(columns, mapper.key_of(columns), markers, changed_at)

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


@dataclass
class Cutter:
    """Cuts rows, in the order of their markers, at ticks and at the limits of a batch.

    A batch takes the first tick not before its newest change, never one before the connector's
    last. Without ticks, or after the last one, it takes the database's clock.
    """

    ticks_us: Sequence[int]
    last_us: int
    limits: Limits

    def cut(self, rows: Rows, now_us: int) -> Iterator[Rows]:
        """Give the rows as batches, each with its tick."""
        start, size, newest = 0, 0, self.last_us
        tick = self._tick(newest)
        sizes = None if rows.all_within(self.limits.batch_bytes) else rows.sizes
        for index, changed in enumerate(rows.changed_at):
            if changed is not None and newest < changed <= now_us:
                newest = changed
            wanted = tick if tick is None or newest <= tick else self._tick(newest)
            full = index - start >= self.limits.batch_rows or size > self.limits.batch_bytes
            if index > start and (wanted != tick or full):
                yield self._batch(rows, start, index, tick)
                start, size = index, 0
            tick = wanted
            size += sizes[index] if sizes else 0
        yield self._batch(rows, start, len(rows), tick)
        self.last_us = max(self.last_us, tick or newest)

    def _tick(self, newest: int) -> int | None:
        place = bisect_left(self.ticks_us, newest)
        return self.ticks_us[place] if place < len(self.ticks_us) else None

    @staticmethod
    def _batch(rows: Rows, start: int, end: int, tick: int | None) -> Rows:
        part = rows.take(range(start, end))
        part.tick_us = tick
        return part


def stub_large(rows: Rows, connector: Connector, *, refused: bool = False) -> Rows:
    """Replace records over `max_record_bytes` by a stub with digest and size; key and marker stay.

    `refused`: the broker takes none of these rows, whatever their size.
    """
    most = connector.file.limits.max_record_bytes
    if not refused and rows.each_within(most):
        return rows
    large = [i for i, size in enumerate(rows.sizes) if refused or size > most]
    if not large:
        return rows
    declared = connector.file
    kept = {declared.mapping[k].source for k in declared.key} | {declared.source.marker.column}
    columns = {name: list(values) for name, values in rows.columns.items()}
    columns[STUB_COLUMN], sizes = [None] * len(rows), list(rows.sizes)
    for i in large:
        for name in columns.keys() - kept:
            columns[name][i] = None
        for name in kept & columns.keys():
            value = columns[name][i]
            if isinstance(value, (str, bytes)) and len(value) > most // 4:
                columns[name][i] = None
        columns[STUB_COLUMN][i] = f"{rows.sizes[i]} bytes, digest {rows.digests[i].hex()}"
        sizes[i] = 128
    return Rows(
        columns, rows.keys, rows.markers, rows.changed_at, rows.tick_us, _digests=rows.digests, _sizes=sizes
    )
