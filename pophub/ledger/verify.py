"""Verify the ledger: derive each lane's chain of digests again and name the first row that differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pophub import digests
from pophub.postgres import Connection, statements, translated

SQL = statements("ledger")
CHUNK = 10_000
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Broken:
    """The first row of a lane that is not what was written."""

    table: str
    lane: str
    sequence: int
    what: str


@dataclass(frozen=True)
class Verified:
    """How many rows were derived again, and what was found."""

    rows: int
    broken: list[Broken]


def verify(connection: Connection, progress: Progress = lambda rows: None) -> Verified:
    """Verify history and share transactions, lane by lane; memory stays flat.

    The connection's role must read payloads, so it is the ledger's owner.
    """
    total, broken = 0, []
    for table, lanes, links, link in (
        ("ledger.history", "lanes", "history_links", _history),
        ("ledger.transaction", "ledger_lanes", "transaction_links", _transaction),
    ):
        for lane, sequence, expected, head in _lanes(connection, table, lanes):
            rows, found = _lane(
                connection, table, lane, (sequence, expected, head), SQL[links], link, progress
            )
            total += rows
            broken += [found] if found else []
    return Verified(total, broken)


def _lanes(
    connection: Connection, table: str, name: str
) -> list[tuple[tuple[Any, ...], int, int | None, bytes]]:
    with translated(table), connection.cursor() as cursor:
        cursor.execute(SQL[name])
        if table == "ledger.history":
            return [((r[0], r[1]), r[2], r[2], bytes(r[3])) for r in cursor.fetchall()]
        return [((r[0], r[1], r[2]), r[3], r[4], bytes(r[5])) for r in cursor.fetchall()]


def _lane(
    connection: Connection,
    table: str,
    lane: tuple[Any, ...],
    end: tuple[int, int | None, bytes],
    statement: str,
    link: Callable[[bytes, tuple[Any, ...]], tuple[int, bytes, bytes]],
    progress: Progress,
) -> tuple[int, Broken | None]:
    last, expected, head = end
    name = ", ".join(map(str, lane))
    chain, rows, sequence = b"", 0, 0
    with translated(table), connection.cursor(name="verify") as cursor:
        cursor.itersize = CHUNK
        cursor.execute(statement, lane)
        for row in cursor:
            before = sequence
            sequence, chain, written = link(chain, row)
            rows += 1
            if table == "ledger.history" and sequence != before + 1:
                return rows, Broken(table, name, before + 1, "this row is missing")
            if chain != written:
                return rows, Broken(
                    table,
                    name,
                    sequence,
                    "this row, or one removed or put in before it, is not what was written",
                )
            if rows % CHUNK == 0:
                progress(CHUNK)
    progress(rows % CHUNK)
    if rows != expected or chain != head:
        return rows, Broken(
            table, name, sequence + 1, f"the lane row counts up to sequence {last}, the rows end before"
        )
    return rows, None


def _history(chain: bytes, r: tuple[Any, ...]) -> tuple[int, bytes, bytes]:
    payload = None if r[8] is None else bytes(r[8])
    link = digests.history_link(
        chain, r[0], r[1], r[2], bytes(r[3]), r[4], r[5], r[6], bytes(r[7]), payload, r[9], r[10], r[11]
    )
    return r[2], link, bytes(r[12])


def _transaction(chain: bytes, r: tuple[Any, ...]) -> tuple[int, bytes, bytes]:
    return (
        r[3],
        digests.transaction_link(chain, r[0], r[1], r[2], r[3], bytes(r[4]), r[5], r[6], r[7]),
        bytes(r[8]),
    )
