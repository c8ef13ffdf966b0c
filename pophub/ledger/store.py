"""Share's side of PostgreSQL: reads history, completes the ledger of share transactions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from pophub import digests
from pophub.failpoints import reach
from pophub.ledger.rows import Accepted, LedgerLane
from pophub.population.columns import instant, month_of
from pophub.postgres import Connection, Cursor, copy_rows, only_row, statements, transaction, worker_lock

SQL = statements("share")
COLUMNS = [
    "month",
    "recipient",
    "stem",
    "lane",
    "sequence",
    "event_id",
    "subscription",
    "exchanged_at",
    "recorded_at",
    "digest",
]
CHUNK = 10_000
Terms = Callable[[Sequence[Accepted]], list[Accepted]]


class LedgerStore:
    """History and ledger of one dataset for one recipient; only share writes the latter."""

    def __init__(self, connection: Connection, recipient: str, stem: str) -> None:
        self._connection = connection
        self._recipient = recipient
        self._stem = stem
        self._where = f"ledger of {recipient}, {stem}"
        self._months: set[date] = set()

    def worker_lock(self, lane: int) -> str | None:
        """Try to become the lane's one live worker until this connection ends; else name who is it."""
        with transaction(self._connection, self._where) as cursor:
            return worker_lock(cursor, "share", f"{self._recipient}/{self._stem}/{lane}")

    def end(self, lane: int) -> int:
        """Give the lane's last accepted sequence."""
        with transaction(self._connection, self._where) as cursor:
            cursor.execute(SQL["lane_end"], (self._stem, lane))
            row = cursor.fetchone()
        return int(row[0]) if row else 0

    def lane(self, lane: int) -> LedgerLane:
        """Read how far the ledger is complete."""
        with transaction(self._connection, self._where) as cursor:
            cursor.execute(SQL["make_ledger_lane"], (self._recipient, self._stem, lane))
            cursor.execute(SQL["ledger_lane"], (self._recipient, self._stem, lane))
            sequence, transactions, chain = only_row(cursor)
        return LedgerLane(sequence, transactions, bytes(chain))

    def digest_at(self, lane: int, sequence: int) -> str | None:
        """Give the chain digest of history at a sequence, hex; None where history ends before."""
        with transaction(self._connection, self._where) as cursor:
            cursor.execute(SQL["digest_at"], (self._stem, lane, sequence))
            row = cursor.fetchone()
        return bytes(row[0]).hex() if row else None

    def history(self, lane: int, after: int, upto: int) -> list[Accepted]:
        """Read accepted versions after a sequence, in order."""
        with transaction(self._connection, self._where) as cursor:
            return self._history(cursor, lane, after, upto)

    def _history(self, cursor: Cursor, lane: int, after: int, upto: int) -> list[Accepted]:
        cursor.execute(SQL["history"], (self._stem, lane, after, upto))
        return [
            Accepted(
                r[0],
                bytes(r[1]),
                r[2],
                r[3],
                r[4],
                None if r[5] is None else bytes(r[5]),
                r[6],
                r[7],
                r[8],
                bytes(r[9]),
            )
            for r in cursor.fetchall()
        ]

    def complete(
        self, lane: int, upto: int, terms: Terms, version: int, starts_us: int, counted: bool
    ) -> int:
        """Write the share transactions up to a published sequence; give how many were written.

        Atomic step: rows and the ledger's lane row in one transaction, the lane row locked, so that
        a second worker and a repetition write nothing twice. What to write follows from history
        and terms alone.
        """
        written = 0
        while True:
            with transaction(self._connection, self._where) as cursor:
                cursor.execute(SQL["lock_ledger_lane"], (self._recipient, self._stem, lane))
                sequence, transactions, chain = only_row(cursor)
                if sequence >= upto:
                    return written
                end = min(upto, sequence + CHUNK)
                rows = terms(self._history(cursor, lane, sequence, end)) if counted else []
                chain = self._append(cursor, lane, rows, version, starts_us, bytes(chain))
                cursor.execute(
                    SQL["move_ledger_lane"],
                    (end, transactions + len(rows), chain, self._recipient, self._stem, lane),
                )
                reach("share.recorded")
            written += len(rows)

    def _append(
        self, cursor: Cursor, lane: int, rows: Sequence[Accepted], version: int, starts_us: int, chain: bytes
    ) -> bytes:
        cursor.execute(SQL["clock"])
        now_us = only_row(cursor)[0]
        out = []
        for row in rows:
            exchanged = max(row.exchanged_us, starts_us)
            chain = digests.transaction_link(
                chain,
                self._recipient,
                self._stem,
                lane,
                row.sequence,
                row.event_id,
                version,
                exchanged,
                now_us,
            )
            out.append((month_of(exchanged), self._recipient, self._stem, lane, row.sequence, row.event_id, version,
                        instant(exchanged), instant(now_us), chain))  # fmt: skip
        for month in {row[0] for row in out} - self._months:
            cursor.execute(SQL["ensure_month"], (month,))
            self._months.add(month)
        copy_rows(cursor, "ledger.transaction", COLUMNS, out)
        return chain
