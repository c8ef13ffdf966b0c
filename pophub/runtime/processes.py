"""Processes that belong to a home: found by what they carry, never by a number in a file alone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

MARK = "POPHUB_SUPERVISED"
"""Environment variable of everything the supervisor starts: the home it was started for."""

PROGRAM = "POPHUB_PROGRAM"
"""Environment variable of everything below one program: the program's name."""


def environment(process: psutil.Process) -> dict[str, str]:
    """Read a process's environment; empty where it is gone or another user's."""
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def alive(process: psutil.Process) -> bool:
    """Tell whether the process runs still; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def belonging(home: Path, program: str | None = None) -> list[psutil.Process]:
    """Find the live processes started for this home, or for one program of it.

    The caller is left out.
    """
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        carried = environment(process)
        if carried.get(MARK) != str(home) or not alive(process):
            continue
        if program is None or carried.get(PROGRAM) == program:
            found.append(process)
    return found


def identify(pid_file: Path, home: Path) -> psutil.Process | None:
    """Give the process a PID file names, if it lives and was started for this home."""
    try:
        process = psutil.Process(int(pid_file.read_text().split()[0]))
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if alive(process) and environment(process).get(MARK) == str(home) else None


def end(found: Iterable[psutil.Process], *, how: signal.Signals, wait_s: float) -> None:
    """Signal the processes, wait, and kill those that stay."""
    waiting = [process for process in found if _signal(process, how)]
    deadline = time.monotonic() + wait_s
    while waiting and time.monotonic() < deadline:
        time.sleep(0.05)
        waiting = [process for process in waiting if alive(process)]
    for process in waiting:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(waiting, timeout=5)


def _signal(process: psutil.Process, how: signal.Signals) -> bool:
    try:
        process.send_signal(how)  # psutil compares the start time first: no reused number is hit
    except psutil.Error:
        return False
    return True


def proportional_bytes(found: Iterable[psutil.Process]) -> int:
    """Sum the memory of processes, pages they share counted once."""
    total = 0
    for process in found:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total
