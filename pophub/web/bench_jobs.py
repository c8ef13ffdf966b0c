"""What people try on the workbench, judged one after the other, each in a process of its own that is ended at its bounds."""

from __future__ import annotations

import difflib
import json
import subprocess
import sys
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Later
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pophub.contracts.pasted import NAMES, PastedFiles, in_force
from pophub.domain.errors import ConfigError, PophubError, TransientError
from pophub.settings import Settings

AT_ONCE_S = 1.5
MOST_S = 180
MOST_KEPT, MOST_WAITING = 50, 4


@dataclass
class BenchJob:
    """Three texts that somebody pasted, and what came of them: `told` is that of `pophub.scoring.bench`."""

    number: int
    files: PastedFiles
    stem: str
    rows: str
    by: str
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    told: dict[str, Any] | None = None
    error: PophubError | None = None
    asked: Future[None] | None = None


class BenchJobs:
    """The newest of this process; nothing of them is written anywhere."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bench")
        self._jobs: OrderedDict[int, BenchJob] = OrderedDict()
        self._last = 0

    def start(self, files: PastedFiles, stem: str, rows: str, by: str) -> BenchJob:
        """Begin to judge, and give what it is known by.

        Errors: `page.busy` where many wait.
        """
        with self._lock:
            if sum(one.asked is None or not one.asked.done() for one in self._jobs.values()) >= MOST_WAITING:
                raise TransientError(
                    "page.busy", "other connectors are being tried", where="workbench", remedy="try again in a minute"
                )  # fmt: skip
            self._last += 1
            job = self._jobs[self._last] = BenchJob(self._last, files, stem, rows, by)
            while len(self._jobs) > MOST_KEPT:
                self._jobs.popitem(last=False)
        job.asked = self._thread.submit(self._judge, job)
        self._wait(job, AT_ONCE_S)
        return job

    def find(self, number: int, by: str) -> BenchJob | None:
        """Give a job of somebody; to others it is not there, since what was pasted may be of persons."""
        with self._lock:
            job = self._jobs.get(number)
        if job is None or job.by != by:
            return None
        self._wait(job, 0)
        return job

    @staticmethod
    def _wait(job: BenchJob, seconds: float) -> None:
        if job.asked is None:
            return
        try:
            job.asked.result(seconds)
        except Later:
            return

    def _judge(self, job: BenchJob) -> None:
        asked = {
            "files": job.files, "stem": job.stem, "rows": job.rows, "project": str(self._settings.project),
        }  # fmt: skip
        try:
            done = subprocess.run(
                [sys.executable, "-B", "-m", "pophub.scoring.bench"], input=json.dumps(asked), capture_output=True,
                text=True, timeout=MOST_S, check=False, cwd="/", env={"LANG": "C.UTF-8"},
            )  # fmt: skip
            if done.returncode == 0:
                job.told = json.loads(done.stdout)
            else:
                job.error = _bounds() if done.returncode < 0 or "MemoryError" in done.stderr else _broken()
        except subprocess.TimeoutExpired:
            job.error = _bounds()
        except (OSError, ValueError):  # no process could be made, or it said what is no answer
            job.error = _broken()


def _bounds() -> ConfigError:
    return ConfigError(
        "page.bounds", "it took more time or memory than the workbench gives", where="workbench",
        remedy="look for a pattern that goes back and forth, such as (a+)+",
    )  # fmt: skip


def _broken() -> TransientError:
    return TransientError(
        "page.broken", "what judges gave no answer", where="workbench",
        remedy="try it again; tell who operates the hub where it stays so",
    )  # fmt: skip


def differences(settings: Settings, job: BenchJob) -> list[tuple[str, list[str]]]:
    """Give what each text changes of the file in force, as lines that begin with +, - or a space; only changed ones."""
    if not job.stem:
        return []
    before = in_force(settings.project, job.stem)
    found: list[tuple[str, list[str]]] = []
    for name, old, new in zip(NAMES, before, job.files, strict=True):
        lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)
        shown = [line for line in lines if not line.startswith(("---", "+++"))]
        if shown:
            found.append((name, shown))
    return found
