"""Debezium on the same table: snapshot through Kafka into Debezium's JDBC sink, or to a topic alone, in Kafka Connect.

Connect runs standalone on the embedded broker and Java runtime; one process for all rounds, so that
it is as warm as the other ways. Connectors keep their defaults, but for what is named below.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, closing
from typing import Any

import confluent_kafka

from benchmarks import source
from benchmarks.connect import RUN_S, VERSION, Connect, until
from benchmarks.connect import running as connect_running
from pophub.kafka import Administrator
from pophub.postgres import connect, only_row
from pophub.settings import Settings

__all__ = ["PARTITIONS", "RUN_S", "VERSION", "Copier", "running", "topic_of"]

PARTITIONS = 2


class Copier(Connect):
    """Copies the table by Debezium's source and sink."""

    def copy(self, name: str, database: str, rows: int) -> float:
        """Copy the table into `<database>.bench.cong_dan`; give the seconds from the source's start on.

        Errors: RuntimeError when a connector fails or rows are missing in time.
        """
        topic = topic_of(name)
        Administrator(self._settings).ensure_topics({topic: PARTITIONS})
        superuser = self._settings.endpoints.postgres_superuser
        with closing(connect(self._settings, superuser, database=database)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("create schema bench")
                self.put(f"{name}-sink", _sink(self._settings, topic, database))
                self.wait(lambda: self.tasks(f"{name}-sink") == PARTITIONS, f"{name}-sink", [f"{name}-sink"])
                begun = time.monotonic()
                self.put(f"{name}-source", _source(self._settings, name))
                both = [f"{name}-source", f"{name}-sink"]
                self.wait(lambda: _count(cursor) >= rows, f"{name}-source", both)
                return time.monotonic() - begun

    def to_topic(self, name: str, rows: int) -> float:
        """Send the table to its topic; give the seconds from the source's start on. What changes then follows.

        Errors: RuntimeError when the connector fails or rows are missing in time.
        """
        topic = topic_of(name)
        Administrator(self._settings).ensure_topics({topic: PARTITIONS})
        with closing(_looks(self._settings)) as consumer:
            places = [confluent_kafka.TopicPartition(topic, lane) for lane in range(PARTITIONS)]

            def there() -> bool:
                try:
                    return sum(consumer.get_watermark_offsets(one, timeout=10)[1] for one in places) >= rows
                except confluent_kafka.KafkaException as error:
                    if not error.args[0].retriable():
                        raise
                    return False  # the topic is so new that its leader is not known everywhere

            there()  # connects
            begun = time.monotonic()
            self.put(f"{name}-source", _source(self._settings, name))
            self.wait(there, f"{rows:,} messages on {topic}", [f"{name}-source"])
            return time.monotonic() - begun

    def forget(self, name: str) -> None:
        """Remove the connectors, and what the source left in its database."""
        for part in ("source", "sink"):
            self.remove(f"{name}-{part}")
        slot = "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s"
        with closing(source.open_source_database(self._settings)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                until(lambda: _idle(cursor, name), f"the end of {name}", RUN_S)
                cursor.execute(slot, (name,))
                cursor.execute(f"drop publication if exists {name}")


def topic_of(name: str) -> str:
    """Give the topic of the table by a source of this name."""
    return f"{name}.{source.TABLE}"


def _looks(settings: Settings) -> Any:
    return confluent_kafka.Consumer({
        "bootstrap.servers": settings.endpoints.kafka_bootstrap, "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "admin", "sasl.password": settings.secret("kafka.admin"),
        "group.id": "bench.looks",
    })  # fmt: skip


def running(settings: Settings) -> AbstractContextManager[Copier]:
    """Start Kafka Connect with Debezium's connectors; end it afterwards."""
    return connect_running(settings, Copier)


def _source(settings: Settings, name: str) -> dict[str, str]:
    endpoints = settings.endpoints
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "plugin.name": "pgoutput",
        "database.hostname": endpoints.postgres_host,
        "database.port": str(endpoints.postgres_port),
        "database.user": endpoints.postgres_superuser,
        "database.password": settings.secret(f"postgres.{endpoints.postgres_superuser}"),
        "database.dbname": source.DATABASE,
        "topic.prefix": name,
        "table.include.list": source.TABLE,
        "slot.name": name,
        "publication.name": name,
        "publication.autocreate.mode": "filtered",
        "snapshot.mode": "initial",
    }


def _sink(settings: Settings, topic: str, database: str) -> dict[str, str]:
    """Say what the sink needs; `reWriteBatchedInserts` is what its makers advise for PostgreSQL."""
    endpoints = settings.endpoints
    return {
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "tasks.max": str(PARTITIONS),
        "topics": topic,
        "connection.url": f"jdbc:postgresql://{endpoints.postgres_host}:{endpoints.postgres_port}/{database}"
        "?reWriteBatchedInserts=true",
        "connection.username": endpoints.postgres_superuser,
        "connection.password": settings.secret(f"postgres.{endpoints.postgres_superuser}"),
        "insert.mode": "upsert",
        "primary.key.mode": "record_key",
        "schema.evolution": "basic",
        "collection.name.format": "bench.cong_dan",
    }


def _count(cursor: Any) -> int:
    cursor.execute("select to_regclass('bench.cong_dan') is not null")
    if not only_row(cursor)[0]:
        return 0
    cursor.execute("select count(*) from bench.cong_dan")
    return int(only_row(cursor)[0])


def _idle(cursor: Any, name: str) -> bool:
    cursor.execute("select count(*) from pg_replication_slots where slot_name = %s and active", (name,))
    return int(only_row(cursor)[0]) == 0
