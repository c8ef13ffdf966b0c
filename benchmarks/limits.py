"""The limit beside each step: what the part below it does alone with the same rows, on this machine."""

from __future__ import annotations

import io
import re
import subprocess
import time
from contextlib import closing
from typing import Any

from benchmarks import hubs, source
from pophub.kafka import Administrator
from pophub.postgres import Cursor, connect
from pophub.runtime import broker
from pophub.settings import Settings

DATABASE, TOPIC, PARTITIONS = "bench_limit", "bench.limit", 2
FRAME_ROWS = 5_000
LEAST_MESSAGES = 200_000
RULES = 12
SHAPE = (
    "so_ddcn text, ho_ten text, ngay_sinh text, gioi_tinh text, ma_tinh text, ma_ho text, so_cmnd text, "
    "da_xoa boolean, cap_nhat_luc timestamptz"
)


def measured(settings: Settings, rows: int, message_bytes: int) -> dict[str, Any]:
    """Measure all limits; microseconds a record.

    `message_bytes` is the size of a message that a subscriber gets.
    """
    found: dict[str, Any] = {"rows": rows, "message_bytes": message_bytes, "rules": RULES}
    found["us"] = (
        _copy(settings, rows) | _broker(settings, rows, message_bytes) | _great_expectations(settings)
    )
    return found


def _us(seconds: float, rows: int) -> float:
    return round(seconds / rows * 1e6, 2)


def _copy(settings: Settings, rows: int) -> dict[str, float]:
    """COPY the table out, COPY it into a new table with its primary key, upsert it once more."""
    hubs.make_database(settings, DATABASE)
    superuser = settings.endpoints.postgres_superuser
    text = io.StringIO()
    columns = ", ".join(source.COLUMNS)
    with closing(source.open_source_database(settings)) as connection, connection.cursor() as cursor:
        out = _timed(lambda: cursor.copy_expert(f"copy {source.TABLE} ({columns}) to stdout", text))
    database = connect(settings, superuser, database=DATABASE)
    with closing(database), database.cursor() as cursor:
        cursor.execute(f"create table people ({SHAPE}, primary key (so_ddcn))")
        cursor.execute(f"create temporary table staged ({SHAPE})")
        database.commit()
        into = _timed(lambda: (_load(cursor, "people", text), database.commit()))
        _load(cursor, "staged", text)
        sets = ", ".join(f"{name} = excluded.{name}" for name in source.COLUMNS[1:])
        statement = f"insert into people select * from staged on conflict (so_ddcn) do update set {sets}"
        upsert = _timed(lambda: (cursor.execute(statement), database.commit()))
    hubs.drop_database(settings, DATABASE)
    return {"COPY out": _us(out, rows), "COPY in": _us(into, rows), "upsert of known keys": _us(upsert, rows)}


def _load(cursor: Cursor, table: str, text: io.StringIO) -> None:
    text.seek(0)
    cursor.copy_expert(f"copy {table} from stdin", text)


def _timed(work: Any) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def _broker(settings: Settings, rows: int, message_bytes: int) -> dict[str, float]:
    """Let Kafka's own Java programs send and read messages of that size, all acknowledged.

    They send more than the table has, the first of them uncounted, lest Java's start weigh on it.
    """
    count = max(rows, LEAST_MESSAGES)
    Administrator(settings).ensure_topics({TOPIC: PARTITIONS})
    login = str(broker.client_configuration(settings))
    common = ("--bootstrap-server", settings.endpoints.kafka_bootstrap, "--topic", TOPIC)
    sent = _java(
        "ProducerPerformance", *common, "--num-records", str(2 * count), "--warmup-records", str(count), "--throughput", "-1",
        "--record-size", str(message_bytes), "--command-config", login,
        "--command-property", "acks=all", "linger.ms=20", "batch.size=1048576",
    )  # fmt: skip
    rate = re.findall(r"([\d.]+) records/sec", sent)
    read = _java(
        "ConsumerPerformance", *common, "--num-records", str(2 * count), "--hide-header", "--command-config", login,
    )  # fmt: skip
    line = next(line for line in read.splitlines() if line.count(",") >= 9).split(",")
    fetched_per_s = float(line[9])
    return {
        "Java producer": round(1e6 / float(rate[-1]), 2),
        "Java consumer": round(1e6 / fetched_per_s, 2),
    }


def _java(tool: str, *arguments: str) -> str:
    command = [broker.java(), "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
               "-cp", broker.class_path(), f"org.apache.kafka.tools.{tool}", *arguments]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{tool} ended with {done.returncode}: {(done.stdout + done.stderr)[-400:]}")
    return done.stdout


def _great_expectations(settings: Settings) -> dict[str, float]:
    """Judge the table by expectations that ship with the library, as its guide shows, in frames.

    Errors: RuntimeError when the library finds a failure in sound rows.
    """
    from benchmarks.bare import judge_frames

    with closing(source.open_source_database(settings)) as connection, connection.cursor() as cursor:
        cursor.execute(f"select so_ddcn, ho_ten, ngay_sinh, gioi_tinh, ma_tinh, ma_ho from {source.TABLE}")
        rows = cursor.fetchall()
    return {"bare Great Expectations": _us(judge_frames(rows, FRAME_ROWS), len(rows))}
