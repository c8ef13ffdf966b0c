"""Run a measurement in a fresh process, so that its peak of memory is its own."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Measured:
    """What a function gave, its seconds by the clock and of CPU, the peak of its process's memory in MB."""

    result: Any
    seconds: float
    cpu_s: float
    peak_mb: float


class Clock:
    """The seconds that count: a measured function starts it anew once it is warm."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Forget what came before: imports, connections, files read."""
        self._begun, self._cpu = time.monotonic(), time.process_time()

    def seconds(self) -> tuple[float, float]:
        """Give the seconds since the start: by the clock, and this process's of CPU."""
        return time.monotonic() - self._begun, time.process_time() - self._cpu


def peak_mb() -> float:
    """Give the peak of this process's resident memory; `ru_maxrss` may be that of its parent."""
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(work: Callable[..., Any], *given: Any) -> Measured:
    """Call `work(clock, *given)` in a process of its own and wait for it, without a limit.

    Errors: RuntimeError when the process ends without a result; its own message is above.
    """
    context = multiprocessing.get_context("spawn")
    done: Any = context.Queue()
    process = context.Process(target=_work, args=(work, given, done), daemon=True)
    process.start()
    while True:
        try:
            found = done.get(timeout=1)
            break
        except Empty:
            if process.exitcode is not None:
                raise RuntimeError(f"{work.__name__} ended with {process.exitcode}") from None
    process.join()
    return Measured(*found)


def _work(work: Callable[..., Any], given: tuple[Any, ...], done: Any) -> None:
    clock = Clock()
    result = work(clock, *given)
    done.put((result, *clock.seconds(), peak_mb()))
