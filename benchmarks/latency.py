"""From the commit at the source to the subscriber's hands, under a steady stream of changes.

`pophub stream` runs as a process of its own; a writer commits one change at a time, a consumer of
`sub.*` with the subscriber's own login notes when each arrives. Other parts watch other topics so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import confluent_kafka

from benchmarks import source
from benchmarks.rounds import SUBSCRIBER
from pophub.settings import Settings
from pophub.sharing.subscription import user_of

CHANGES_PER_S, WARM_CHANGES, CHANGES = 100, 300, 3_000
ARRIVE_S = 120
POPHUB = str(Path(sys.executable).with_name("pophub"))


def measured(own: Settings, stem: str, rows: int) -> dict[str, Any]:
    """Stream changes for half a minute; give percentiles in seconds from commit to consumer.

    Errors: RuntimeError where the stream ends, or a change does not arrive.
    """
    user = user_of(SUBSCRIBER)
    with streaming(own, stem) as stream:
        arrivals = Arrivals(own, f"sub.{SUBSCRIBER}.{stem}", user, lambda _, key: [key.decode()])
        return watched(own, arrivals, min(WARM_CHANGES + CHANGES, rows), lambda: stream.poll() is None)


def watched(settings: Settings, arrivals: Arrivals, total: int, lives: Callable[[], bool]) -> dict[str, Any]:
    """Commit so many changes one by one; give percentiles in seconds until each had arrived, but for the first ones.

    Errors: RuntimeError where what carries them lives no more, or a change does not arrive.
    """
    try:
        first, *others = _keys(settings, total)
        arrivals.wait(_write(settings, [first], lives), lives)  # by then all is loaded that is needed
        committed = _write(settings, others, lives)
        arrived = arrivals.wait(committed, lives)
    finally:
        arrivals.close()
    kept = list(committed)[min(WARM_CHANGES, total // 2) :]
    seconds = sorted(arrived[key] - committed[key] for key in kept)
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {"changes": len(kept), "changes_per_s": CHANGES_PER_S, "latency_p50_s": round(cuts[49], 3),
            "latency_p95_s": round(cuts[94], 3), "latency_p99_s": round(cuts[98], 3), "latency_max_s": round(seconds[-1], 3)}  # fmt: skip


def exists() -> bool:
    """Tell whether the hub has the command `stream`."""
    told = subprocess.run([POPHUB, "stream", "--help"], capture_output=True, check=False)
    return told.returncode == 0


@contextmanager
def streaming(own: Settings, stem: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `pophub stream <stem>` until the block ends."""
    environment = os.environ | {
        "POPHUB_PROJECT": str(own.project),
        "POPHUB_DATABASE": own.endpoints.database,
        "POPHUB_POSTGRES_PORT": str(own.endpoints.postgres_port),
        "POPHUB_KAFKA_BOOTSTRAP": own.endpoints.kafka_bootstrap,
    }
    command = [POPHUB, "stream", stem, *options]
    with subprocess.Popen(command, env=environment, stdout=sys.stderr) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


class Arrivals:
    """Notes when each key arrives on a topic; it starts behind all that is there.

    `keys_of` gives the keys of a message, by its value and key.
    """

    def __init__(
        self, settings: Settings, topic: str, user: str, keys_of: Callable[[bytes, bytes], Iterable[str]]
    ) -> None:
        self.arrived: dict[str, float] = {}
        self._keys_of = keys_of
        self._ended = threading.Event()
        self._consumer = confluent_kafka.Consumer({
            "bootstrap.servers": settings.endpoints.kafka_bootstrap, "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": user,
            "sasl.password": settings.secret(f"kafka.{user}"), "group.id": f"{SUBSCRIBER}.latency",
            "isolation.level": "read_committed", "enable.auto.commit": False, "fetch.wait.max.ms": 20,
        })  # fmt: skip
        lanes = self._consumer.list_topics(topic, 30).topics[topic].partitions
        places = [confluent_kafka.TopicPartition(topic, lane) for lane in lanes]
        for place in places:
            place.offset = self._consumer.get_watermark_offsets(place, 30)[1]
        self._consumer.assign(places)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._ended.is_set():
            message = self._consumer.poll(0.2)
            if message is not None and message.error() is None:
                now = time.monotonic()
                for key in self._keys_of(message.value(), message.key()):
                    self.arrived.setdefault(key, now)

    def wait(self, wanted: dict[str, float], lives: Callable[[], bool]) -> dict[str, float]:
        """Wait until all keys are there."""
        _until(lambda: wanted.keys() <= self.arrived.keys(), ARRIVE_S, lives)
        return self.arrived

    def close(self) -> None:
        """End the consumer."""
        self._ended.set()
        self._thread.join(5)
        self._consumer.close()


def _keys(own: Settings, total: int) -> list[str]:
    """Choose keys all over the table; each is changed once, so that its first message is that change."""
    with closing(source.open_source_database(own)) as connection, connection.cursor() as cursor:
        cursor.execute(f"select so_ddcn from {source.TABLE} order by md5(so_ddcn) limit %s", (total,))
        return [row[0] for row in cursor.fetchall()]


def _write(own: Settings, keys: list[str], lives: Callable[[], bool]) -> dict[str, float]:
    """Commit one change each hundredth of a second; give the moment before each commit, by key."""
    committed: dict[str, float] = {}
    with closing(source.open_source_database(own)) as connection, connection.cursor() as cursor:
        begun = time.monotonic()
        for number, key in enumerate(keys):
            if not lives():
                raise RuntimeError("what carries the changes ended")
            time.sleep(max(0.0, begun + number / CHANGES_PER_S - time.monotonic()))
            cursor.execute(
                f"update {source.TABLE} set ma_ho = ma_tinh || '-' || lpad(%s::text, 9, '8'), "
                "cap_nhat_luc = clock_timestamp() where so_ddcn = %s",
                (number, key),
            )
            committed[key] = time.monotonic()
            connection.commit()
    return committed


def _until(done: Callable[[], bool], limit_s: float, lives: Callable[[], bool]) -> None:
    until = time.monotonic() + limit_s
    while not done():
        if not lives():
            raise RuntimeError("what carries the changes ended")
        if time.monotonic() > until:
            raise RuntimeError(f"changes did not arrive within {limit_s:.0f} s")
        time.sleep(0.1)
