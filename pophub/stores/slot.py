"""What extract keeps of a source that is read by its log: the slot, and what was sent last of each key.

A snapshot is a scan whose number is the marker of its rows. Markers are places in the source's log, raised by
`base` so far that each is above all that the dataset had before, also where another server's log begins anew.
What a session does after another one claimed the dataset has no effect: each step locks the row of
`extract.slot` and finds its own claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

from pophub.domain.rows import Rows
from pophub.ports import Followed
from pophub.postgres import (
    Connection,
    Cursor,
    execute_values,
    only_row,
    statements,
    text_array,
    transaction,
)
from pophub.process.failpoints import reach
from pophub.stores.extract import SQL as EXTRACT
from pophub.stores.scan import NOT_SENT, ScanStore
from pophub.stores.scan import SQL as SCAN

SQL = statements("slot")


class SlotStore(ScanStore):
    """Extract's store for a source that is read by its log."""

    base = 0
    _claim: int | None = None
    _place: int | None = None  # behind which the slot tells all

    def followed(self) -> Followed | None:
        """Read what is known of the log; None before the first snapshot."""
        with self._transaction() as cursor:
            return _followed(cursor, self._stem)

    def begun(self, run: str, slot: str, origin: str, place: int) -> int:
        """Begin a snapshot, at a place of the log that no change it lacks lies before; give its marker.

        What is written here comes before the slot is made: a slot of this name is the hub's own from then on.
        """
        with self._transaction() as cursor:
            cursor.execute(SCAN["tear"], (self._stem,))
            cursor.execute(SQL["highest"], {"stem": self._stem})
            highest = only_row(cursor)[0]
            before = _followed(cursor, self._stem)
            known = 0 if before is None else before.base
            self.base = known if highest is None or known + place > highest else highest + 1 - place
            self.scan = self.base + place
            self._claim_as(cursor, slot, origin, "snapshot", self.scan)
            cursor.execute(SQL["claim_snapshot"], {"stem": self._stem, "scan": self.scan, "run": run})
            if cursor.fetchone() is None:
                raise self._overtaken()
            cursor.execute(SCAN["make_seen"])
        reach("scan.claimed")
        return self.scan

    def _claim_as(self, cursor: Cursor, slot: str, origin: str, state: str, highest: int) -> None:
        told = {"stem": self._stem, "slot": slot, "origin": origin, "base": self.base}
        cursor.execute(SQL["claim_slot"], told | {"state": state, "highest": highest})
        self._claim = only_row(cursor)[0]

    def told(self, place: int) -> None:
        """Keep in mind from which place on the slot of this snapshot tells all."""
        self._place = place

    def _pass(self, cursor: Cursor, state: Literal["held", "whole"]) -> None:
        """Set the position to where the slot of the snapshot begins to tell; a held one is taken again."""
        if state == "whole" and self._place is not None:
            place = self.base + self._place
            cursor.execute(SQL["place_position"], {"stem": self._stem, "marker": place})
            cursor.execute(SQL["follow_slot"], {"stem": self._stem, "place": place})

    def claimed(self, followed: Followed) -> None:
        """Become the one that follows the log from here on."""
        self.base, self._place = followed.base, None
        with self._transaction() as cursor:
            self._claim_as(cursor, followed.slot, followed.origin, "following", followed.marker or 0)

    def rested(self, marker: int) -> None:
        """Move the position to where this run read the log to its end."""
        with self._open_slot() as cursor:
            cursor.execute(SQL["place_position"], {"stem": self._stem, "marker": marker})
            cursor.execute(SQL["raise_slot"], {"stem": self._stem, "marker": marker})
            cursor.execute(SQL["rest_slot"], {"stem": self._stem})
        reach("slot.rested")

    def lost(self) -> None:
        """Note that changes passed that nobody can tell any more: a snapshot has to follow."""
        with self._transaction() as cursor:
            cursor.execute(SQL["lose_slot"], (self._stem,))

    def kept_there(self, kept: int | None) -> None:
        """Note how many bytes of its log the source keeps for us."""
        with self._transaction() as cursor:
            cursor.execute(SQL["tell_kept"], {"stem": self._stem, "kept": kept})

    def seen(self, keys: Sequence[str]) -> None:
        """Note that these keys are there, since the table was emptied."""
        self.unknown(keys, [NOT_SENT] * len(keys))

    def emptied(self) -> None:
        """Begin to note which keys are there: the table was emptied."""
        with self._transaction() as cursor:
            cursor.execute(SCAN["make_seen"])

    def about_to(self, keys: Mapping[str, tuple[int, str | None]]) -> None:
        """Say of which keys a change is about to be sent, under which marker, and how the source tells the key."""
        rows = [(self._stem, k, NOT_SENT, marker, told) for k, (marker, told) in sorted(keys.items())]
        highest = max((marker for marker, _ in keys.values()), default=0)
        with self._open_slot() as cursor:
            cursor.execute(SQL["raise_slot"], {"stem": self._stem, "marker": highest})
            execute_values(cursor, SCAN["name_rows"], rows)
        reach("slot.named")

    def took(
        self,
        rows: Rows | None,
        marker: int | None,
        columns: Sequence[str],
        contents: Mapping[str, bytes | None],
    ) -> None:
        """Keep that the broker has a stretch: close its last batch, and move the position, in one transaction.

        `contents`: of each key the digest of what was sent last, None where it is deleted; `marker`: the new
        position, None where it stays.
        """
        stamp = 0 if rows is None else self.stamp(rows.tick_us)
        kept = [(self._stem, key, digest) for key, digest in contents.items() if digest is not None]
        gone = [key for key, digest in contents.items() if digest is None]
        with self._open_slot() as cursor:
            if rows is not None:
                cursor.execute(EXTRACT["sent_batch"], (rows.batch,))
                told = {"stem": self._stem, "stamp": stamp, "columns": list(columns)}
                cursor.execute(SQL["stamp_position"], told)
            execute_values(cursor, SQL["keep_changed"], kept)
            if gone:
                cursor.execute(SQL["forget_deleted"], {"stem": self._stem, "keys": text_array(gone)})
            if marker is not None:
                cursor.execute(SQL["place_position"], {"stem": self._stem, "marker": marker})
                cursor.execute(SQL["raise_slot"], {"stem": self._stem, "marker": marker})
            reach("slot.taking")
        reach("slot.taken")

    @contextmanager
    def _open_slot(self) -> Iterator[Cursor]:
        """One transaction of whoever claimed the log last.

        Errors: `lane.overtaken`.
        """
        with self._transaction() as cursor:
            cursor.execute(SQL["lock_slot"], (self._stem,))
            if only_row(cursor)[0] != self._claim:
                raise self._overtaken()
            yield cursor


def is_followed(connection: Connection, stem: str) -> bool:
    """Tell whether a dataset's log is followed: a whole snapshot is there, and nobody lost the slot or the position."""
    with transaction(connection, f"slot of {stem}") as cursor:
        known = _followed(cursor, stem)
    return known is not None and known.state == "following" and known.marker is not None


def _followed(cursor: Cursor, stem: str) -> Followed | None:
    cursor.execute(SQL["followed"], (stem,))
    row = cursor.fetchone()
    return None if row is None else Followed(*row)
