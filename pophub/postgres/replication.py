"""A session of a source's server that reads its log: the slot, its exported snapshot, and the messages.

Nothing here is the hub's own PostgreSQL. Errors are the driver's (`DriverError`); who opens the session puts
them into words.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from select import select
from typing import Any, NamedTuple

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extras import LogicalReplicationConnection

DriverError = psycopg2.Error
CONNECT_S = 10
BUSY_S = 10.0
STATUS_S = 10  # how often the server hears that we live: it ends a session after a minute without
ASK_S = 0.1  # how often it is asked how far it came, when nothing comes
SESSION = (  # values as the reader of tables has them printed (`sources.sql`)
    "-c timezone=UTC -c bytea_output=hex -c datestyle=ISO -c idle_in_transaction_session_timeout=0 "
    "-c lock_timeout=300000"  # a new slot waits for transactions that go on
)


class LogMessage(NamedTuple):
    """One message of the output plugin: the place of the change in the log, and the bytes."""

    at: int
    payload: bytes


class LogSession:
    """One replication session; `close` ends it, and with it the snapshot that it exported."""

    def __init__(self, address: dict[str, Any]) -> None:
        """Open the session; `address` has host, port, user, password and database as libpq names them."""
        self._connection: Any = psycopg2.connect(
            **address,
            connection_factory=LogicalReplicationConnection,
            connect_timeout=CONNECT_S,
            keepalives_idle=30,
            application_name="pophub_extract",
            client_encoding="UTF8",
            options=SESSION,
        )
        self.cursor: Any = self._connection.cursor()  # the driver's casts of values ask for it

    def server(self) -> tuple[str, int]:
        """Give the identifier of the server's data, and its timeline."""
        self.cursor.execute("IDENTIFY_SYSTEM")
        row: Any = self.cursor.fetchone()
        return str(row[0]), int(row[1])

    def make_slot(self, slot: str) -> tuple[int, str]:
        """Make a slot; give the place from which it tells all, and the snapshot of what was before.

        The snapshot is there until the next command of this session.
        """
        self.cursor.execute(
            sql.SQL("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput EXPORT_SNAPSHOT").format(
                sql.Identifier(slot)
            )
        )
        row: Any = self.cursor.fetchone()
        return place_of(row[1]), str(row[2])

    def drop_slot(self, slot: str) -> None:
        """Drop a slot that nobody reads; one that is gone is well."""
        command = sql.SQL("DROP_REPLICATION_SLOT {}").format(sql.Identifier(slot))
        with suppress(errors.UndefinedObject):
            _patiently(lambda: self.cursor.execute(command))

    def start(self, slot: str, publication: str, after: int) -> None:
        """Begin to read the transactions that were committed behind a place of the log."""
        options = {"proto_version": "1", "publication_names": f'"{publication}"'}
        _patiently(lambda: self.cursor.start_replication(
            slot_name=slot, start_lsn=after, options=options, decode=False, status_interval=STATUS_S
        ))  # fmt: skip

    def messages(self, upto: int) -> Iterator[LogMessage | int]:
        """Give messages until the server has told all that was committed before a place of the log.

        Shape: also the place up to which all was told, where the server says so between two messages.
        """
        asked = 0.0
        while True:
            message = self.cursor.read_message()
            if message is not None:
                yield LogMessage(message.data_start, message.payload)
                continue
            told = int(self.cursor.wal_end)
            yield told
            if told >= upto:
                return
            if time.monotonic() - asked > ASK_S:
                self.cursor.send_feedback(reply=True)
                asked = time.monotonic()
            select([self.cursor], [], [], ASK_S)

    def arrived(self) -> bool:
        """Tell whether the server has sent something that was not read."""
        return bool(select([self.cursor], [], [], 0)[0])

    def confirm(self, place: int) -> None:
        """Tell the server that all before a place of the log is kept here: it need not keep it."""
        self.cursor.send_feedback(write_lsn=place, flush_lsn=place, apply_lsn=place, force=True)

    def close(self) -> None:
        """End the session."""
        self._connection.close()


def _patiently(command: Callable[[], object]) -> None:
    """Run a command; the server needs a moment to see that a session before this one was killed."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            command()
            return
        except errors.ObjectInUse:
            if time.monotonic() > until:
                raise
        time.sleep(0.1)


def place_of(text: str) -> int:
    """Read a place of the log as the server prints it.

    >>> place_of("1/2A")
    4294967338
    """
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)
