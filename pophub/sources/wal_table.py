"""A table of PostgreSQL read through its server's log: once as a whole, then change by change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from pophub.contracts.source_model import CdcSource
from pophub.domain.errors import ConfigError, ContractBreach
from pophub.ports import SlotState, WalStretch
from pophub.postgres import LogMessage, LogSession
from pophub.sources import pgoutput
from pophub.sources.postgres_values import printed_reader
from pophub.sources.sql import SqlTable
from pophub.sources.sql_errors import driver_translated, translated
from pophub.sources.wal_standing import Slot, SourceLook, base_types, look
from pophub.sources.wal_stretches import Stretches, ValueReader

_REMOVED = "the hub was away for more of the source's log than its max_slot_wal_keep_size keeps"
_WHY = {  # by the server's own words
    "wal_removed": _REMOVED,
    "lost": _REMOVED,
    "wal_level_insufficient": "the source's server ran with another wal_level than logical",
    "idle_timeout": "nobody read by it for longer than the source's idle_replication_slot_timeout",
}


class WalTable(SqlTable):
    """A table and its log (`ports.WalSource`); as a plain table it is read without a slot.

    The snapshot is the one that the slot exported when it was made: it has all that was committed before the
    place from which the slot tells, and nothing of what it tells. It ends with the session that made it, so a
    snapshot that is cut off is taken anew, with a slot made anew.
    """

    def __init__(self, source: CdcSource, url: str, *, columns: Sequence[str], where: str) -> None:
        super().__init__(source, url, where=where)
        if self._url.get_dialect().driver != "psycopg2":
            raise ConfigError(
                "source.url", "only PostgreSQL's log can be read, through the driver that pophub brings",
                where=where, remedy="begin the address with postgresql://, or read with `kind: sql`",
            )  # fmt: skip
        self._cdc = source
        self._needed = tuple(columns)
        self.slot = source.slot or f"pophub_{where.replace('.', '_')}"[:63]
        self._session: LogSession | None = None
        self._snapshot: str | None = None
        self._table_oid = 0

    def look(self) -> SourceLook:
        """Look at the source as `state` does, and give each flaw instead of raising one.

        Errors: `source.wal_level`, `source.table_missing`, and those of any connection.
        """
        with translated(self._where), self._connect() as connection:
            return look(connection, self._cdc, self.slot, self._needed, self._where)

    def state(self, own: str | None) -> SlotState:
        """Look at the source and its slot; nothing is made there. `own` is a slot that this hub made before."""
        found = self.look()
        if found.flaws:
            raise found.flaws[0]
        self._table_oid, slot = found.table, found.slot
        if slot is not None and not (slot.ours and own == self.slot):
            raise self._taken()
        system, timeline = self._server()
        lost = (
            "it is gone"
            if slot is None
            else slot.lost and _WHY.get(slot.lost, f"the server says {slot.lost}")
        )
        return SlotState(
            f"{system}/{timeline}/{found.origin}",
            found.place,
            _of(slot, "confirmed"),
            _of(slot, "kept"),
            lost,
        )

    def _server(self) -> tuple[str, int]:
        with driver_translated(self._where):
            return self._open().server()

    def begin(self, own: str | None) -> int:
        """Make the slot anew and drop the hub's `own`; `read` gives the table as it was at the place given."""
        with driver_translated(self._where):
            session = self._open()
            if own is not None:
                session.drop_slot(own)
            place, self._snapshot = session.make_slot(self.slot)
        return place

    def begun(self) -> None:
        """End the snapshot, and with it the session that holds it."""
        self.close()

    def changes(self, base: int, after: int, upto: int, chunk_rows: int) -> Iterator[WalStretch]:
        """Give what was committed behind the marker `after`, until the log's place `upto` is told.

        Values are those of `read`. Errors: `source.slot_lost`, `source.slot_busy`, `source.log_unreadable`.
        """
        with driver_translated(self._where):
            yield from self._read_on(self._started(base, after, chunk_rows), upto)

    def _started(self, base: int, after: int, chunk_rows: int) -> Stretches:
        """Begin to read behind a marker."""
        self._open().start(self.slot, self._cdc.publication, after - base)
        return Stretches(self._table_oid, self._cdc.key, base, self._readers, chunk_rows, self._needed)

    def _read_on(self, stretches: Stretches, upto: int) -> Iterator[WalStretch]:
        for message in self._open().messages(upto):
            yield from self._stretched(stretches, message)

    def confirm(self, place: int) -> None:
        """Let the source forget its log before a place."""
        with driver_translated(self._where):
            self._open().confirm(place)

    def close(self) -> None:
        """End the session; a snapshot ends with it."""
        session, self._session, self._snapshot = self._session, None, None
        if session is not None:
            session.close()

    def _stretched(self, stretches: Stretches, message: LogMessage | int) -> Iterator[WalStretch]:
        if isinstance(message, int):
            yield from stretches.told(message)
            return
        try:
            read = pgoutput.decode(message.payload)
            found = [] if read is None else list(stretches.add(message.at, read))
        except (pgoutput.BadMessage, ValueError) as error:
            raise ContractBreach(
                "source.log_unreadable", f"the source's log cannot be read: {type(error).__name__}",
                where=self._where, remedy="compare the server's version with docs/source-cdc.md; nothing is lost",
            ) from None  # fmt: skip
        yield from found

    def _readers(self, oids: Sequence[int]) -> list[ValueReader]:
        with translated(self._where), self._engine.connect() as connection:
            found = base_types(connection, oids)
        return [printed_reader(found.get(oid, 0), self._open().cursor) for oid in oids]

    def _open(self) -> LogSession:
        if self._session is None:
            self._session = LogSession(_address(self._url))
        return self._session

    def _connect(self) -> Connection:
        connection = super()._connect()
        if self._snapshot is not None:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            connection.exec_driver_sql("set transaction snapshot %(name)s", {"name": self._snapshot})
        return connection

    def _taken(self) -> ContractBreach:
        return ContractBreach(
            "source.slot_taken", f"the source has a slot {self.slot} that this hub did not make", where=self._where,
            remedy="see who reads it; name another one in `source.slot`, or have the agency drop it: "
            f"SELECT pg_drop_replication_slot('{self.slot}')",
        )  # fmt: skip


def _of(slot: Slot | None, name: str) -> int | None:
    return getattr(slot, name, None)


def _address(url: Any) -> dict[str, Any]:
    """Give an address as libpq names its parts."""
    return {**url.translate_connect_args(username="user", database="dbname"), **url.query}
