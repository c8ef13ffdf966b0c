"""What extract keeps of a loss of raw that a person takes up: by whom, why, which lanes, and from where on it is read again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pophub.postgres import Connection, Cursor, execute_values, only_row, statements, transaction, worker_lock
from pophub.process.failpoints import reach
from pophub.stores.extract import ExtractStore, busy
from pophub.stores.reading import FORGET

SQL = statements("loss")
NOT_SENT = b""


class RawLoss(NamedTuple):
    """What of raw is lost, as far as the hub's own numbers tell.

    Shape: `lanes` are lane -> offset up to which it was judged, of those that end before it; `batches` with
    `rows` were sent and not judged whole, the `first` of them by its number (None: none); `since`: the position
    before them, None where only the whole source has all of them. `number` is that on record, 0: none yet.
    """

    lanes: dict[int, int]
    batches: int
    rows: int
    first: int | None
    since: int | None
    number: int = 0


class LossStore(ExtractStore):
    """Extract's store for a loss: nobody else extracts the dataset or its past meanwhile, or judges it."""

    def _taken(self, cursor: Cursor) -> None:
        """Keep out a backfill and judge as well; a loss that another one began is gone on with.

        Errors: `lane.busy`.
        """
        cursor.execute(SQL["judged_lanes"], (self._stem,))
        lanes = [("judge", f"{self._stem}/{lane}") for lane, _ in sorted(cursor.fetchall())]
        for work, subject in (("backfill", self._stem), *lanes):
            if holder := worker_lock(cursor, work, subject):
                raise busy(subject, holder, work)

    def standing(self) -> RawLoss | None:
        """Give the loss that was begun and not ended."""
        with self._transaction() as cursor:
            cursor.execute(SQL["standing"], (self._stem,))
            row = cursor.fetchone()
        if row is None:
            return None
        number, lanes, batches, rows, first, since = row
        return RawLoss({int(lane): at for lane, at in lanes.items()}, batches, rows, first, since, number)

    def compared(self, ends: Mapping[int, int]) -> tuple[RawLoss, int]:
        """Compare the ends of the lanes with what was judged and sent; give the loss, and how many blocks
        of the other lanes are still to be judged.
        """
        with self._transaction() as cursor:
            cursor.execute(SQL["judged_lanes"], (self._stem,))
            judged = dict(cursor.fetchall())
            cursor.execute(SQL["unread"], {"stem": self._stem})
            batches, rows, first, since = only_row(cursor)
        lost = {lane: at for lane, at in judged.items() if ends.get(lane, 0) < at}
        behind = sum(max(0, end - judged.get(lane, 0)) for lane, end in ends.items() if lane not in lost)
        return RawLoss(lost, batches, int(rows), first, since), behind

    def begun(self, loss: RawLoss, by: str, why: str) -> RawLoss:
        """Keep who takes the loss up: from here on nothing is extracted until it has ended."""
        told = {
            "stem": self._stem, "by": by, "why": why, "lanes": json.dumps(loss.lanes), "batches": loss.batches,
            "rows": loss.rows, "first": loss.first, "since": loss.since,
        }  # fmt: skip
        with self._transaction() as cursor:
            cursor.execute(SQL["begin"], told)
            number = int(only_row(cursor)[0])
        reach("loss.begun")
        return loss._replace(number=number)

    def ended(self, loss: RawLoss, undeleted: Sequence[tuple[str, str]]) -> None:
        """Move the position back to before the first batch that was lost, and end the loss, in one transaction.

        `undeleted` are keys of a scan whose delete was lost, each with how the source tells it.
        """
        with self._transaction() as cursor:
            if loss.first is not None:
                # one less, so that a stream sees that it was moved
                since = None if loss.since is None else loss.since - 1
                told = {"stem": self._stem, "since": since, "first": loss.first}
                cursor.execute(SQL["give_up"], told)
                cursor.execute(SQL["move_back"], told)
                for statement in FORGET:
                    cursor.execute(statement, told)
                cursor.execute(SQL["forget_files"], told)
                rows = [(self._stem, key, NOT_SENT, 0, as_sent) for key, as_sent in undeleted]
                execute_values(cursor, SQL["know_again"], rows)
            cursor.execute(SQL["end"], (loss.number,))
            reach("loss.ending")
        reach("loss.ended")


def undeleted_keys(connection: Connection, stem: str) -> list[str]:
    """Give keys that are accepted and present, and that no scan knows any more; as judge, who reads heads."""
    with transaction(connection, f"deletes of {stem}") as cursor:
        cursor.execute(SQL["undeleted"], {"stem": stem})
        return [key for (key,) in cursor.fetchall()]
