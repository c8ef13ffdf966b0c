"""extract of a source by its log: the table as a whole once, then each change as it was committed.

The snapshot is a scan, of the table as it was when the slot was made; what the slot tells begins exactly
behind it. Of the log, whole transactions are sent, and their keys named before as in a scan. Atomic step: the
transaction that closes the last batch of a stretch, keeps what was sent of its keys and moves the position
behind its last whole transaction. Only then the slot is confirmed, so a crash anywhere repeats changes that the
broker has, under the same markers, and judge finds duplicates. A crash within a snapshot makes the next one
begin anew, with a new slot; a row that was sent like this is not sent again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast

from pophub.domain import digests
from pophub.domain.errors import ContractBreach
from pophub.domain.raw_values import packed
from pophub.domain.record import GONE
from pophub.domain.rows import Rows
from pophub.ports import Followed, Slots, SlotState, TableSource, WalSource, WalStretch
from pophub.process.failpoints import reach
from pophub.stages.extract import Extracted
from pophub.stages.scan import Scan, content_columns

QUIET_S = 10.0  # how often the position follows a log in which nothing of the table stands
SLOT = "slot"  # what is held where the log was lost


class Replicate(Scan):
    """One extract by a source's log, to the end that it sees at its start."""

    _emptied: int | None = None
    _moved_s = 0.0

    def table(self, source: TableSource) -> Extracted:
        """Take a snapshot where none is followed; then take each change since."""
        log = cast(WalSource, source)
        try:
            followed = self._slots.followed()
            with self.store.held_when_breached("log"):
                state = log.state(followed.slot if followed else None)
            self._slots.kept_there(state.kept)
            if followed is not None and followed.state == "following" and followed.marker is not None:
                with self.store.held_when_breached(SLOT):
                    self._refuse_lost(followed, followed.marker, state, log.slot)
            else:
                followed = self._snapshot(log, state, followed)
            with self.store.held_when_breached("table"):
                self._follow(log, followed, state.place)
        finally:
            log.close()
        return self.done

    def _refuse_lost(self, followed: Followed, marker: int, state: SlotState, slot: str) -> None:
        """Refuse to go on where changes passed that nobody can tell; the next run takes a snapshot.

        While a run reads, the driver confirms by itself up to where the server says that nothing is left to
        tell: of a run that was cut off then, the slot may be ahead of the position, and nothing is lost.

        Errors: `source.slot_lost`.
        """
        place = marker - followed.base
        why = state.lost
        if followed.slot != slot:
            why = f"the connector names another slot than {followed.slot}"
        elif followed.origin != state.origin:
            why = "the server, the table or its place in the publication is another one than before"
        elif state.place < place:
            why = "the server's log ends before what was read of it"
        elif state.confirmed is not None and state.confirmed > place and not followed.reading:
            why = "somebody else read on by the slot"
        if why:
            self._slots.lost()
            raise ContractBreach(
                "source.slot_lost", f"changes may have passed untold by the slot {followed.slot}: {why}",
                where=self.connector.stem,
                remedy="run it again: the next run makes the slot anew, reads the whole table, and sends what "
                "differs and what is gone; ask the agency to keep more of its log (max_slot_wal_keep_size)",
            )  # fmt: skip

    def _snapshot(self, log: WalSource, state: SlotState, before: Followed | None) -> Followed:
        """Send the table as it was when the slot was made, and what is gone from it since a snapshot before."""
        self._log, self._state, self._before = log, state, before
        super().table(log)
        log.begun()
        with self.store.held_when_breached(SLOT):
            followed = self._slots.followed()
        assert followed is not None
        return followed

    def _begin(self) -> int:
        number = self._slots.begun(self.by, self._log.slot, self._state.origin, self._state.place)
        self._slots.told(self._log.begin(self._before.slot if self._before else None))
        reach("slot.made")
        return number

    def _follow(self, log: WalSource, followed: Followed, upto: int) -> None:
        self._slots.claimed(followed)
        position = told = cast(int, followed.marker)
        for stretch in log.changes(followed.base, position, upto, self._chunk_rows):
            self._check_columns(stretch.header, "the source's log")
            sent = self._take_stretch(stretch)
            told = max(told, stretch.upto or told)
            if told > position and (sent or time.monotonic() - self._moved_s > QUIET_S):
                position = self._moved_to(log, told, told - followed.base, moved=sent)
        self._slots.rested(told)
        log.confirm(told - followed.base)
        reach("slot.confirmed")

    def _moved_to(self, log: WalSource, marker: int, place: int, *, moved: bool = False) -> int:
        """Let the source forget what lies before the position, which stands behind it now."""
        if not moved:
            self._slots.took(None, marker, (), {})
        self._moved_s = time.monotonic()
        log.confirm(place)
        reach("slot.confirmed")
        return marker

    def _take_stretch(self, stretch: WalStretch) -> bool:
        """Send a stretch; tell whether that moved the position."""
        if stretch.emptied is not None:
            self._emptied = stretch.emptied
            self._slots.emptied()
        rows = Rows.of(stretch.columns, self.mapper)
        ends = stretch.upto is not None
        if len(rows):
            self._send_changes(rows, stretch, None if self._emptied and ends else stretch.upto)
        if self._emptied is not None and ends:
            self._delete_unseen(self._emptied, stretch)
            self._emptied = None
            return True
        return ends and len(rows) > 0

    def _send_changes(self, rows: Rows, stretch: WalStretch, upto: int | None) -> None:
        """Send changes in their order, of a key one after the other, and keep what was sent of each key last."""
        columns = rows.columns
        contents, _ = digests.row_digests(content_columns(self.connector, columns), len(rows))
        keys = [
            content.hex() if key is None else key for key, content in zip(rows.keys, contents, strict=True)
        ]
        told = zip(*(columns[name] for name in self._key_columns), strict=True)
        as_sent = [None if key is None else packed(list(t)) for key, t in zip(rows.keys, told, strict=True)]
        gone = columns.get(GONE, [False] * len(rows))
        markers = cast(Sequence[int], rows.markers)
        self._slots.about_to(dict(zip(keys, zip(markers, as_sent, strict=True), strict=True)))
        if self._emptied is not None:
            self._slots.seen(keys)
        last = {key: None if gone[i] else contents[i] for i, key in enumerate(keys)}
        self._send_stretch(rows, upto, stretch.header, last)

    def _send_stretch(
        self, rows: Rows, upto: int | None, header: Sequence[str], contents: dict[str, bytes | None]
    ) -> None:
        start = self._slots.start()
        self._see(rows, range(len(rows)), self.done)
        *earlier, last = self.cutter.cut(rows, start.now_us)
        for batch in earlier:
            self._send(batch, self.done)
            self._slots.closed(batch)
        self._send(last, self.done)
        self._slots.took(last, upto, header, contents)

    def _delete_unseen(self, marker: int, stretch: WalStretch) -> None:
        """Send a delete of each key that was there before the table was emptied, and is not there again."""
        self._slots.gone()
        after = ""
        while found := dict(self._slots.gone_after(after, self._chunk_rows)):
            after = max(found)
            rows = self._deletes(marker, found, stretch.header)
            self._slots.about_to({key: (marker, as_sent) for key, as_sent in found.items()})
            if len(rows):
                self._send_stretch(rows, None, stretch.header, dict.fromkeys(found))
            else:
                self._slots.took(None, None, stretch.header, dict.fromkeys(found))
        self._slots.took(None, stretch.upto, stretch.header, {})

    @property
    def _slots(self) -> Slots:
        return cast(Slots, self.store)
