"""extract: read a source after its position and write it to `raw.<stem>`, in batches by lane.

Atomic step: the transaction that moves the position comes after the broker's acknowledgement of
the whole batch. A crash between the two repeats the batch at worst, and judge finds duplicates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import cast

from pophub import avro
from pophub.contracts.model import Connector
from pophub.domain import digests
from pophub.domain.errors import ConfigError, ContractBreach, PophubError
from pophub.domain.record import Columns
from pophub.domain.rows import Rows
from pophub.ports import BlockWriter, FolderSource, Mapper, PositionStore, Source, TableSource
from pophub.process.failpoints import reach
from pophub.stages.batching import Cutter, stub_large

BLOCK_BYTES, BLOCK_ROWS = 3 << 19, 10_000  # at most; two thirds of the bytes are aimed at
CHUNK_ROWS = 5_000  # read at a time, so that memory does not grow with the source
LANE_CELLS = (
    50_000  # and of wide rows for each lane: enough for a block, few enough to be passed over while warm
)
US = 1_000_000


@dataclass
class Extracted:
    """What one extract did: batches sent, rows in them, rows filtered as sent before.

    `refused` are files that are held, `told` says of taken ones what was not as declared, `left_out` names
    those that the pattern leaves out.
    """

    batches: int = 0
    rows: int = 0
    filtered: int = 0
    refused: list[PophubError] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    _sound: int | None = None
    _ahead: int | None = None
    _ahead_rows: int = 0
    _new_rows: int = 0

    def see(self, changed_at: Sequence[int | None], new: Sequence[int], limit_us: int) -> None:
        """Keep the newest times of change: of all rows up to a limit, of the new ones beyond it."""
        sound = [at for at in changed_at if at is not None and at <= limit_us]
        ahead = [at for i in new if (at := changed_at[i]) is not None and at > limit_us]
        self._sound = _later(self._sound, sound)
        self._ahead = _later(self._ahead, ahead)
        self._ahead_rows += len(ahead)
        self._new_rows += len(new)

    @property
    def newest(self) -> int | None:
        """The newest change that the source showed, microseconds UTC.

        One row of the future is a defect of that row; half of the new ones are a wrong clock.
        """
        return self._ahead if 0 < self._new_rows <= 2 * self._ahead_rows else self._sound


@dataclass
class Extract:
    """One extract of one connector, from its position to the end that it sees at its start."""

    connector: Connector
    mapper: Mapper
    store: PositionStore
    writer: BlockWriter
    source: Source
    by: str
    done: Extracted = field(default_factory=Extracted)
    _cutter: Cutter | None = None
    _block_rows: int = BLOCK_ROWS

    def run(self) -> Extracted:
        """Read the source to the end that is seen now."""
        if self.connector.file.source.reads == "table":
            return self.table(cast(TableSource, self.source))
        return self.folder(cast(FolderSource, self.source))

    def table(self, source: TableSource) -> Extracted:
        """Read a table after its position (less `late_s`), sending what was not sent before."""
        done = self.done
        with self.store.held_when_breached("table"):
            columns = source.columns()
            self._check_columns(columns, "the source table")
            start = self.store.start()
            window = self.connector.file.source.window
            since = None if start.marker is None else start.marker - window
            position = newest = start.marker
            for rows in self._new_rows(self.fetched(source, since), start.sent, done):
                settled = [
                    m for m in rows.markers if m is not None and (m <= start.settled_us or not self._is_time)
                ]
                newest = _later(newest, settled)
                position = newest if source.ordered else position
                self._send(rows, done)
                self.store.moved(rows, position, window, columns)
                reach("extract.moved")
            if source.ordered and newest is not None and newest != position:
                self.store.passed(newest, window)
        return done

    def fetched(self, source: TableSource, since: int | None) -> Iterator[Columns]:
        """Give the source's rows; a column that is gone holds what comes from there on."""
        for columns in source.read(since, self._chunk_rows):
            self._check_columns(columns, "the source table")
            yield columns

    def folder(self, source: FolderSource) -> Extracted:
        """Take each complete file of a drop folder once; a bad file is held, the others go on."""
        done = self.done
        for file in source.files(self.store.files_taken()):
            try:
                with self.store.held_when_breached(file.name):
                    self.store.found(file)
                    self._file(file.name, file.digest, source.read(file, self._chunk_rows), done)
                    done.told += [f"{file.name}: {file.told}"] if file.told else []
            except ContractBreach as breach:
                done.refused.append(breach)
        for refused in source.bad():
            self.store.hold(refused, refused.where.removeprefix(f"{self.connector.stem}: "))
            done.refused.append(refused)
        self.store.release_gone(source.no_longer_bad)
        done.left_out = list(source.left_out())
        return done

    def again(self, chunks: Iterable[Columns]) -> Extracted:
        """Send rows from behind the position, in batches of their own; the position stays."""
        done = Extracted()
        for rows in self._new_rows(chunks, None, done):
            self._send(rows, done)
            self.store.closed(rows)
        return done

    def _file(self, name: str, digest: str, chunks: Iterable[Columns], done: Extracted) -> None:
        taken = 0
        header: tuple[str, ...] = ()
        for columns in chunks:
            header = header or tuple(columns)
            self._check_columns(header, name)
            for rows in self._new_rows([columns], None, done):
                self._send(rows, done)
                taken += len(rows)
                self.store.moved(rows, None, None, header)
        self.store.taken(name, digest, taken)
        reach("extract.moved")

    @property
    def _is_time(self) -> bool:
        return self.connector.file.source.marker.kind == "time"

    @property
    def _chunk_rows(self) -> int:
        declared = self.connector.file
        wide = declared.lanes * LANE_CELLS // len(declared.mapping)
        return max(1, min(declared.limits.batch_rows, CHUNK_ROWS, wide))

    def _check_columns(self, found: Iterable[str], where: str) -> None:
        declared = self.connector.file
        if missing := sorted(set(declared.columns) - set(found)):
            raise ContractBreach(
                "source.column_missing", f"the column {', '.join(missing)} is gone or renamed",
                where=f"{self.connector.stem}, {where}",
                remedy=f"ask {declared.owner.name} what changed; mend `mapping` in {self.connector.path.name}, "
                       "then run the DAG again: nothing was read",
            )  # fmt: skip

    def _new_rows(
        self, chunks: Iterable[Columns], sent: set[bytes] | None, done: Extracted
    ) -> Iterator[Rows]:
        """Leave out what was sent before or has not settled; cut the rest into batches."""
        start, cutter = self.store.start(), self.cutter
        for columns in chunks:
            rows = Rows.of(columns, self.mapper)
            keep = list(range(len(rows)))
            if sent:
                keep = [i for i, digest in enumerate(rows.digests) if digest not in sent]
            if sent is not None and self._is_time:
                settled, now, markers = start.settled_us, start.now_us, rows.markers
                keep = [i for i in keep if (marker := markers[i]) is None or not settled < marker <= now]
            done.filtered += len(rows) - len(keep)
            self._see(rows, keep, done)
            if keep:
                yield from cutter.cut(rows.take(keep), start.now_us)

    def _see(self, rows: Rows, new: Sequence[int], done: Extracted) -> None:
        """Tell of new rows when they were changed, and how far ahead of our clock."""
        limit_us = self.store.start().now_us + self.connector.file.live.clock_skew_s * US
        done.see(rows.changed_at, new, limit_us)

    @property
    def cutter(self) -> Cutter:
        """What cuts the rows of this extract into batches."""
        if self._cutter is None:
            start = self.store.start()
            self._cutter = Cutter(start.ticks_us, start.exchanged_us, self.connector.file.limits)
        return self._cutter

    def _send(self, rows: Rows, done: Extracted) -> None:
        """Open the batch, write its blocks lane by lane, and return once all are acknowledged."""
        stamp = self.store.stamp(rows.tick_us)
        batch = self.store.opened(self.by, self.connector.contract.version, stamp, len(rows))
        reach("extract.opened")
        rows.batch = batch
        if self.writer.send(self._blocks(stub_large(rows, self.connector), batch, stamp)):
            self._send_in_parts(rows, stamp)
        reach("extract.acknowledged")
        done.batches += 1
        done.rows += len(rows)

    def _send_in_parts(self, rows: Rows, stamp: int) -> None:
        """Send rows again, in a batch of their own, after the broker refused one of their blocks.

        The refused batch stays open: what was written of it is judged, and its rows come as duplicates.
        """
        rows.batch = self.store.opened(self.by, self.connector.contract.version, stamp, len(rows))
        whole = stub_large(rows, self.connector)
        for indices in self._by_lane(whole).values():
            for at in range(0, len(indices), self._block_rows):
                self._send_part(rows.take(indices[at : at + self._block_rows]), rows.batch, stamp)

    def _send_part(self, rows: Rows, batch: int, stamp: int) -> None:
        """Send rows of one lane as one block; halve what is refused, and send a row refused alone as a stub."""
        if not self.writer.send(self._blocks(stub_large(rows, self.connector), batch, stamp)):
            return
        if len(rows) > 1:
            half = len(rows) // 2
            self._send_part(rows.take(range(half)), batch, stamp)
            self._send_part(rows.take(range(half, len(rows))), batch, stamp)
        elif self.writer.send(self._blocks(stub_large(rows, self.connector, refused=True), batch, stamp)):
            raise ConfigError(
                "kafka.refused", "the broker refuses even the stub of a record",
                where=self.connector.stem, remedy="compare the topic's limits with those that `pophub up` sets",
            )  # fmt: skip

    def _by_lane(self, rows: Rows) -> dict[int, list[int]]:
        lanes = self.connector.file.lanes
        by_lane: list[list[int]] = [[] for _ in range(lanes)]
        for index, key in enumerate(rows.keys):
            by_lane[0 if key is None else digests.lane_of(key, lanes)].append(index)
        return {lane: indices for lane, indices in enumerate(by_lane) if indices}

    def _blocks(self, rows: Rows, batch: int, stamp: int) -> Iterator[tuple[int, bytes]]:
        """Give the rows as blocks of at most BLOCK_BYTES, lane by lane; a row that takes more is one alone."""
        for lane, indices in self._by_lane(rows).items():
            at = 0
            while at < len(indices):
                left = len(indices) - at
                blocks = max(1, round(left / self._block_rows))
                part = indices[at : at + ceil(left / blocks)]
                block = avro.Block(batch, stamp, self.connector.contract.version, len(part), {})
                data = avro.encode_columns(block, rows.chosen(part))
                if self._fits(len(part), len(data)):
                    yield lane, data
                    at += len(part)

    def _fits(self, rows: int, size: int) -> bool:
        """Tell whether a block is small enough; what it takes tells how many rows the next one may have."""
        fits = size <= BLOCK_BYTES or rows == 1
        if 2 * rows > self._block_rows or not fits:  # fewer tell little: names and schema weigh on them
            self._block_rows = max(1, min(BLOCK_ROWS, rows * 2 * BLOCK_BYTES // (3 * size)))
        return fits


def _later(known: int | None, found: Sequence[int]) -> int | None:
    newest = max(found, default=known)
    return newest if known is None or newest is None else max(known, newest)
