"""What a backfill keeps in PostgreSQL: its row, which moves behind each chunk that was acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pophub.domain.errors import ConfigError
from pophub.postgres import Connection, only_row, statements, transaction
from pophub.stores.extract import ExtractStore

SQL = statements("backfill")


@dataclass
class Backfill:
    """One backfill: from and up to which marker, how far it came, how many rows it sent."""

    number: int
    since: int | None
    upto: int
    at: int | None
    rows: int
    resumed: bool = False

    @property
    def start(self) -> int | None:
        """The marker to read from: rows of one marker may lie in two chunks, so it is read again."""
        return self.since if self.at is None else self.at


class BackfillStore(ExtractStore):
    """Extract's store for a backfill: one worker of its own beside the live extract."""

    work = "backfill"

    def begin(self, run: str, since: int | None, upto: int | None, by: str = "") -> Backfill:
        """Go on with what was cut off, whatever range is asked for now; else start. `by` is kept.

        Errors: `backfill.nothing` where the source was never read.
        """
        names = [by] if by else []
        with self._transaction() as cursor:
            cursor.execute(SQL["open_backfill"], (self._stem,))
            if row := cursor.fetchone():
                found = Backfill(*row)
                found.resumed = True
                cursor.execute(SQL["go_on_with_backfill"], {"by": names, "backfill": found.number})
                return found
        position = self.start().marker
        if position is None:
            raise _never_read(self._stem)
        end = position if upto is None else min(upto, position)
        with self._transaction() as cursor:
            cursor.execute(SQL["begin_backfill"], (self._stem, run, since, end, names))
            return Backfill(only_row(cursor)[0], since, end, None, 0)

    def came_to(self, backfill: Backfill, marker: int | None, rows: int) -> None:
        """Move behind a chunk."""
        with self._transaction() as cursor:
            cursor.execute(SQL["move_backfill"], (marker, rows, backfill.number))
        backfill.at, backfill.rows = backfill.at if marker is None else marker, backfill.rows + rows

    def finished(self, backfill: Backfill) -> None:
        """Note that all of it was read."""
        with self._transaction() as cursor:
            cursor.execute(SQL["finish_backfill"], (backfill.number,))


class CutOff(NamedTuple):
    """A backfill that was cut off: who began it and went on with it, when, and how many rows it sent."""

    by: list[str]
    begun_at: datetime
    rows: int


def standing(connection: Connection, stem: str) -> CutOff | None:
    """Give the backfill of a table that the next one would go on with; None where it would begin anew.

    Errors: `backfill.nothing` where the source was never read.
    """
    with transaction(connection, f"backfill of {stem}") as cursor:
        cursor.execute(SQL["standing_backfill"], {"stem": stem})
        by, begun_at, rows, marker = only_row(cursor)
    if begun_at is not None:
        return CutOff(by, begun_at, rows)
    if marker is None:
        raise _never_read(stem)
    return None


def _never_read(stem: str) -> ConfigError:
    return ConfigError(
        "backfill.nothing",
        "the source was never read, so there is nothing to read again",
        where=stem,
        remedy=f"pophub run {stem}",
    )
