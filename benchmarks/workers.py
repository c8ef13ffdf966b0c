"""pophub's own run: one process extracts, two workers with a lane each judge and share meanwhile."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from queue import Empty
from typing import Any

from pophub.collector import calm
from pophub.settings import Settings
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
    """What one process reports at its end; `settled` is the clock (monotonic) of its last commit."""

    name: str
    settled: float = 0.0
    peak_mb: float = 0.0
    stages: dict[str, Stage] = field(default_factory=dict)

    def measure(self, stage: str, work: Callable[[], int]) -> int:
        """Run one bounded drain; one that found nothing is not counted."""
        wall, cpu = time.monotonic(), time.process_time()
        records = work()
        if records:
            found = self.stages.setdefault(stage, Stage())
            found.wall_s += time.monotonic() - wall
            found.cpu_s += time.process_time() - cpu
            found.records += records
            self.settled = time.monotonic()
        return records

    def end(self) -> Worked:
        """Note the peak of resident memory."""
        self.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return self


@dataclass
class Signals:
    """How the processes wait for one another: all start warm and together."""

    ready: Any
    go: Event
    extracted: Event
    done: Queue[Any]


def _extractor(settings: Settings, stem: str, signals: Signals) -> None:
    worked = Worked("extract")
    hub = _warm(settings, stem)
    signals.ready.release()
    signals.go.wait(START_S)
    worked.measure("extract", lambda: int(hub.extract(stem)["rows"]))
    signals.extracted.set()
    signals.done.put(worked.end())


def _lane(settings: Settings, stem: str, lane: int, signals: Signals) -> None:
    worked = Worked(f"lane {lane}")
    hub = _warm(settings, stem)
    signals.ready.release()
    signals.go.wait(START_S)
    while True:
        last = signals.extracted.is_set()
        read = worked.measure("judge", lambda: int(hub.judge(stem, lanes=[lane])["read"]))
        if read:
            worked.measure("share", lambda: _published(hub.share(stem, lanes=[lane])))
        elif last:
            break
        else:
            time.sleep(PAUSE_S)
    signals.done.put(worked.end())


def _published(counts: dict[str, Any]) -> int:
    return int(counts["shared"])


def _warm(settings: Settings, stem: str) -> Hub:
    """Load what a long-lived worker has loaded: Great Expectations and the connector's files."""
    from pophub.gates.rules import preload

    preload()
    hub = Hub(settings)
    hub.connector(stem)
    calm()
    return hub


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


def run(settings: Settings, stem: str, lanes: int) -> tuple[float, list[Worked]]:
    """Carry the whole table through all stages; give the seconds from start to the last commit.

    Errors: RuntimeError when a process fails or hangs.
    """
    context = multiprocessing.get_context("spawn")
    signals = Signals(context.Semaphore(0), context.Event(), context.Event(), context.Queue())
    processes = [context.Process(target=_extractor, args=(settings, stem, signals), daemon=True)]
    processes += [
        context.Process(target=_lane, args=(settings, stem, lane, signals), daemon=True)
        for lane in range(lanes)
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
    return max(w.settled for w in worked) - begun, worked
