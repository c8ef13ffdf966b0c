"""What a replay keeps in PostgreSQL: its run's row, in judge's own transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pophub.contracts.model import Connector
from pophub.domain.history import Lane
from pophub.postgres import Connection, Cursor, only_row, transaction
from pophub.quarantine.selection import SQL, Selection
from pophub.stores.judge import JudgeStore, JudgeTransaction

OUTCOMES = ("shared", "superseded", "duplicate", "quarantined", "unreadable")


class Moved(Exception):
    """Another worker decided or counted one of these versions since they were read."""


@dataclass
class Run:
    """One replay: which versions are meant, how far it is, what it has done."""

    number: int
    selection: Selection
    last_id: int
    upto_id: int
    total: int
    resumed: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """Give it for a program: every outcome is named."""
        numbers = {outcome: self.counts[outcome] for outcome in OUTCOMES}
        return {
            "stem": self.selection.stem,
            "run": self.number,
            "resumed": self.resumed,
            "total": self.total,
            **numbers,
        }


class ReplayTransaction(JudgeTransaction):
    """Judge's transaction, with the look at what is still open and the run's row in it."""

    def __init__(self, cursor: Cursor, store: ReplayStore, months: set[Any], dataset: int) -> None:
        super().__init__(cursor, store.connector, months, dataset, must=store.must)
        self._store = store

    def lock(self, lanes: Sequence[int]) -> dict[int, Lane]:
        """Lock the lanes, then the versions; leave when one of these is decided already."""
        locked = super().lock(lanes)
        self._cursor.execute(SQL["still_open"], (self._store.ids,))
        if len(self._cursor.fetchall()) != len(self._store.ids):
            raise Moved
        return locked

    def replayed(self, rows: list[tuple[Any, ...]]) -> None:
        """Write what became of the versions, and move the run."""
        super().replayed(rows)
        store, counts = self._store, Counter(row[1] for row in rows)
        move_run(self._cursor, store.run, store.after, rows[-1][0], counts)


class ReplayStore(JudgeStore):
    """Judge's store for a replay: its transactions carry the run along."""

    work = "replay"

    def __init__(self, connection: Connection, connector: Connector) -> None:
        super().__init__(connection, connector)
        self.connection = connection
        self.connector = connector
        self.ids: list[int] = []
        self.run = 0
        self.after = 0

    def run_at(self) -> int:
        """Read behind which version the run stands."""
        with transaction(self.connection, "reading a replay") as cursor:
            cursor.execute(SQL["run_at"], (self.run,))
            return int(only_row(cursor)[0])

    def _opened(self, cursor: Cursor) -> JudgeTransaction:
        """Judge's transaction, for the versions in `ids`."""
        return ReplayTransaction(cursor, self, self._months, self._dataset or 0)


def move_run(cursor: Cursor, run: int, after: int, last_id: int, counts: Counter[str]) -> None:
    """Move a run's row from behind one version to behind another; add what became of those between.

    Errors: `Moved` where another worker of the same run has counted them: each is counted once.
    """
    numbers = {outcome: counts[outcome] for outcome in OUTCOMES}
    cursor.execute(SQL["move_run"], {"run": run, "after": after, "last_id": last_id, **numbers})
    if cursor.rowcount != 1:
        raise Moved
