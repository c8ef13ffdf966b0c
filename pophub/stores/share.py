"""Share's side of PostgreSQL: reads history, completes the ledger of share transactions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from pophub.domain import digests
from pophub.domain.dates import instant, month_of
from pophub.domain.errors import LedgerDiverged
from pophub.domain.history import AcceptedVersion, LedgerLane
from pophub.domain.stretches import as_multirange, cut
from pophub.ports import Held, Terms
from pophub.postgres import (
    Connection,
    Cursor,
    execute_values,
    now_us,
    only_row,
    statements,
    transaction,
    worker_lock,
)
from pophub.process.failpoints import reach
from pophub.stores.history import History

SQL = statements("share")
CHUNK = 10_000


class LedgerStore:
    """History and ledger of one dataset for one recipient; only share writes the latter."""

    def __init__(
        self, connection: Connection, recipient: str, stem: str, history: History | None = None
    ) -> None:
        self._connection = connection
        self._history = history or History(stem)
        self._recipient = recipient
        self._stem = stem
        self._where = f"ledger of {recipient}, {stem}"
        self._within: Cursor | None = None

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

    def history(self, lane: int, after: int, upto: int) -> Sequence[AcceptedVersion]:
        """Read accepted versions after a sequence, in order."""
        with transaction(self._connection, self._where) as cursor:
            return self._history.read(cursor, lane, after, upto)

    def complete(self, lane: int, upto: int, terms: Terms | None, version: int, starts_us: int) -> int:
        """Write the share transactions up to a published sequence, none without terms; give how many.

        Atomic step: rows and the ledger's lane row in one transaction, the lane row locked, so that
        a second worker and a repetition write nothing twice. What to write follows from history
        and terms alone.
        """
        written = 0
        try:
            while True:
                with transaction(self._connection, self._where) as cursor:
                    cursor.execute(SQL["lock_ledger_lane"], (self._recipient, self._stem, lane))
                    sequence, transactions, chain, holding = only_row(cursor)
                    if sequence >= upto:
                        return written
                    end = min(upto, sequence + CHUNK)
                    self._within = cursor  # terms that limit the rows ask what the recipient holds
                    rows: list[AcceptedVersion] = []
                    if terms:
                        versions = self._versions(cursor, lane, sequence, end)
                        rows, end = terms(versions), versions[-1].sequence
                    if holding:
                        self._hold(cursor, lane, rows)
                    chain = self._append(cursor, lane, rows, version, starts_us, bytes(chain))
                    cursor.execute(
                        SQL["move_ledger_lane"],
                        (
                            end,
                            transactions + len(rows),
                            chain,
                            version,
                            sequence,
                            self._recipient,
                            self._stem,
                            lane,
                        ),
                    )
                    reach("share.recorded")
                written += len(rows)
        finally:
            self._within = None

    def _versions(self, cursor: Cursor, lane: int, after: int, upto: int) -> Sequence[AcceptedVersion]:
        """Read history without a hole: what is missing of it must not pass for what the terms did not grant."""
        rows = self._history.read(cursor, lane, after, upto)
        last = rows[-1].sequence if rows else after
        if len(rows) != last - after or (last < upto and not self._history.wide):
            raise LedgerDiverged(
                "share.diverged",
                "history has a hole behind the ledger",
                where=f"{self._where}, lane {lane}",
                remedy="run `pophub ledger verify`, which names the row; nothing more is shared until it is back",
            )
        return rows

    def holding(self, lane: int) -> Held:
        """Begin to keep which keys the recipient has, from what it got so far; give how to ask for some.

        It answers as of the sequence up to which the ledger is complete.
        """
        place = (self._recipient, self._stem, lane)
        with transaction(self._connection, self._where) as cursor:
            cursor.execute(SQL["lock_ledger_lane"], place)
            if not only_row(cursor)[3]:
                cursor.execute(SQL["seed_holding"], place)
                cursor.execute(SQL["begin_holding"], place)
        return partial(self._held, lane)

    def _held(self, lane: int, keys: Collection[str]) -> set[str]:
        values = (self._recipient, self._stem, lane, list(keys))
        if self._within is not None:
            self._within.execute(SQL["held"], values)
            return {key for (key,) in self._within.fetchall()}
        with transaction(self._connection, self._where) as cursor:
            cursor.execute(SQL["held"], values)
            return {key for (key,) in cursor.fetchall()}

    def _hold(self, cursor: Cursor, lane: int, rows: Sequence[AcceptedVersion]) -> None:
        """Keep which keys the recipient has behind these share transactions."""
        last = {row.key: row.payload is not None for row in rows}
        for name, there in (("give_keys", True), ("take_keys", False)):
            keys = [key for key, has in last.items() if has is there]
            if keys:
                cursor.execute(SQL[name], (self._recipient, self._stem, lane, keys))

    def _append(
        self,
        cursor: Cursor,
        lane: int,
        rows: Sequence[AcceptedVersion],
        version: int,
        starts_us: int,
        chain: bytes,
    ) -> bytes:
        now, made = now_us(cursor), []
        for one in cut(rows, starts_us):
            chain = digests.stretch_link(
                chain, self._recipient, self._stem, lane, one.first, one.last, one.omitted, one.granted, version,
                one.exchanged_us, now, one.events,
            )  # fmt: skip
            made.append((
                self._recipient, self._stem, lane, one.first, one.last, as_multirange(one.omitted), one.granted,
                version, month_of(one.stamp_us), month_of(one.exchanged_us), instant(one.exchanged_us), instant(now),
                chain,
            ))  # fmt: skip
        if made:
            execute_values(cursor, SQL["append_stretches"], made)
        return chain
