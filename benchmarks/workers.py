"""pophub's own run: one process extracts, workers with a lane each judge and share meanwhile."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from queue import Empty
from typing import Any

from benchmarks.meter import peak_mb_of
from benchmarks.steps import Collector, Taken
from pophub.process.memory import calm
from pophub.settings import Settings
from pophub.streaming import LaneWorker
from pophub.wiring import Hub

START_S, RUN_S, PAUSE_S = 120, 300, 0.02


@dataclass
class Stage:
    """What one stage took in one process: seconds by the clock, CPU seconds, records."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    records: int = 0


@dataclass
class Worked:
    """What one process reports at its end; `settled` is the clock (monotonic) of its last commit.

    Units: `first_s` seconds from the start of the run to the first stage that found something.

    Shape: `steps` has the own time of each (stage, step) where steps are measured, `missing` the
    functions that are not there to be measured.
    """

    name: str
    settled: float = 0.0
    first_s: float = 0.0
    peak_mb: float = 0.0
    cpu_s: float = 0.0
    stages: dict[str, Stage] = field(default_factory=dict)
    steps: dict[tuple[str, str], Taken] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    _collector: Collector | None = None

    def begin(self, collector: Collector | None) -> Worked:
        """Start counting the process's CPU."""
        self._collector = collector
        self.cpu_s = -time.process_time()
        return self

    def measure(self, stage: str, work: Callable[[], int]) -> int:
        """Run one bounded drain; one that found nothing is not counted."""
        wall, cpu = time.monotonic(), time.process_time()
        with self._collector.step(stage, "rest") if self._collector else nullcontext():
            records = work()
        if records:
            self.first_s = self.first_s or wall
            found = self.stages.setdefault(stage, Stage())
            found.wall_s += time.monotonic() - wall
            found.cpu_s += time.process_time() - cpu
            found.records += records
            self.settled = time.monotonic()
        return records

    def end(self) -> Worked:
        """Note CPU and the peak of resident memory."""
        self.cpu_s += time.process_time()
        self.peak_mb = peak_mb_of()
        if self._collector is not None:
            self.steps, self.missing = self._collector.taken, self._collector.missing
        self._collector = None
        return self


@dataclass
class Signals:
    """How the processes wait for one another: all start warm and together."""

    ready: Any
    go: Event
    extracted: Event
    done: Queue[Any]


def _extractor(settings: Settings, stem: str, steps: bool, signals: Signals) -> None:
    hub, collector = _warm(settings, stem, steps)
    signals.ready.release()
    signals.go.wait(START_S)
    worked = Worked("extract").begin(collector)
    worked.measure("extract", lambda: int(hub.extract(stem)["rows"]))
    signals.extracted.set()
    signals.done.put(worked.end())


def _worker(
    settings: Settings, stem: str, number: int, lanes: list[int], steps: bool, signals: Signals
) -> None:
    hub, collector = _warm(settings, stem, steps)
    own = [LaneWorker(hub, stem, lane) for lane in lanes]
    signals.ready.release()
    signals.go.wait(START_S)
    worked = Worked(f"worker {number}").begin(collector)
    while True:
        last = signals.extracted.is_set()
        read = 0
        for worker in own:
            if found := worked.measure("judge", lambda worker=worker: worker.judge().read):  # type: ignore[misc]
                worked.measure("share", lambda worker=worker: worker.share()["shared"].records)  # type: ignore[misc]
            read += found
        if not read and last:
            break
        if not read:
            time.sleep(PAUSE_S)
    for worker in own:
        worker.close()
    signals.done.put(worked.end())


def _warm(settings: Settings, stem: str, steps: bool) -> tuple[Hub, Collector | None]:
    """Load what a long-lived worker has loaded: Great Expectations and the connector's files."""
    from pophub.gates.rules import preload

    preload()
    collector = Collector() if steps else None
    if collector is not None:
        collector.install()
    hub = Hub(settings)
    hub.connector(stem)
    calm()
    return hub, collector


def _reports(signals: Signals, processes: list[Any]) -> list[Worked]:
    """Wait for each process's report; one that ended without is an error at once."""
    worked: list[Worked] = []
    until = time.monotonic() + RUN_S
    while len(worked) < len(processes):
        try:
            worked.append(signals.done.get(timeout=1))
        except Empty:
            if time.monotonic() > until or any(p.exitcode for p in processes):
                raise RuntimeError("a worker failed or hangs; see its message above") from None
    return worked


def run(
    settings: Settings, stem: str, lanes: int, *, workers: int | None = None, steps: bool = False
) -> tuple[float, list[Worked]]:
    """Carry the whole table through all stages; give the seconds from start to the last commit.

    A worker a lane unless told; `steps` measures each step, which costs a little itself.

    Errors: RuntimeError when a process fails or hangs.
    """
    context = multiprocessing.get_context("spawn")
    signals = Signals(context.Semaphore(0), context.Event(), context.Event(), context.Queue())
    count = workers or lanes
    processes = [context.Process(target=_extractor, args=(settings, stem, steps, signals), daemon=True)]
    processes += [
        context.Process(
            target=_worker,
            args=(settings, stem, number, list(range(number, lanes, count)), steps, signals),
            daemon=True,
        )
        for number in range(count)
    ]
    for process in processes:
        process.start()
    try:
        for _ in processes:
            if not signals.ready.acquire(timeout=START_S):
                raise RuntimeError("a worker did not start")
        begun = time.monotonic()
        signals.go.set()
        worked = _reports(signals, processes)
    finally:
        signals.extracted.set()
        for process in processes:
            process.join(5)
            process.kill()
    for one in worked:
        one.first_s -= begun
    return max(w.settled for w in worked) - begun, worked
