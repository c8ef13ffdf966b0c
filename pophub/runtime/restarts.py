"""How often the supervisor had to start each program again: told by its own log."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from pophub.settings import Settings

_BEGUN = " INFO supervisord started with pid "
_ENDED = re.compile(r" (?:INFO|WARN) exited: (?P<name>[a-z-]+) \(")


def restarts(settings: Settings) -> Counter[str]:
    """Count for each program how often it ended by itself since the supervisor started.

    A program that was told to end is not counted; each other one was started again. The log holds at
    least the last two megabytes: some ten thousand ends.
    """
    log = settings.home / "supervisor" / "supervisord.log"
    found: Counter[str] = Counter()
    for path in (log.with_name(f"{log.name}.1"), log):
        for line in _lines(path):
            if _BEGUN in line:
                found.clear()
            elif (ended := _ENDED.search(line)) is not None:
                found[ended["name"]] += 1
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
