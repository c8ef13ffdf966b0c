"""PostgreSQL in memory: sessions, row locks, read committed, commits whose answer is lost.

A statement is known by its text and answered by its twin (`statements.py`); the stores above are
the real ones. Real psycopg2 errors are raised, so that their translation runs, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import errors as pg

from .cursor import MemoryCursor
from .scheduler import Simulation, Worker

Key = tuple[Any, ...]
Row = dict[str, Any]
Writes = dict[str, dict[Key, Row | None]]
Answer = list[tuple[Any, ...]] | int
Handler = Callable[["Session", Any], Answer]
HANDLERS: dict[str, Handler] = {}
TABLES: dict[str, Callable[[Row], Key]] = {}


@dataclass
class Commit:
    """One committed transaction: what it wrote, and what it had seen of others when it looked.

    Shape: `saw_people` and `saw_claims` are how many commits were there when it read these, `claimed`
    the same for each value at its last claim, `replayed` ids in the order in which they were judged.
    """

    writes: Writes
    saw_people: int
    saw_claims: int
    claimed: dict[str, int]
    replayed: list[int]


class Database:
    """The server."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.tables: dict[str, dict[Key, Row]] = {name: {} for name in TABLES}
        self.row_locks: dict[tuple[str, Key], Session] = {}
        self.advisory: dict[Key, Session] = {}
        self.commits: list[Commit] = []
        self.numbers: dict[str, int] = {}
        self.lingering: list[Session] = []

    def connect(self, *_: Any, **__: Any) -> Session:
        """Open a session, as `pophub.postgres.connect` does."""
        self.simulation.step("db connect")
        return Session(self)

    def rows(self, table: str) -> Iterator[Row]:
        """Give committed rows in the order of their keys' arrival."""
        return iter(self.tables[table].values())

    def write(self, table: str, row: Row) -> None:
        """Write as another program does, in a transaction of its own."""
        key = TABLES[table](row)
        self.apply({table: {key: row}}, Commit({table: {key: row}}, 0, 0, {}, []))

    def apply(self, writes: Writes, commit: Commit) -> None:
        """Make writes the database's state."""
        for table, changed in writes.items():
            rows = self.tables[table]
            for key, row in changed.items():
                if row is None:
                    rows.pop(key, None)
                else:
                    rows[key] = row
        self.commits.append(commit)

    def number(self, name: str) -> int:
        """Take the next number of an identity column; a rollback does not give it back."""
        self.numbers[name] = self.numbers.get(name, 0) + 1
        return self.numbers[name]

    def client_gone(self, worker: Worker) -> None:
        """Lose the clients of a dead worker; the server finds out now or later."""
        for session in worker.sessions:
            if not session.gone:
                session.closed = 1
                self.lingering.append(session)

    def reap(self, session: Session) -> None:
        """Let the server end a session whose client is gone; a COMMIT on its way is done first."""
        self.lingering.remove(session)
        if session.committing:
            session.apply()
        session.end()


