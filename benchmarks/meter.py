"""What a way costs beside its time: CPU seconds, memory, bytes on disk and on the wire."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import psutil

from pophub.postgres import connect, only_row
from pophub.runtime import processes
from pophub.settings import Settings

SERVERS = ("postgres", "kafka")
SAMPLE_S = 0.25
MB = 1 << 20


@dataclass
class Ran:
    """One way in one round.

    Units: CPU seconds and peak memory in MB by process; bytes on disk by place, all that were added;
    bytes over the loopback interface, by whichever process.
    """

    seconds: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)
    disk_bytes: dict[str, int] = field(default_factory=dict)
    wire_bytes: int = 0


class Meter:
    """Measures the servers from enter to exit; `ran` then holds the figures, but for the way's own."""

    def __init__(self, settings: Settings, database: str, topics: tuple[str, ...] = ()) -> None:
        self.ran = Ran()
        self._settings = settings
        self._database = database
        self._topics = topics
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Meter:
        self._disk = self._on_disk()
        self._cpu = {name: cpu_s(self._settings, name) for name in SERVERS}
        self._wire = _wire_bytes()
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._sampler.join()
        if kind is not None:
            return
        self.ran.wire_bytes = _wire_bytes() - self._wire
        for name in SERVERS:
            self.ran.cpu_s[name] = cpu_s(self._settings, name) - self._cpu[name]
        after = self._on_disk()
        self.ran.disk_bytes = {place: after[place] - self._disk[place] for place in after}

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            for name in SERVERS:
                peak = _memory_mb(self._settings, name)
                self.ran.peak_mb[name] = max(peak, self.ran.peak_mb.get(name, 0.0))

    def _on_disk(self) -> dict[str, int]:
        """Give the bytes of database, write-ahead log and topics as they are now."""
        connection = connect(self._settings, self._settings.endpoints.postgres_superuser)
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "select coalesce((select pg_database_size(oid) from pg_database where datname = %s), 0), "
                    "pg_current_wal_insert_lsn() - '0/0'::pg_lsn",
                    (self._database,),
                )
                database, log = only_row(cursor)
        finally:
            connection.close()
        found = {"database": int(database), "write-ahead log": int(log)}
        return found | {f"{topic}.*": self._topic_bytes(topic) for topic in self._topics}

    def _topic_bytes(self, topic: str) -> int:
        data = Path(self._settings.home, "kafka", "data")
        return sum(path.stat().st_size for path in data.glob(f"{topic}.*/*.log"))


def family(settings: Settings, program: str | None = None) -> list[psutil.Process]:
    """Find a server's processes, or all of the home; PostgreSQL's backends overwrite the mark in their environment."""
    found = {process.pid: process for process in processes.belonging(settings.home, program)}
    for process in list(found.values()):
        found |= {child.pid: child for child in process.children(recursive=True)}
    return list(found.values())


def cpu_s(settings: Settings, program: str | None = None) -> float:
    """Give the CPU seconds of a server, or of all of the home, so far, of its backends that ended too."""
    total = 0.0
    for process in family(settings, program):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _memory_mb(settings: Settings, program: str) -> float:
    """Give a server's resident memory, pages that its processes share counted once."""
    own, shared = 0, 0
    for process in family(settings, program):
        try:
            memory = process.memory_info()
        except psutil.Error:
            continue
        common = getattr(memory, "shared", 0)
        own, shared = own + memory.rss - common, max(shared, common)
    return (own + shared) / MB


def _wire_bytes() -> int:
    counters = psutil.net_io_counters(pernic=True)
    return int(next(counters[name].bytes_sent for name in ("lo", "lo0") if name in counters))


def peak_mb_of(process: int | str = "self") -> float:
    """Give the peak of a process's resident memory; `ru_maxrss` may be that of its parent."""
    status = Path(f"/proc/{process}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return psutil.Process(None if process == "self" else int(process)).memory_info().rss / MB
