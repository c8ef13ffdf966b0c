"""What one builds by hand instead of pophub: dlt, Great Expectations and a Kafka producer in one process.

dlt's pyarrow backend reads; each chunk is judged before it is loaded, and what fails goes to a table of
its own; what was loaded is sent to one topic, the fields that pophub's subscriber is granted. Nothing is
exactly once: killed between loading and sending, the topic lacks rows.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import closing
from typing import Any

import psycopg2

from benchmarks import peers, source
from benchmarks.meter import peak_mb_of
from pophub.kafka.client import librdkafka
from pophub.settings import Settings

SENT = ("so_ddcn", "ho_ten", "ngay_sinh", "ma_tinh")
"""What goes to the topic, as the grant of `benchmarks/project/subscriptions/reader.yaml` says."""
KNOWN = (
    "select so_ddcn, ho_ten, ngay_sinh, so_cmnd, cap_nhat_luc from bench.cong_dan "
    "where so_ddcn = any(%s) or so_cmnd = any(%s)"
)
CHUNK_ROWS, POLLED_ROWS = 50_000, 5_000


def run(settings: Settings, database: str, topic: str) -> tuple[float, float, float]:
    """Carry the table into `<database>.bench.cong_dan` and the topic; give seconds, CPU seconds, peak in MB.

    Errors: RuntimeError when the peer fails or hangs.
    """
    return peers.in_a_process(_carry, settings, database, topic)


def _carry(settings: Settings, database: str, topic: str, done: Any) -> None:
    os.environ |= peers.QUIET
    import dlt
    import sqlalchemy  # noqa: F401
    from confluent_kafka import Producer
    from dlt.sources.sql_database import sql_table

    from benchmarks.handbuilt_rules import Rules

    schema, _, name = source.TABLE.partition(".")
    address = source.source_url(settings)
    target = peers.plain(address, database)
    producer = Producer(
        librdkafka(settings, "admin")
        | {"enable.idempotence": True, "linger.ms": 20, "compression.type": "lz4", "batch.size": 1 << 20,
           "queue.buffering.max.messages": 1_000_000}
    )  # fmt: skip
    producer.list_topics(topic, timeout=30)
    rules = Rules()
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench_handbuilt",
            pipelines_dir=folder,
            destination=dlt.destinations.postgres(credentials=target),
            dataset_name="bench",
        )
        begun, cpu = time.monotonic(), time.process_time()
        gate = Gate(rules, target)
        table = sql_table(
            credentials=address, schema=schema, table=name, backend="pyarrow", chunk_size=CHUNK_ROWS
        )
        table.apply_hints(write_disposition="merge", primary_key="so_ddcn")
        table.add_map(gate.judged)
        pipeline.run(table)
        if gate.rejected:
            pipeline.run(gate.rejected, table_name="rejected", write_disposition="append")
        for part in gate.accepted:
            _send(producer, topic, part)
        if producer.flush(60):
            raise RuntimeError("messages were not acknowledged in a minute")
        seconds, cpu_s = time.monotonic() - begun, time.process_time() - cpu
    done.put((seconds, cpu_s, peak_mb_of()))


class Gate:
    """Judges each chunk on its way; keeps what passed and what failed."""

    def __init__(self, rules: Any, target: str) -> None:
        self._rules = rules
        self._target = target
        self._earlier: list[Any] = []
        self.accepted: list[Any] = []
        self.rejected: list[dict[str, Any]] = []

    def judged(self, chunk: Any) -> Any:
        """Give the rows of an Arrow table that pass."""
        import pyarrow as pa

        frame = chunk.to_pandas()
        failing = self._rules.failing(frame, self._known(frame))
        if failing:
            rows = chunk.take(pa.array(sorted(failing))).to_pylist()
            self.rejected += [
                row | {"codes": ", ".join(failing[place])}
                for place, row in zip(sorted(failing), rows, strict=True)
            ]
            kept = [place for place in range(chunk.num_rows) if place not in failing]
            chunk, frame = chunk.take(pa.array(kept)), frame.iloc[kept]
        self._earlier.append(frame)
        self.accepted.append(chunk)
        return chunk

    def _known(self, frame: Any) -> Any:
        """Give what is stored or was let through before, under these keys or old numbers."""
        import pandas as pd

        from benchmarks.handbuilt_rules import NO_FRAME

        with closing(psycopg2.connect(self._target)) as connection, connection.cursor() as cursor:
            cursor.execute("select to_regclass('bench.cong_dan') is not null")
            if not (cursor.fetchone() or (False,))[0]:
                return pd.concat(self._earlier) if self._earlier else NO_FRAME
            cursor.execute(KNOWN, (frame["so_ddcn"].tolist(), frame["so_cmnd"].dropna().tolist()))
            stored = pd.DataFrame(cursor.fetchall(), columns=NO_FRAME.columns)
        return pd.concat([stored, *self._earlier])


def _send(producer: Any, topic: str, part: Any) -> None:
    """Send the granted fields of an Arrow table as JSON, a message a row, by key.

    Errors: RuntimeError where the broker refuses a message.
    """
    import orjson

    def delivered(error: Any, message: Any) -> None:
        if error is not None:
            raise RuntimeError(f"a message was refused: {error}")

    for number, row in enumerate(part.select(list(SENT)).to_pylist()):
        producer.produce(topic, orjson.dumps(row), row["so_ddcn"], on_delivery=delivered)
        if not number % POLLED_ROWS:
            producer.poll(0)
