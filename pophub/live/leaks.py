"""Reads that the broker refused, kept by hour: the broker's own log is rotated away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime

from pophub.live.store import ROLE
from pophub.postgres import Connection, connect, execute_values, only_row, statements, transaction
from pophub.settings import Settings

SQL = statements("live")
ReadLog = Callable[[int, int], tuple[Mapping[tuple[datetime, str, str], int], int, int]]
"""Counts what stands in the log behind a place, by hour, principal and topic, and gives the place behind that."""


def keep_refused_reads(settings: Settings, read: ReadLog) -> None:
    """Add how often who was not let read which topic in which hour since the last look; place and sums in one step."""
    with closing(connect(settings, ROLE)) as connection, transaction(connection, "refused reads") as cursor:
        cursor.execute(SQL["lock_log_place"])
        found, file, at = read(*only_row(cursor))
        rows = [(*place, times) for place, times in sorted(found.items())]
        execute_values(cursor, SQL["add_refused_reads"], rows)
        cursor.execute(SQL["move_log_place"], (file, at))


def refused_reads(connection: Connection, as_of: datetime) -> list[tuple[datetime, str, str, int]]:
    """Give the refused reads by a moment: hour, principal, topic, how often."""
    with transaction(connection, "refused reads") as cursor:
        cursor.execute(SQL["refused_reads"], (as_of,))
        return [(hour, principal, topic, times) for hour, principal, topic, times in cursor.fetchall()]