class Session:
    """One connection, with psycopg2's face."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.simulation = database.simulation
        self.worker = self.simulation.current
        self.closed = 0
        self.gone = False
        self.committing = False
        self._clear()
        if self.worker:
            self.worker.sessions.append(self)

    def _clear(self) -> None:
        self.writes: Writes = {}
        self.held: list[tuple[str, Key]] = []
        self.saw_people = self.saw_claims = 0
        self.claimed: dict[str, int] = {}
        self.replayed: list[int] = []
        self.head_new: list[Row] = []
        self.looked_up_new: list[Row] = []
        self.part: Writes = {}

    # psycopg2's face

    @contextmanager
    def cursor(self) -> Iterator[MemoryCursor]:
        """Open a cursor."""
        yield MemoryCursor(self)

    def commit(self) -> None:
        """Commit; the answer may be lost, and so may the COMMIT."""
        self.simulation.step("db commit")
        self._alive()
        fate = self.simulation.fate() if self.writes else "done"
        if fate == "failed":
            self._lose()
        if fate == "delayed":
            self.committing = True
            self.simulation.die()
        self.apply()
        if fate == "lost":
            self._lose()
        if fate == "killed":
            self.simulation.die()

    def rollback(self) -> None:
        """Undo what was not committed."""
        self._release()
        self._clear()

    def close(self) -> None:
        """End the session; what is open is undone."""
        if not self.closed:
            self.end()

    def apply(self) -> None:
        """Commit on the server."""
        if self.writes:
            self.simulation.tell("committed " + ", ".join(f"{t}:{len(w)}" for t, w in self.writes.items()))
            commit = Commit(self.writes, self.saw_people, self.saw_claims, self.claimed, self.replayed)
            self.database.apply(self.writes, commit)
        self._release()
        self._clear()

    def end(self) -> None:
        """End on the server: locks are free."""
        self.closed, self.gone = 1, True
        self._release()
        self._clear()
        for subject in [s for s, holder in self.database.advisory.items() if holder is self]:
            del self.database.advisory[subject]

    def _release(self) -> None:
        for place in self.held:
            self.database.row_locks.pop(place, None)
        self.held = []

    def _lose(self) -> None:
        self.end()
        self.simulation.tell("connection lost")
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    def _alive(self) -> None:
        if self.closed:
            raise psycopg2.InterfaceError("connection already closed")

    def run(self, text: str, args: Any) -> Answer:
        """Run a statement by its twin."""
        handler = HANDLERS.get(text) or HANDLERS.get(text.split(" || ")[0])
        assert handler is not None, f"no twin for the statement: {text}"
        name = handler.__name__
        self.simulation.step(name)
        self._alive()
        if self.simulation.fails() or (self.simulation.hostile and self._cut()):
            self._lose()
        return handler(self, args)

    def _cut(self) -> bool:
        return self.worker is not None and self.simulation.rng.random() < self.simulation.mood.cut

    # what a twin may do

    def get(self, table: str, key: Key) -> Row | None:
        """Read a row: one's own writes over what is committed."""
        mine = self.writes.get(table)
        if mine is not None and key in mine:
            return mine[key]
        return self.database.tables[table].get(key)

    def scan(self, table: str) -> list[tuple[Key, Row]]:
        """Read all rows."""
        mine = self.writes.get(table)
        rows = self.database.tables[table]
        if not mine:
            return list(rows.items())
        whole = {**rows, **mine}
        return [(key, row) for key, row in whole.items() if row is not None]

    def lock(self, table: str, key: Key) -> None:
        """Lock a row until the end of the transaction, waiting for who holds it."""
        place = (table, key)
        holder = self.database.row_locks.get(place)
        if holder is self:
            return
        if holder is not None and not self.simulation.wait(lambda: self._holder(place)):
            self.rollback()
            raise pg.DeadlockDetected("deadlock detected")
        self.database.row_locks[place] = self
        self.held.append(place)

    def _holder(self, place: tuple[str, Key]) -> Worker | bool:
        holder = self.database.row_locks.get(place)
        if holder is None:
            return False
        return holder.worker if holder.worker and not holder.worker.body.dead else True

    def put(self, table: str, row: Row) -> None:
        """Write a row that is locked."""
        key = TABLES[table](row)
        self.lock(table, key)
        self.writes.setdefault(table, {})[key] = row

    def insert(self, table: str, row: Row, *, or_nothing: bool = False) -> bool:
        """Insert a row; who inserts the same key at once waits. False where it is there already."""
        key = TABLES[table](row)
        if or_nothing and self._stays(table, key):
            return False
        self.lock(table, key)
        if self.get(table, key) is not None:
            if or_nothing:
                return False
            raise pg.UniqueViolation(f"duplicate key in {table}")
        self.writes.setdefault(table, {})[key] = row
        return True

    def _stays(self, table: str, key: Key) -> bool:
        """Say whether a row is there and nobody is deleting it: such a conflict waits for nobody."""
        holder = self.database.row_locks.get((table, key))
        other = holder is not None and holder is not self
        deleted = other and holder.writes.get(table, {}).get(key, {}) is None
        return self.get(table, key) is not None and not deleted

    def delete(self, table: str, key: Key) -> None:
        """Delete a row."""
        self.lock(table, key)
        self.writes.setdefault(table, {})[key] = None

    def advisory(self, subject: Key) -> bool:
        """Try to take an advisory lock until the session ends."""
        if self.simulation.hostile and self.simulation.mood.locks_lie and subject[0] != "replay":
            return True
        return self.database.advisory.setdefault(subject, self) is self
