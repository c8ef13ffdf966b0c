"""Accepted versions as share reads them: a stretch of a lane at a time, the last one kept."""

from __future__ import annotations

from collections.abc import Sequence

from pophub.domain.dates import EPOCH, MICROSECOND
from pophub.domain.history import AcceptedVersion
from pophub.domain.record import Columns
from pophub.postgres import Cursor, statements

SQL = statements("share")
MOST_ROWS, MOST_BYTES = 20_000, 16 << 20  # kept: some ten megabytes, or so much of payloads
PARTS = ("sequence", "event_id", "key", "marker", "operation", "payload", "contract")
LAST = ("digest", "content", "changed_at")


class History:
    """The history of one dataset.

    All subscriptions read the same rows, and each reads them again to complete its ledger; history
    is append-only, so the stretch that was read last serves them all. Where the same process judges,
    what it committed need not be read at all.
    """

    def __init__(self, stem: str) -> None:
        self._stem = stem
        self._lane = -1
        self._rows: list[AcceptedVersion] = []
        self._added = self._added_bytes = 0
        self.wide = False
        """Whether what was read last is as much as is read at once, whatever was asked for."""

    def begin(self) -> None:
        """Count anew what judge adds."""
        self._added = self._added_bytes = 0

    @property
    def full(self) -> bool:
        """Tell whether judge added as much as is kept for share."""
        return self._added >= MOST_ROWS or self._added_bytes >= MOST_BYTES

    def read(self, cursor: Cursor, lane: int, after: int, upto: int) -> Sequence[AcceptedVersion]:
        """Give the versions of a lane behind `after` up to `upto`, in order: the first of them where the payloads
        of all take more than `MOST_BYTES`, one at least.
        """
        kept = self._kept(lane, after, upto)
        if kept is not None:
            return kept
        cursor.execute(SQL["history"], (self._stem, lane, after, upto, MOST_BYTES))
        rows = [
            AcceptedVersion(
                sequence,
                bytes(event_id),
                key,
                marker,
                operation,
                None if payload is None else bytes(payload),
                contract,
                exchanged_us,
                recorded_us,
                bytes(digest),
                bytes(content),
                changed_us,
            )
            for sequence, event_id, key, marker, operation, payload, contract, exchanged_us, recorded_us, digest, content, changed_us
            in cursor.fetchall()
        ]  # fmt: skip
        self._lane, self._rows = lane, rows
        self.wide = sum(len(row.payload or b"") for row in rows) >= MOST_BYTES
        return rows

    def add(self, columns: Columns) -> None:
        """Keep what judge has committed, columns as `domain.history.HISTORY`, and little of what it had before."""
        lane, sequence = columns["lane"][0], columns["sequence"][0]
        added, size = len(columns["lane"]), sum(map(len, filter(None, columns["payload"])))
        self._added, self._added_bytes = self._added + added, self._added_bytes + size
        if set(columns["lane"]) != {lane}:
            return
        follows = lane == self._lane and self._rows and sequence == self._rows[-1].sequence + 1
        most = min(MOST_ROWS, MOST_BYTES * added // (size + 1) + 1)
        kept = self._rows[-most:] if follows else []
        moments = {
            at: (at - EPOCH) // MICROSECOND for at in {*columns["exchanged_at"], *columns["recorded_at"]}
        }
        times = [[moments[at] for at in columns[name]] for name in ("exchanged_at", "recorded_at")]
        rows = [
            AcceptedVersion(*row)
            for row in zip(
                *(columns[name] for name in PARTS), *times, *(columns[name] for name in LAST), strict=True
            )
        ]
        self._lane, self._rows, self.wide = lane, [*kept, *rows], False

    def _kept(self, lane: int, after: int, upto: int) -> Sequence[AcceptedVersion] | None:
        """Give the wanted rows out of those kept, None unless each of them is there, or as many as are read at once."""
        rows = self._rows
        if lane != self._lane or not rows or after + 1 < rows[0].sequence or after >= rows[-1].sequence:
            return None
        if upto > rows[-1].sequence and not self.wide:
            return None
        if rows[-1].sequence - rows[0].sequence + 1 != len(rows):  # a hole is for the caller to find
            return None
        first = rows[0].sequence
        return rows[after + 1 - first : upto + 1 - first]
