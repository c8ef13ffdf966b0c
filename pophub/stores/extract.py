"""What extract keeps in PostgreSQL: position, rows sent, files taken, batches, holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from pophub.domain.errors import ConfigError, ContractBreach, PophubError, TransientError
from pophub.domain.rows import Rows
from pophub.ports import DropFile, Start
from pophub.postgres import (
    Connection,
    Cursor,
    execute_values,
    now_us,
    only_row,
    statements,
    transaction,
    worker_lock,
)
from pophub.process.failpoints import reach
from pophub.stores.held_files import Gone, release_gone

SQL = statements("extract")
US = 1_000_000
WAIT_S = 120


class ExtractStore:
    """The position of one stem; only extract writes it, under an advisory lock of the stem."""

    work = "extract"
    scan = 0  # none, where rows have a change marker

    def __init__(self, connection: Connection, stem: str, settle_s: int) -> None:
        self._connection = connection
        self._stem = stem
        self._settle_s = settle_s
        self._start: Start | None = None
        self._told: dict[str, str] = {}
        with self._transaction() as cursor:
            if holder := worker_lock(cursor, self.work, stem):
                raise busy(stem, holder, self.work)
            self._taken(cursor)

    def _taken(self, cursor: Cursor) -> None:
        """Refuse a dataset of which a loss was begun to be taken up: what is sent now might be passed over.

        Errors: `raw.loss_open`.
        """
        cursor.execute(SQL["open_loss"], (self._stem,))
        if row := cursor.fetchone():
            raise ConfigError(
                "raw.loss_open", f"{row[0]} began to take up a loss of raw, and it has not ended", where=self._stem,
                remedy=f"`pophub position take-loss {self._stem}` goes on with it; nothing is read until then",
            )  # fmt: skip

    def _transaction(self) -> AbstractContextManager[Cursor]:
        return transaction(self._connection, f"extract of {self._stem}")

    def _moving(self) -> AbstractContextManager[Cursor]:
        """Give the transaction that moves the position."""
        return self._transaction()

    def start(self) -> Start:
        """Read where this extract begins; the same answer all through one extract."""
        if self._start is None:
            with self._transaction() as cursor:
                cursor.execute(SQL["position"], (self._stem,))
                marker, exchanged, _ = cursor.fetchone() or (None, 0, ())
                cursor.execute(SQL["sent_rows"], (self._stem,))
                sent = {bytes(row[0]) for row in cursor.fetchall()}
                cursor.execute(SQL["ticks"], (self._stem,))
                ticks = [row[0] for row in cursor.fetchall()]
                now = now_us(cursor)
            self._start = Start(marker, exchanged, sent, ticks, now, now - self._settle_s * US)
        return self._start

    def files_taken(self) -> list[str]:
        """Give the digests of files taken before."""
        with self._transaction() as cursor:
            cursor.execute(SQL["files_taken"], (self._stem,))
            return [row[0] for row in cursor.fetchall()]

    def stamp(self, tick_us: int | None) -> int:
        """Give `exchanged_at` of a batch: its tick, or the database's clock after the last one."""
        if tick_us is not None:
            return tick_us
        with self._transaction() as cursor:
            return now_us(cursor)

    def opened(self, run: str, contract: int, stamp_us: int, rows: int) -> int:
        """Open a batch and give its number."""
        with self._transaction() as cursor:
            cursor.execute(SQL["open_batch"], (self._stem, run, contract, stamp_us, rows))
            return int(only_row(cursor)[0])

    def moved(
        self, rows: Rows, marker: int | None, window: int | None, columns: Sequence[str]
    ) -> list[tuple[str, bytes, int | None]]:
        """Close the batch and move the position behind it, in one transaction.

        Give what is kept in `extract.sent_row`: the rows that may be read again.
        """
        oldest = None if marker is None or window is None else marker - window
        again = [
            i for i, m in enumerate(rows.markers)
            if window is not None and (m is None or oldest is None or m >= oldest)
        ]  # fmt: skip
        late = rows.take(again)
        keep = [(self._stem, digest, m) for digest, m in zip(late.digests, late.markers, strict=True)]
        stamp = self.stamp(rows.tick_us)
        with self._moving() as cursor:
            cursor.execute(SQL["take_batch"], (rows.batch,))
            cursor.execute(
                SQL["move_position"],
                {"stem": self._stem, "marker": marker, "stamp": stamp, "columns": list(columns)},
            )
            execute_values(cursor, SQL["keep_sent_rows"], keep)
            if oldest is not None:
                cursor.execute(SQL["forget_sent_rows"], (self._stem, oldest))
            reach("extract.moving")
        return keep

    def passed(self, marker: int, window: int) -> None:
        """Move the position behind rows that were sent, once none older can follow."""
        with self._transaction() as cursor:
            cursor.execute(SQL["pass_position"], {"stem": self._stem, "marker": marker})
            cursor.execute(SQL["forget_sent_rows"], (self._stem, marker - window))

    def closed(self, rows: Rows) -> None:
        """Close the batch and leave the position where it is."""
        with self._transaction() as cursor:
            cursor.execute(SQL["sent_batch"], (rows.batch,))

    def found(self, file: DropFile) -> None:
        """Keep how a file is written, for when it is taken."""
        self._told = {file.digest: file.told}

    def taken(self, name: str, digest: str, rows: int) -> None:
        """Record a file as taken; a crash before this repeats it, and judge finds duplicates."""
        with self._transaction() as cursor:
            told = self._told.get(digest, "")
            cursor.execute(SQL["take_file"], (self._stem, digest, name, rows, told, self.scan))

    def hold(self, breach: PophubError, subject: str = "") -> None:
        """Record that a batch is held; a repeated hold is one hold."""
        with self._transaction() as cursor:
            cursor.execute(
                SQL["hold"], (self._stem, breach.code, subject or breach.where, breach.what, breach.remedy)
            )

    def release_gone(self, gone: Gone) -> None:
        """Release the holds of files that are no longer bad, and say why."""
        release_gone(self._connection, self._stem, gone)

    @contextmanager
    def held_when_breached(self, subject: str) -> Iterator[None]:
        """Record a hold when the block finds a contract breach; release it when it no longer does."""
        try:
            yield
        except ContractBreach as breach:
            self.hold(breach, subject)
            raise
        with self._transaction() as cursor:
            cursor.execute(SQL["release"], (self._stem, subject))


def busy(stem: str, holder: str, work: str) -> TransientError:
    """Give the refusal of a dataset that another worker has."""
    return TransientError(
        "lane.busy",
        f"{stem} is being read by {holder}",
        where=work,
        remedy="wait for it, or end it; a retry follows",
    )


Store = TypeVar("Store", bound=ExtractStore)


def own_source(
    connection: Connection,
    stem: str,
    settle_s: int,
    kind: Callable[[Connection, str, int], Store] = ExtractStore,  # type: ignore[assignment]
) -> Store:
    """Become the one extract of a dataset; a stream has a source for one short step at a time.

    Errors: `lane.busy`, naming the holder, when it does not come free in time.
    """
    until = time.monotonic() + WAIT_S
    while True:
        try:
            return kind(connection, stem, settle_s)
        except TransientError as error:
            if error.code != "lane.busy" or time.monotonic() > until:
                raise
        time.sleep(0.05)
