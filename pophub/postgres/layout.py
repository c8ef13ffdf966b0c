"""The layout of a hub: how its tables, topics and digests are written, by one number.

A hub that another layout filled is refused whole, at the first session of a process, before anything of it
is read: half of it would be understood.
"""

from __future__ import annotations

import psycopg2.extensions
from psycopg2 import errors as pg

from pophub.domain.codes import explain
from pophub.domain.errors import ConfigError

LAYOUT = 11
"""Raise it with whatever changes the form of what is stored: a table, a topic, a digest."""

KNOWN_SQL = "select layout from hub.layout"
FILLED_SQL = "select 1 from pg_catalog.pg_tables where schemaname = 'ledger' and tablename = 'history'"


def refuse_other_layout(connection: psycopg2.extensions.connection) -> None:
    """Hold the layout of the database against this version's; one that was never prepared has none.

    Shape: a connection without a transaction, and it has none afterwards.
    Errors: `hub.layout`.
    """
    connection.autocommit = True
    with connection.cursor() as cursor:
        try:
            cursor.execute(KNOWN_SQL)
            row = cursor.fetchone()
        except (pg.UndefinedTable, pg.InsufficientPrivilege):  # of a hub from before there were layouts
            row = None
        if row is None:
            cursor.execute(FILLED_SQL)
            if cursor.fetchone() is not None:
                raise _other(None)
        elif row[0] != LAYOUT:
            raise _other(row[0])
    connection.autocommit = False


def note_layout(cursor: psycopg2.extensions.cursor) -> None:
    """Note the layout of a hub that has none yet, in the transaction that makes its tables.

    Errors: `hub.layout` where another version made them meanwhile.
    """
    cursor.execute("insert into hub.layout (layout) values (%s) on conflict do nothing", (LAYOUT,))
    cursor.execute(KNOWN_SQL)
    row = cursor.fetchone()
    found = None if row is None else int(row[0])
    if found != LAYOUT:
        raise _other(found)


def _other(found: int | None) -> ConfigError:
    had = "no layout's number" if found is None else f"layout {found}"
    return ConfigError(
        "hub.layout",
        f"the hub was filled by another version: it has {had}, this version reads and writes layout {LAYOUT}",
        remedy=explain("hub.layout").remedy,
    )
