"""Debezium on the same table: snapshot through Kafka into Debezium's JDBC sink, in Kafka Connect.

Connect runs standalone on the embedded broker and Java runtime; one process for all rounds, so that
it is as warm as the other ways. Connectors keep their defaults, but for what is named below.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks import source
from benchmarks.meter import peak_mb_of
from pophub.kafka import Administrator
from pophub.postgres import connect, only_row
from pophub.runtime import broker, jars, places, ports
from pophub.settings import Settings

VERSION = "3.5.0.Final"
LOCK = Path(__file__).with_name("jars.lock")
START_S, RUN_S, POLL_S = 120, 300, 0.1
PARTITIONS = 2

WORKER = """\
bootstrap.servers={bootstrap}
listeners=http://127.0.0.1:{port}
plugin.path={plugins}
plugin.discovery=service_load
offset.storage.file.filename={folder}/offsets
offset.flush.interval.ms=1000
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
"""


class Connect:
    """A Kafka Connect worker that answers; `cpu_s` and `peak_mb` are its process's."""

    def __init__(self, settings: Settings, process: subprocess.Popen[bytes], port: int) -> None:
        self._settings = settings
        self._process = psutil.Process(process.pid)
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self.close = self._http.close

    def cpu_s(self) -> float:
        """Give the CPU seconds so far."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def peak_mb(self) -> float:
        """Give the peak of resident memory."""
        return peak_mb_of(self._process.pid)

    def answers(self) -> bool:
        """Tell whether the worker takes connectors."""
        try:
            return self._http.get("/connectors").status_code == 200
        except httpx.HTTPError:
            return False

    def copy(self, name: str, database: str, rows: int) -> float:
        """Copy the table into `<database>.bench.cong_dan`; give the seconds from the source's start on.

        Errors: RuntimeError when a connector fails or rows are missing in time.
        """
        topic = f"{name}.{source.TABLE}"
        Administrator(self._settings).ensure_topics({topic: PARTITIONS})
        superuser = self._settings.endpoints.postgres_superuser
        with closing(connect(self._settings, superuser, database=database)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("create schema bench")
                self._put(f"{name}-sink", _sink(self._settings, topic, database))
                self._wait(f"{name}-sink", lambda: self._tasks(f"{name}-sink") == PARTITIONS)
                begun = time.monotonic()
                self._put(f"{name}-source", _source(self._settings, name))
                self._wait(f"{name}-source", lambda: _count(cursor) >= rows)
                return time.monotonic() - begun

    def forget(self, name: str) -> None:
        """Remove the connectors, and what the source left in its database."""
        for part in ("source", "sink"):
            self._http.delete(f"/connectors/{name}-{part}")
        slot = "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s"
        with closing(source.open_source_database(self._settings)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                _until(lambda: _idle(cursor, name), f"the end of {name}", RUN_S)
                cursor.execute(slot, (name,))
                cursor.execute(f"drop publication if exists {name}")

    def _put(self, name: str, configuration: dict[str, str]) -> None:
        answer = self._http.put(f"/connectors/{name}/config", json=configuration)
        if answer.status_code >= 300:
            raise RuntimeError(f"Connect refused {name}: {answer.json().get('message', '')[:400]}")

    def _tasks(self, name: str) -> int:
        """Count the running tasks.

        Errors: RuntimeError with the first line of what made one fail.
        """
        answer = self._http.get(f"/connectors/{name}/status")
        state: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        parts = [state.get("connector", {}), *state.get("tasks", [])]
        if failed := [part for part in parts if part.get("state") == "FAILED"]:
            raise RuntimeError(f"{name} failed: {failed[0].get('trace', '')[:600]}")
        return sum(task["state"] == "RUNNING" for task in state.get("tasks", []))

    def _wait(self, name: str, done: Callable[[], bool]) -> None:
        looked = time.monotonic()

        def sound() -> bool:
            nonlocal looked
            if time.monotonic() - looked > 1:
                self._tasks(name)
                self._tasks(name.replace("-source", "-sink"))
                looked = time.monotonic()
            return done()

        _until(sound, name, RUN_S)


@contextmanager
def running(settings: Settings) -> Iterator[Connect]:
    """Start Kafka Connect with Debezium's connectors; end it afterwards."""
    folder = places.make_private(settings.home / "connect")
    plugins = jars.cache_folder().parent / "connect-plugins"
    jars.fetch_jars(LOCK, plugins / f"debezium-{VERSION}")
    port = ports.choose_free(settings)
    login = broker.client_configuration(settings).read_text()
    text = WORKER.format(
        bootstrap=settings.endpoints.kafka_bootstrap, port=port, plugins=plugins, folder=folder
    )
    for prefix in ("", "producer.", "consumer.", "admin."):
        text += "".join(f"{prefix}{line}\n" for line in login.splitlines())
    properties = places.write_private(folder / "worker.properties", text)
    command = [broker.java(), "-Xms256m", "-Xmx2g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
               "-cp", broker.class_path(), "org.apache.kafka.connect.cli.ConnectStandalone", str(properties)]  # fmt: skip
    log = folder / "connect.log"
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, cwd=folder) as process:
        worker = Connect(settings, process, port)
        try:
            _until(lambda: process.poll() is not None or worker.answers(), "Kafka Connect", START_S)
            if process.poll() is not None:
                raise RuntimeError(f"Kafka Connect ended while starting:\n{places.tail(log)}")
            yield worker
        finally:
            worker.close()
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


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


def _until(done: Callable[[], bool], what: str, limit_s: float) -> None:
    until = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > until:
            raise RuntimeError(f"waited {limit_s:.0f} s for {what}")
        time.sleep(POLL_S)
