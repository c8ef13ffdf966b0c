"""Jobs that take longer than a page may: previews and replays, one after the other in a thread of this process.

A replay that ends with the process goes on with the next one of the same selection, as that of a command does.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Later
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pophub.domain.errors import PophubError
from pophub.quarantine.selection import Selection
from pophub.settings import Settings
from pophub.wiring import Hub

AT_ONCE_S = 1.5
MOST_KEPT = 100
OUTCOMES = ("shared", "superseded", "duplicate", "quarantined", "unreadable")


@dataclass
class Job:
    """A preview or a replay of a selection, and how far it is. Shape: `counts` by outcome, once it is over."""

    number: int
    dry: bool
    by: str
    chosen: Selection
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    judged: int = 0
    total: int = 0
    counts: dict[str, Any] | None = None
    error: PophubError | None = None
    asked: Future[None] | None = None

    def moved(self, judged: int, total: int) -> None:
        """Take how far it is."""
        self.judged, self.total = self.judged + judged, max(total, self.judged)


class Jobs:
    """The jobs of this process, the newest hundred."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="work")
        self._jobs: OrderedDict[int, Job] = OrderedDict()
        self._last = 0

    def start(self, chosen: Selection, by: str, dry: bool) -> Job:
        """Start a job and give it, over where it does not take long."""
        with self._lock:
            self._last += 1
            job = self._jobs[self._last] = Job(self._last, dry, by, chosen)
            while len(self._jobs) > MOST_KEPT:
                self._jobs.popitem(last=False)
        job.asked = self._thread.submit(self._replay, job)
        self._wait(job.asked, AT_ONCE_S)
        return job

    def find(self, number: int) -> Job | None:
        """Give a job of this process; one that broke for a reason of our own breaks the page too."""
        with self._lock:
            job = self._jobs.get(number)
        if job is not None and job.asked is not None:
            self._wait(job.asked, 0)
        return job

    def _replay(self, job: Job) -> None:
        try:
            stem = job.chosen.stem or ""
            job.counts = Hub(self._settings).replay(stem, job.by, job.chosen, dry=job.dry, progress=job.moved)
        except PophubError as error:
            job.error = error

    @staticmethod
    def _wait(asked: Future[None], seconds: float) -> None:
        try:
            asked.result(seconds)
        except Later:
            return
