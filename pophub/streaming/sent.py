"""The extract store of a stream: what was sent is kept in mind from step to step."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from pophub.domain.rows import Rows
from pophub.ports import Start
from pophub.postgres import Connection, only_row, statements, transaction
from pophub.stores.extract import ExtractStore
from pophub.stores.places import PlaceStore
from pophub.stores.slot import SlotStore

SQL = statements("stream")
US = 1_000_000


class Sent:
    """The table `extract.sent_row` of one dataset, as long as nobody else extracts it."""

    def __init__(self) -> None:
        self.again_from: int | None = None  # the marker at which the next look for late rows begins
        self.digests: set[bytes] = set()
        self.left_at: tuple[int | None, int] | None = None  # where our last step left the dataset
        self._by_marker: list[tuple[int, bytes]] = []

    def fill(self, rows: Sequence[tuple[bytes, int | None]]) -> None:
        """Forget everything, and keep these."""
        self.digests, self._by_marker = set(), []
        for digest, marker in rows:
            self.keep(digest, marker)

    def keep(self, digest: bytes, marker: int | None) -> None:
        """Keep one row."""
        if digest not in self.digests:
            self.digests.add(digest)
            if marker is not None:
                heapq.heappush(self._by_marker, (marker, digest))

    def forget(self, oldest: int) -> None:
        """Forget what is older than the window that may be read again."""
        while self._by_marker and self._by_marker[0][0] < oldest:
            self.digests.discard(heapq.heappop(self._by_marker)[1])


class StepStore(ExtractStore):
    """The extract store for one step; the dataset is this step's alone until `leave`."""

    def __init__(self, connection: Connection, stem: str, settle_s: int, sent: Sent) -> None:
        super().__init__(connection, stem, settle_s)
        self._sent = sent

    def start(self) -> Start:
        """Read where this step begins; what was sent only where another extract was at work since."""
        if self._start is None:
            sent = self._sent
            with self._transaction() as cursor:
                cursor.execute(SQL["start"], {"stem": self._stem})
                marker, exchanged, now, ticks = only_row(cursor)
                if sent.left_at != (marker, exchanged):
                    cursor.execute(SQL["sent_rows"], (self._stem,))
                    sent.fill([(bytes(digest), at) for digest, at in cursor.fetchall()])
            sent.left_at = None  # until this step has ended well
            self._start = Start(marker, exchanged, sent.digests, ticks, now, now - self._settle_s * US)
        return self._start

    def moved(
        self, rows: Rows, marker: int | None, window: int | None, columns: Sequence[str]
    ) -> list[tuple[str, bytes, int | None]]:
        """Close the batch and move the position; keep what was sent until the next late look is past it."""
        if marker is not None and window and self._sent.again_from is not None:
            window = max(window, marker - self._sent.again_from)
        keep = super().moved(rows, marker, window, columns)
        for _, digest, at in keep:
            self._sent.keep(digest, at)
        if marker is not None and window is not None:
            self._sent.forget(marker - window)
        return keep

    def leave(self, *, well: bool) -> None:
        """Leave the dataset to whoever extracts it next."""
        with transaction(self._connection, f"leaving {self._stem}") as cursor:
            if well and self._start is not None:
                cursor.execute(SQL["start"], {"stem": self._stem})
                self._sent.left_at = only_row(cursor)[:2]
            cursor.execute(SQL["unlock"], (self.work, self._stem))


class StepSlotStore(SlotStore, StepStore):
    """The extract store of a source that is read by its log, for one step."""


class StepPlaceStore(PlaceStore, StepStore):
    """The extract store of a log for one step."""
