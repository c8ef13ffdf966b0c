"""What extract keeps of a source without a change marker: its scans, and what was sent last of each key.

Keys and digests are compared by PostgreSQL, chunk by chunk; which keys a scan saw is a temporary table of
its session, so that a scan that is cut off proves nothing. What the session does after another scan was
claimed has no effect: each step locks the scan's row and finds it open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

from pophub.domain.errors import TransientError
from pophub.postgres import Cursor, copy_columns, execute_values, only_row, statements, text_array
from pophub.process.failpoints import reach
from pophub.stores.extract import SQL as EXTRACT
from pophub.stores.extract import ExtractStore

SQL = statements("scan")
NOT_SENT = b""


class ScanStore(ExtractStore):
    """Extract's store for a source without a change marker."""

    def claim(self, run: str) -> int:
        """Begin a scan and give its number; one that is open is torn from here on."""
        with self._transaction() as cursor:
            cursor.execute(SQL["tear"], (self._stem,))
            cursor.execute(SQL["claim"], {"stem": self._stem, "run": run})
            claimed = cursor.fetchone()
            if claimed is None:  # by another one, this very moment
                raise self._overtaken()
            self.scan = int(claimed[0])
            cursor.execute(SQL["make_seen"])
        reach("scan.claimed")
        return self.scan

    def unknown(self, keys: Sequence[str], digests: Sequence[bytes]) -> list[int]:
        """Note that the scan saw these rows; give the places of those that were not sent like this last."""
        chunk: dict[str, Sequence[object]] = {
            "at": list(range(len(keys))),
            "key": list(keys),
            "digest": list(digests),
        }
        with self._transaction() as cursor:
            cursor.execute(SQL["forget_chunk"])
            copy_columns(cursor, "scan_chunk", chunk)
            cursor.execute(SQL["see_chunk"])
            cursor.execute(SQL["unknown"], (self._stem,))
            return [row[0] for row in cursor.fetchall()]

    def named(self, as_sent: Mapping[str, str | None]) -> None:
        """Say of which keys something is about to be sent: until it was, the next scan sends them again."""
        rows = [(self._stem, key, NOT_SENT, self.scan, told) for key, told in sorted(as_sent.items())]
        with self._open_scan() as cursor:
            execute_values(cursor, SQL["name_rows"], rows)
        reach("scan.named")

    def kept(self) -> None:
        """Keep what was sent of the chunk that was looked at last, once the broker has all of it."""
        with self._open_scan() as cursor:
            cursor.execute(SQL["keep_rows"], {"stem": self._stem, "scan": self.scan})
        reach("scan.kept")

    def gone(self) -> tuple[int, int]:
        """Find the keys that the scan, now whole, did not see; give how many, and of how many known ones."""
        with self._transaction() as cursor:
            cursor.execute(SQL["analyze_seen"])
            cursor.execute(SQL["find_gone"], (self._stem,))
            cursor.execute(SQL["count_gone"], (self._stem,))
            gone, known = only_row(cursor)
        return int(gone), int(known)

    def let_go(self) -> int:
        """Give up to how many gone rows a person has let pass since the last whole scan."""
        with self._transaction() as cursor:
            cursor.execute(SQL["let_go"], {"stem": self._stem})
            return int(only_row(cursor)[0])

    def gone_after(self, key: str, most: int) -> list[tuple[str, str | None]]:
        """Give gone keys behind one, in their order, each with how it was sent."""
        with self._transaction() as cursor:
            cursor.execute(SQL["gone_after"], (key, most))
            return [(row[0], row[1]) for row in cursor.fetchall()]

    def gone_named(self, keys: Sequence[str]) -> None:
        """Say of which keys a delete is about to be sent."""
        with self._open_scan() as cursor:
            cursor.execute(SQL["name_gone"], self._of(keys))
        reach("scan.named")

    def gone_kept(self, keys: Sequence[str]) -> None:
        """Forget keys whose delete the broker has."""
        with self._open_scan() as cursor:
            cursor.execute(SQL["forget_gone"], self._of(keys))
        reach("scan.kept")

    def ended(self, state: Literal["held", "whole"], rows: int, sent: int, gone: int) -> None:
        """End the scan and move the dataset's position."""
        counts = {"state": state, "rows": rows, "sent": sent, "gone": gone}
        with self._open_scan() as cursor:
            cursor.execute(SQL["end_scan"], counts | {"stem": self._stem, "scan": self.scan})
            self._pass(cursor, state)
        reach("scan.ended")

    def _pass(self, cursor: Cursor, state: Literal["held", "whole"]) -> None:
        """Set the position to the number of the scan, held or whole."""
        cursor.execute(EXTRACT["pass_position"], {"stem": self._stem, "marker": self.scan})

    def newest_file(self) -> str | None:
        """Give the name of the inventory that was taken last."""
        with self._transaction() as cursor:
            cursor.execute(SQL["newest_file"], (self._stem,))
            row = cursor.fetchone()
        return None if row is None else str(row[0])

    def _of(self, keys: Sequence[str]) -> dict[str, object]:
        return {"stem": self._stem, "scan": self.scan, "keys": text_array(list(keys))}

    def _moving(self) -> AbstractContextManager[Cursor]:
        return self._open_scan()

    @contextmanager
    def _open_scan(self) -> Iterator[Cursor]:
        """One transaction of a scan that is still the dataset's newest.

        Errors: `lane.overtaken`.
        """
        with self._transaction() as cursor:
            cursor.execute(SQL["lock_scan"], (self._stem, self.scan))
            if only_row(cursor)[0] != "open":
                raise self._overtaken()
            yield cursor

    def _overtaken(self) -> TransientError:
        return TransientError(
            "lane.overtaken",
            f"another scan of {self._stem} began meanwhile",
            where=self.work,
            remedy="nothing is lost: what this one did not finish, the other one does",
        )
