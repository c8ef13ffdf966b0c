"""Where the rows of an extract are cut into batches, and records too large become stubs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pophub.contracts.model import Connector, Limits
from pophub.domain.record import CHANGED, GONE, PLACE, STUB
from pophub.domain.rows import Rows

STUB_COLUMN = STUB


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
    kept |= {PLACE, GONE, CHANGED}
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
