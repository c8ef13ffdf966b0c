"""What extract keeps of a log of changes: of each partition the next offset that it reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pophub.domain.places import LogPlaces
from pophub.postgres import Cursor, execute_values, statements
from pophub.process.failpoints import reach
from pophub.stores.extract import ExtractStore

SQL = statements("places")


class PlaceStore(ExtractStore):
    """Extract's store for a log of changes."""

    _behind: tuple[int, int] | None = None

    def places(self) -> LogPlaces | None:
        """Give how far the log was read; None where nothing was."""
        with self._transaction() as cursor:
            cursor.execute(SQL["topic"], (self._stem,))
            topic = cursor.fetchone()
            cursor.execute(SQL["places"], (self._stem,))
            found = dict(cursor.fetchall())
        return None if topic is None else LogPlaces(topic[0], topic[1], found, topic[2])

    def begun(self, places: LogPlaces) -> None:
        """Keep where reading begins, and that nobody has to say so again."""
        with self._transaction() as cursor:
            cursor.execute(SQL["begin_topic"], (self._stem, places.topic_id, places.generation))
            cursor.execute(SQL["forget_places"], (self._stem,))
            rows = [(self._stem, partition, at) for partition, at in sorted(places.next.items())]
            execute_values(cursor, SQL["begin_places"], rows)
            reach("places.beginning")

    def behind(self, partition: int, upto: int) -> None:
        """Say which place the next `moved` keeps: in one transaction with its batch."""
        self._behind = partition, upto

    @contextmanager
    def _moving(self) -> Iterator[Cursor]:
        """Give the transaction that moves the position, which moves the place too."""
        with super()._moving() as cursor:
            yield cursor
            assert self._behind is not None
            self._move(cursor, *self._behind)

    def skipped(self, partition: int, upto: int) -> None:
        """Move a place behind messages of which nothing is sent."""
        with self._transaction() as cursor:
            self._move(cursor, partition, upto)

    def _move(self, cursor: Cursor, partition: int, upto: int) -> None:
        cursor.execute(SQL["move_place"], {"stem": self._stem, "partition": partition, "next": upto})
