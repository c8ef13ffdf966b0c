"""Whom the embedded broker denied something, counted from its log as it grows, each line once; refused reads by their hour.

What was counted, and how far, is kept beside the log: a counter that began anew with the process would let old
denials ring as new ones.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

DENIED = re.compile(rb"Principal = User:([\w.-]{1,80}) is Denied")
REFUSED_READ = re.compile(
    rb"\A(\d{4}-\d\d-\d\dT\S+) .*Principal = User:([\w.-]{1,80}) is Denied operation = (?:READ|DESCRIBE) "
    rb".* on resource = Topic:LITERAL:([\w.-]{1,249}) "
)
MOST_BYTES = 4 << 20
"""Read at a time, and the longest line that is put together; each look reads to the end of the log."""
ROTATED = (".2", ".1", "")
"""The log and what the supervisor keeps of it under other names, the oldest first."""
KEPT = ".denials"


class Denials:
    """Counts by principal since the log began, over restarts of who counts; a log that began anew is read from its start."""

    def __init__(self, log: Path) -> None:
        self._log, self._kept = log, log.with_name(log.name + KEPT)
        self._at, self._file = 0, 0
        self._found: Counter[str] = Counter()
        try:
            kept = orjson.loads(self._kept.read_bytes())
            self._at, self._file = int(kept["at"]), int(kept["file"])
            self._found.update({str(name): int(times) for name, times in kept["found"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._at, self._file = 0, 0  # none was kept: the log is counted from its start

    def counts(self) -> dict[str, int]:
        """Read on, and give how often each principal was denied something; nothing where there is no log here."""
        if self._log.exists():
            before = self._file, self._at
            for name in self._unread():
                with name.open("rb") as log:
                    self._read(log)
            if (self._file, self._at) != before:
                self._keep()
        return dict(sorted(self._found.items()))

    def _unread(self) -> list[Path]:
        """Give the file that was read last and those that came after it; all, where it is gone."""
        there = [path for end in ROTATED if (path := self._log.with_name(self._log.name + end)).exists()]
        files = [path.stat().st_ino for path in there]
        return there[files.index(self._file) :] if self._file in files else there

    def _keep(self) -> None:
        told = {"file": self._file, "at": self._at, "found": self._found}
        draft = self._kept.with_name(f"{self._kept.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps(told))
        draft.replace(self._kept)

    def _read(self, log: BinaryIO) -> None:
        status = os.fstat(log.fileno())
        if status.st_ino != self._file or status.st_size < self._at:
            self._file, self._at = status.st_ino, 0
        log.seek(self._at)
        begun = b""
        while piece := log.read(MOST_BYTES):
            whole, ending, begun = (begun + piece).rpartition(b"\n")
            if len(begun) >= MOST_BYTES:
                whole, ending, begun = whole + ending + begun, b"", b""
            self._at += len(whole) + len(ending)
            self._found.update(name.decode() for name in DENIED.findall(whole))


class RefusedRead(NamedTuple):
    """Who was not let read which topic, in which hour (its beginning, UTC)."""

    hour: datetime
    principal: str
    topic: str


def refused_reads(logs: Path) -> Counter[RefusedRead]:
    """Count the refused reads that the broker's log and what it was rotated to still tell; none where there is no log."""
    found: Counter[RefusedRead] = Counter()
    for path in (logs / f"kafka.log{suffix}" for suffix in ROTATED):
        if path.exists():
            with path.open("rb") as log:
                found.update(_refused(log))
    return found


def _refused(log: BinaryIO) -> Iterator[RefusedRead]:
    for line in log:
        if (match := REFUSED_READ.match(line)) is None:
            continue
        at, principal, topic = (part.decode() for part in match.groups())
        hour = datetime.fromisoformat(at).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        yield RefusedRead(hour, principal, topic)
