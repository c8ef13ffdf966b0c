"""Whom the embedded broker denied something, counted from its log as it grows; each line of the log is read once."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import BinaryIO

DENIED = re.compile(rb"Principal = User:([\w.-]{1,80}) is Denied")
MOST_BYTES = 4 << 20
"""Read at a time, and the longest line that is put together; each look reads to the end of the log."""


class Denials:
    """Counts by principal since the log began; a log that began anew is read from its start."""

    def __init__(self, log: Path) -> None:
        self._log, self._at, self._file = log, 0, 0
        self._found: Counter[str] = Counter()

    def counts(self) -> dict[str, int]:
        """Read on, and give how often each principal was denied something; nothing where there is no log here."""
        if self._log.exists():
            with self._log.open("rb") as log:
                self._read(log)
        return dict(sorted(self._found.items()))

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
