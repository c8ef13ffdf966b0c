"""Keeps the processes of a stream running: forked from one that has everything loaded, so that they
share its memory; started anew when they end, later each time; ended together.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from pophub.streaming.tasks import tell
from pophub.streaming.worker import Part, Worker
from pophub.wiring import Hub

GRACE_S = 4.5  # to end at a commit; then a kill, which loses nothing either
FIRST_S, MOST_S, WELL_S = 1.0, 30.0, 60.0
CRASHED = 70


@dataclass
class _Child:
    """A part and its process, or when that is started again."""

    part: Part
    pid: int | None = None
    started: float = 0.0
    due: float = 0.0
    deaths: int = 0


class Supervisor:
    """Runs the parts of a stream, a process each, until it is told to end."""

    def __init__(self, hub: Hub, parts: Sequence[Part]) -> None:
        self._hub = hub
        self._children = [_Child(part) for part in parts]
        self._ended_by = 0

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; give the signal."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        while not self._ended_by:
            for child in self._children:
                self._look_after(child)
            time.sleep(0.1)
        self._end_all()
        return self._ended_by

    def _end(self, number: int, _frame: object) -> None:
        self._ended_by = number

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.pid is None:
            if now >= child.due:
                self._start(child)
        elif how := _ended(child):
            child.deaths = 1 if now - child.started > WELL_S else child.deaths + 1
            wait_s = min(MOST_S, FIRST_S * 2 ** min(child.deaths - 1, 10))
            child.due = now + wait_s
            tell(f"{child.part.name}: ended by {how}; started again in {wait_s:.0f} s")

    def _start(self, child: _Child) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        pid = os.fork()
        if pid == 0:
            _become(self._hub, child.part)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        child.pid, child.started = pid, time.monotonic()

    def _end_all(self) -> None:
        """Ask all to end, and kill those that do not end in time."""
        until = time.monotonic() + GRACE_S
        living = [child for child in self._children if child.pid is not None]
        for child in living:
            _signal(child, signal.SIGTERM)
        while living and time.monotonic() < until:
            living = [child for child in living if not _ended(child)]
            time.sleep(0.02)
        for child in living:
            tell(f"{child.part.name}: did not come to a commit in time, and is killed; nothing is lost")
            _signal(child, signal.SIGKILL)
        while any(not _ended(child) for child in living):
            time.sleep(0.02)


def _become(hub: Hub, part: Part) -> None:
    """Be the process of a part, in a fork; never return."""
    code = CRASHED
    try:
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # a terminal's Ctrl-C goes to all: the supervisor tells us
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        worker = Worker(hub, part)
        worker.listen()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        worker.run()
        code = 0
    except BaseException as error:  # its text may hold a record's values
        where = traceback.extract_tb(error.__traceback__)[-1]
        tell(f"{part.name}: {type(error).__name__} in {where.name}, line {where.lineno}")
    finally:
        os._exit(code)


def _ended(child: _Child) -> str:
    """Say how a process ended, once; an empty text while it lives."""
    if child.pid is None:
        return "now"
    pid, status = os.waitpid(child.pid, os.WNOHANG)
    if pid == 0:
        return ""
    child.pid = None
    code = os.waitstatus_to_exitcode(status)
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _signal(child: _Child, number: signal.Signals) -> None:
    if child.pid is not None:
        os.kill(child.pid, number)
