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
from typing import BinaryIO

import orjson

DENIED = re.compile(rb"Principal = User:([\w.-]{1,80}) is Denied")
REFUSED_READ = re.compile(
    rb"(?m)^(\d{4}-\d\d-\d\dT\S+) .*Principal = User:([\w.-]{1,80}) is Denied operation = (?:READ|DESCRIBE) "
    rb".* on resource = Topic:LITERAL:([\w.-]{1,249}) "
)
MOST_BYTES = 4 << 20
"""Read at a time, and the longest line that is put together; each look reads to the end of the log."""
ROTATED = (".2", ".1", "")
"""The log and what the supervisor keeps of it under other names, the oldest first."""
KEPT = ".denials"


class BrokerLog:
    """Reads the broker's log on from a place, over what it was rotated to, each line once; one that began anew from its start."""

    def __init__(self, log: Path, file: int = 0, at: int = 0) -> None:
        self._log, self.file, self.at = log, file, at

    def lines(self) -> Iterator[bytes]:
        """Give what was written since, in pieces of whole lines; nothing where there is no log here."""
        if self._log.exists():
            for path in self._unread():
                with path.open("rb") as log:
                    yield from self._read(log)

    def _unread(self) -> list[Path]:
        """Give the file that was read last and those that came after it; all, where it is gone."""
        there = [path for end in ROTATED if (path := self._log.with_name(self._log.name + end)).exists()]
        files = [path.stat().st_ino for path in there]
        return there[files.index(self.file) :] if self.file in files else there

    def _read(self, log: BinaryIO) -> Iterator[bytes]:
        status = os.fstat(log.fileno())
        if status.st_ino != self.file or status.st_size < self.at:
            self.file, self.at = status.st_ino, 0
        log.seek(self.at)
        begun = b""
        while piece := log.read(MOST_BYTES):
            whole, ending, begun = (begun + piece).rpartition(b"\n")
            if len(begun) >= MOST_BYTES:
                whole, ending, begun = whole + ending + begun, b"", b""
            self.at += len(whole) + len(ending)
            yield whole


class Denials:
    """Counts by principal since the log began, over restarts of who counts."""

    def __init__(self, log: Path) -> None:
        self._kept, self._log = log.with_name(log.name + KEPT), BrokerLog(log)
        self._found: Counter[str] = Counter()
        try:
            kept = orjson.loads(self._kept.read_bytes())
            self._log = BrokerLog(log, int(kept["file"]), int(kept["at"]))
            self._found.update({str(name): int(times) for name, times in kept["found"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._log = BrokerLog(log)  # none was kept: the log is counted from its start

    def counts(self) -> dict[str, int]:
        """Read on, and give how often each principal was denied something; nothing where there is no log here."""
        before = self._log.file, self._log.at
        for lines in self._log.lines():
            self._found.update(name.decode() for name in DENIED.findall(lines))
        if (self._log.file, self._log.at) != before:
            self._keep()
        return dict(sorted(self._found.items()))

    def _keep(self) -> None:
        told = {"file": self._log.file, "at": self._log.at, "found": self._found}
        draft = self._kept.with_name(f"{self._kept.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps(told))
        draft.replace(self._kept)


RefusedRead = tuple[datetime, str, str]
"""Who was not let read which topic: the hour (its beginning, UTC), principal, topic."""


def refused_reads(log: Path, file: int, at: int) -> tuple[Counter[RefusedRead], int, int]:
    """Count the reads that were refused since a place of the broker's log; give the place behind them as well."""
    found: Counter[RefusedRead] = Counter()
    read = BrokerLog(log, file, at)
    for lines in read.lines():
        for when, principal, topic in REFUSED_READ.findall(lines):
            hour = datetime.fromisoformat(when.decode()).astimezone(UTC)
            hour = hour.replace(minute=0, second=0, microsecond=0)
            found[hour, principal.decode(), topic.decode()] += 1
    return found, read.file, read.at
