"""Reads that the broker refused, kept by hour: the broker's own log is rotated away."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from datetime import datetime

from pophub.live.store import ROLE
from pophub.postgres import Connection, connect, execute_values, statements, transaction
from pophub.settings import Settings

SQL = statements("live")


def keep_refused_reads(settings: Settings, found: Iterable[tuple[tuple[datetime, str, str], int]]) -> None:
    """Keep how often who was not let read which topic in which hour; counting an hour again adds nothing."""
    rows = [(*place, times) for place, times in found]
    if not rows:
        return
    with closing(connect(settings, ROLE)) as connection, transaction(connection, "refused reads") as cursor:
        execute_values(cursor, SQL["keep_refused_reads"], rows)


def refused_reads(connection: Connection, as_of: datetime) -> list[tuple[datetime, str, str, int]]:
    """Give the refused reads by a moment: hour, principal, topic, how often."""
    with transaction(connection, "refused reads") as cursor:
        cursor.execute(SQL["refused_reads"], (as_of,))
        return [(hour, principal, topic, times) for hour, principal, topic, times in cursor.fetchall()]
