"""The share transactions there are now, by recipient, dataset and month.

A month of `ledger.history` and `ledger.stretch` is the calendar month of `exchanged_at` in
Asia/Ho_Chi_Minh (`verify` names a row that lies elsewhere), so rows of history are counted and stretches
added up by month, and months folded to longer periods. Signed rows are not counted again: the last
checkpoint tells their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from pophub.ledger.checkpoint import LedgerDocument, Tally, of_row
from pophub.postgres import Connection, Cursor, statements, transaction

SQL = statements("ledger")


def present(connection: Connection) -> Tally:
    """Count on one snapshot: what the last checkpoint signed, and the rows behind its heads.

    That the rows up to the heads are those that were signed, and as many, is what `verify` proves.
    """
    with transaction(connection, "growth") as cursor:
        cursor.execute(SQL["one_snapshot"])
        cursor.execute(SQL["checkpoint_last"])
        row = cursor.fetchone()
        if row is None:
            return _counted(cursor)
        checkpoint = of_row(row)
        tally = checkpoint.tally()
        cursor.execute(SQL["patience_of_counts"])
        heads = checkpoint.heads().values()
        _add(tally, _behind(cursor, "history", heads))
        _add(tally, _behind(cursor, "stretch", heads))
    return tally


def counted(connection: Connection) -> Tally:
    """Count each row, whatever was signed."""
    with transaction(connection, "growth") as cursor:
        return _counted(cursor)


def _counted(cursor: Cursor) -> Tally:
    tally: Tally = Counter()
    cursor.execute(SQL["patience_of_counts"])
    for kind in ("history", "stretch"):
        cursor.execute(SQL[f"months_{kind}"])
        _add(tally, cursor.fetchall())
    return tally


def _behind(cursor: Cursor, kind: str, heads: Iterable[LedgerDocument]) -> list[tuple[Any, ...]]:
    """Count the rows that came after the heads; lanes that the checkpoint does not know count whole."""
    mine = [(*head["lane"][1:], head["sequence"]) for head in heads if head["lane"][0] == kind]
    columns = [list(column) for column in zip(*mine, strict=True)]
    cursor.execute(SQL[f"behind_{kind}"], columns or [[] for _ in range(3 if kind == "history" else 4)])
    return cursor.fetchall()


def _add(tally: Tally, rows: Iterable[tuple[Any, ...]]) -> None:
    for recipient, stem, month, number in rows:
        tally[recipient, stem, month] += number
