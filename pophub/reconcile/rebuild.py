"""Rebuild the population database from the `shared.*` topics alone, and compare it with the live one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from psycopg2 import sql

from pophub.contracts.model import Connector
from pophub.domain.errors import ConfigError, PromiseBroken, TransientError
from pophub.domain.history import AcceptedVersion
from pophub.kafka import TopicLog
from pophub.postgres import Connection, Cursor, connect, copy_rows, only_row, statements, transaction
from pophub.reconcile import people, stores
from pophub.settings import Settings
from pophub.sharing.hub_log import log_topic

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
        topic = log_topic(connector.stem)
        self.says(topic)
        last: dict[int, int] = {}
        versions = self._versions(TopicLog(self.settings, topic), last)
        while chunk := list(islice(versions, CHUNK)):
            copy_rows(cursor, f"{self.schema}.head_all", HEAD, _heads(connector.stem, chunk))
            people.derive(cursor, connector, chunk, people.decoder(connector))
        return last

    def _versions(self, log: TopicLog, last: dict[int, int]) -> Iterator[tuple[int, AcceptedVersion]]:
        for (lane, offset, *_), rows in stores.blocks(log, log.ends()):
            after = last.get(lane, 0)
            if not rows or rows[0].sequence != after + 1:
                found = f"goes on with {rows[0].sequence}" if rows else f"has no block at offset {offset}"
                raise PromiseBroken(
                    "rebuild.gap",
                    f"behind sequence {after} the topic {found}",
                    where=f"{log.topic}, lane {lane}",
                    remedy="run `pophub reconcile` for the dataset: it names what the topic lacks",
                )
            last[lane] = rows[-1].sequence
            yield from ((lane, row) for row in rows)

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


def _heads(stem: str, versions: Iterable[tuple[int, AcceptedVersion]]) -> Iterator[tuple[Any, ...]]:
    """Give what would be the head of its key if no later version came."""
    return (
        (stem, row.key, row.marker, row.content, row.contract, lane, row.sequence) for lane, row in versions
    )
