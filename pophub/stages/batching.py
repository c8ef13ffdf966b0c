"""Rows on their way to `raw`: what extract knows of them, and where batches are cut."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pophub import digests
from pophub.contracts.model import Connector, Limits
from pophub.ports import Columns, Mapper

STUB_COLUMN = "_pophub_stub"
BLOCK_ROWS = 10_000


@dataclass
class Rows:
    """Rows as the source gave them, with what extract needs to know.

    Shape: all lists have one entry a row. `tick_us` is the stamp of the batch that they make, None
    after the last tick; `batch` its number once it is open.
    """

    columns: Columns
    keys: list[str | None]
    markers: list[int | None]
    changed_at: list[int | None]
    digests: list[bytes]
    sizes: list[int]
    tick_us: int | None = None
    batch: int | None = None

    @classmethod
    def of(cls, columns: Columns, mapper: Mapper) -> Rows:
        """Read key, marker and digest of each row; the only mapping that extract does."""
        count = len(next(iter(columns.values()), []))
        found, sizes = digests.row_digests(list(columns.values()), count)
        markers, changed_at = mapper.markers_of(columns)
        return cls(columns, mapper.key_of(columns), markers, changed_at, found, sizes)

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, indices: Sequence[int]) -> Rows:
        """Give the chosen rows."""
        if len(indices) == len(self):
            return self
        return Rows(
            {name: [values[i] for i in indices] for name, values in self.columns.items()},
            [self.keys[i] for i in indices],
            [self.markers[i] for i in indices],
            [self.changed_at[i] for i in indices],
            [self.digests[i] for i in indices],
            [self.sizes[i] for i in indices],
        )

    def parts(self, indices: Sequence[int], most_bytes: int) -> Iterator[list[int]]:
        """Split row indices so that each part stays below `most_bytes` and the rows of a block."""
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
        for index, changed in enumerate(rows.changed_at):
            if changed is not None and newest < changed <= now_us:
                newest = changed
            wanted = tick if tick is not None and newest <= tick else self._tick(newest)
            full = index - start >= self.limits.batch_rows or size > self.limits.batch_bytes
            if index > start and (wanted != tick or full):
                yield self._batch(rows, start, index, tick)
                start, size = index, 0
            tick = wanted
            size += rows.sizes[index]
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
    return Rows(columns, rows.keys, rows.markers, rows.changed_at, rows.digests, sizes, rows.tick_us)
