"""What lies outside the database: a short digest of each row and stretch that a checkpoint signed, and the checkpoints' names.

A superuser can rewrite rows, chains and lane rows alike; the signed heads tell that it happened,
these files tell at which row. They hold nothing personal. One file a lane, eight bytes a row.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from pathlib import Path

from pophub.settings import Settings

PREFIX_BYTES = 8
_UNKNOWN = bytes(PREFIX_BYTES)


class Witness:
    """The files of one hub."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._folder = settings, settings.home / "ledger"

    def keep(self, lane: Sequence[object], first: int, prefixes: bytes) -> None:
        """Write the digests of a lane's rows from number `first` (1 is the lane's first row)."""
        if not prefixes:
            return
        self._settings.folder("ledger")
        handle = os.open(self._path(lane), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(handle, prefixes, (first - 1) * PREFIX_BYTES)
        finally:
            os.close(handle)

    def rows(self, lane: Sequence[object], upto: int) -> KeptRows:
        """Give what is known of a lane's first `upto` rows: those that a checkpoint signed."""
        path = self._path(lane)
        if not path.exists() or path.stat().st_size == 0:
            return KeptRows(b"", 0)
        with path.open("rb") as file:
            return KeptRows(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), upto)

    def name(self, number: int, fingerprint: str) -> None:
        """Note that a checkpoint was signed."""
        self._settings.folder("ledger")
        handle = os.open(self._folder / "checkpoints", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, f"{number} {fingerprint}\n".encode())
        finally:
            os.close(handle)

    def names(self) -> dict[int, str]:
        """Give the checkpoints that were noted."""
        path = self._folder / "checkpoints"
        lines = path.read_text().splitlines() if path.exists() else []
        pairs = (line.split() for line in lines)
        return {int(pair[0]): pair[1] for pair in pairs if len(pair) == 2}

    def _path(self, lane: Sequence[object]) -> Path:
        return self._folder / (".".join(map(str, lane)) + ".rows")


class KeptRows:
    """The kept digests of one lane, mapped, so that memory stays flat."""

    def __init__(self, data: bytes | mmap.mmap, upto: int) -> None:
        self._data = data
        self._upto = upto

    def at(self, number: int) -> bytes | None:
        """Give what was kept of a row, None where nothing was."""
        if number > self._upto:
            return None
        found = self._data[(number - 1) * PREFIX_BYTES : number * PREFIX_BYTES]
        return found if len(found) == PREFIX_BYTES and found != _UNKNOWN else None

    def close(self) -> None:
        """Give the mapping back: what was read of it counts as this process's memory."""
        if isinstance(self._data, mmap.mmap):
            self._data.close()

    def later(self, number: int, digest: bytes) -> bool:
        """Tell whether a row after `number` had this digest."""
        wanted, at = digest[:PREFIX_BYTES], number * PREFIX_BYTES
        while (at := self._data.find(wanted, at, self._upto * PREFIX_BYTES)) >= 0:
            if at % PREFIX_BYTES == 0:
                return True
            at += 1
        return False
