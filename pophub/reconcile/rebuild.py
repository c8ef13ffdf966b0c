"""Rebuild the population database from the `shared.*` topics alone, and compare it with the live one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from pophub import avro
from pophub.contracts.model import Connector
from pophub.domain import digests
from pophub.domain.errors import ConfigError, PromiseBroken, TransientError
from pophub.domain.history import AcceptedVersion
from pophub.kafka import TopicLog
from pophub.postgres import Connection, Cursor, connect, copy_rows, only_row, statements, transaction
from pophub.reconcile import people, stores
from pophub.settings import Settings

SQL = statements("reconcile")
MAKE = statements("rebuild")
HEAD = ("stem", "key", "marker", "content", "contract", "lane", "sequence")
TABLES = ("head", "citizen", "identity")
CHUNK = 10_000
_NAME = re.compile(r"\A[a-z][a-z0-9_]{0,40}\Z")


@dataclass(frozen=True)
class ComparedTable:
    """One table compared: rows and digest of both, and how many rows only one of them has."""

    table: str
    rebuilt: int
    live: int
    rebuilt_digest: str
    live_digest: str
    differing: int


@dataclass
class Rebuild:
    """A rebuild of the datasets of these connectors into a schema of its own."""

    settings: Settings
    connectors: Sequence[Connector]
    schema: str
    says: Callable[[str], None] = lambda text: None

    def check(self) -> None:
        """Refuse a schema that is there already or is no plain name.

        Errors: `rebuild.name`, `rebuild.exists`.
        """
        if not _NAME.match(self.schema):
            raise ConfigError(
                "rebuild.name",
                "the schema's name is no plain name",
                where=self.schema,
                remedy="use small letters, digits and underscores, a letter first",
            )
        with (
            closing(connect(self.settings, "pophub_owner")) as connection,
            transaction(connection, "rebuild") as cursor,
        ):
            cursor.execute("select 1 from pg_namespace where nspname = %s", (self.schema,))
            if cursor.fetchone():
                raise ConfigError(
                    "rebuild.exists",
                    "the schema is there already: a rebuild starts in a fresh one",
                    where=self.schema,
                    remedy=f"choose another name, or drop schema {self.schema} first",
                )

    def run(self) -> list[ComparedTable]:
        """Rebuild and compare; all or nothing, so a failed rebuild leaves no schema behind.

        Errors: `rebuild.gap` where a topic lacks a sequence; `rebuild.moving` where versions were
        accepted that are not on the topic yet.
        """
        self.check()
        with (
            closing(connect(self.settings, "pophub_owner")) as connection,
            transaction(connection, "rebuild") as cursor,
        ):
            cursor.execute(SQL["patience"])
            cursor.execute(SQL["make_person_row"])
            self._execute(cursor, "make_schema")
            read = {c.stem: self._read(cursor, connection, c) for c in self.connectors}
            self.says("people")
            self._execute(cursor, "finish_heads")
            cursor.execute(SQL["make_winner"])
            self._execute(cursor, "fill_people")
            connection.commit()
            cursor.execute("set transaction isolation level repeatable read")
            self._same_end(cursor, read)
            return [self._compared(cursor, table) for table in TABLES]

    def _execute(self, cursor: Cursor, name: str, values: dict[str, Any] | None = None) -> None:
        cursor.execute(sql.SQL(MAKE[name]).format(schema=sql.Identifier(self.schema)), values)

    def _read(self, cursor: Cursor, connection: Connection, connector: Connector) -> dict[int, int]:
        """Read one topic into the staging tables; give lane -> last sequence."""
        topic = f"shared.{connector.stem}"
        self.says(topic)
        cursor.execute(SQL["shared_schemas"], (f"{topic}-value",))
        schemas: dict[int, str] = dict(cursor.fetchall())
        log = TopicLog(self.settings, topic)
        last: dict[int, int] = {}
        chunk: list[tuple[int, AcceptedVersion, dict[str, Any] | None]] = []
        for lane, row, record in self._versions(log, schemas, last):
            chunk.append((lane, row, record))
            if len(chunk) >= CHUNK:
                self._keep(cursor, connector, chunk)
                chunk = []
        self._keep(cursor, connector, chunk)
        return last

    def _versions(
        self, log: TopicLog, schemas: dict[int, str], last: dict[int, int]
    ) -> Iterator[tuple[int, AcceptedVersion, dict[str, Any] | None]]:
        for message in log.read(log.ends()):
            row = stores.from_shared(message)
            if row.sequence != last.get(message.lane, 0) + 1:
                raise PromiseBroken(
                    "rebuild.gap",
                    f"the topic goes from sequence {last.get(message.lane, 0)} to {row.sequence}",
                    where=f"{log.topic}, lane {message.lane}",
                    remedy="run `pophub reconcile` for the dataset: it names what the topic lacks",
                )
            last[message.lane] = row.sequence
            record = None
            if message.value is not None and row.payload is not None:
                record = avro.decode_record(*avro.unframed(message.value, schemas))
            yield message.lane, row, record

    def _keep(
        self,
        cursor: Cursor,
        connector: Connector,
        chunk: list[tuple[int, AcceptedVersion, dict[str, Any] | None]],
    ) -> None:
        records = {row.event_id: record for _, row, record in chunk if record is not None}
        contents = _contents(connector, chunk)
        copy_rows(cursor, f"{self.schema}.head_all", HEAD, (
            (connector.stem, row.key, row.marker, content, row.contract, lane, row.sequence)
            for (lane, row, _), content in zip(chunk, contents, strict=True)
        ))  # fmt: skip
        versions = ((lane, row) for lane, row, _ in chunk)
        people.derive(cursor, connector, versions, lambda row: records[row.event_id])

    def _same_end(self, cursor: Cursor, read: dict[str, dict[int, int]]) -> None:
        for stem, last in read.items():
            cursor.execute(SQL["lanes"], (stem,))
            behind = sum(max(0, sequence - last.get(lane, 0)) for lane, _, sequence in cursor.fetchall())
            if behind:
                raise TransientError(
                    "rebuild.moving",
                    f"{behind} accepted versions were not on the topic when it was read",
                    where=f"shared.{stem}",
                    remedy=f"let share finish (`pophub run {stem}`), drop the schema and rebuild",
                )

    def _compared(self, cursor: Cursor, table: str) -> ComparedTable:
        self.says(f"comparing {table}")
        stems = [c.stem for c in self.connectors]
        self._execute(cursor, f"compare_{table}", {"stems": stems})
        rebuilt, live, rebuilt_digest, live_digest, differing = only_row(cursor)
        return ComparedTable(table, rebuilt, live, rebuilt_digest, live_digest, differing)


def _contents(
    connector: Connector, chunk: list[tuple[int, AcceptedVersion, dict[str, Any] | None]]
) -> list[bytes | None]:
    """Derive the content digest of each version; None where it is not the one first judged.

    The event id tells: it covers the content. A repaired version keeps the content it came with,
    and a delete's tombstone has no fields; for these the event id alone is compared. A content has the
    fields of the contract version under which the record was sent.
    """
    contract, contents = connector.contract, [b""] * len(chunk)
    for version in {row.contract for _, row, _ in chunk}:
        names = avro.names_of(contract.earlier.get(version, contract.avro_schema))
        places = [at for at, (_, row, _) in enumerate(chunk) if row.contract == version]
        records = [chunk[at][2] or {} for at in places]
        columns: list[list[Any]] = [[chunk[at][1].operation for at in places]]
        columns += [[record.get(name) for record in records] for name in names]
        for at, content in zip(places, digests.row_digests(columns, len(places))[0], strict=True):
            contents[at] = content
    events = digests.event_ids(
        connector.stem, [r.key for _, r, _ in chunk], [r.marker for _, r, _ in chunk], contents
    )
    return [
        content if event == row.event_id else None
        for content, event, (_, row, _) in zip(contents, events, chunk, strict=True)
    ]
