"""Between the processes of a stream: who sent something to raw wakes whoever judges it."""

from __future__ import annotations

import os
import select
from contextlib import suppress


class Bell:
    """Wakes the one process that waits for it; rung often before it is heard, it wakes once.

    It has to be made before the processes are forked. It says that there may be something to do, never what:
    nothing is lost where it is not heard, and whoever hears it looks for itself.
    """

    def __init__(self) -> None:
        self._counter = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def ring(self) -> None:
        """Wake who waits, or whoever waits next."""
        with suppress(BlockingIOError):  # the counter is full: nobody has listened for long
            os.eventfd_write(self._counter, 1)

    def wait(self, seconds: float) -> bool:
        """Wait until it rings, or so long; tell whether it rang."""
        if not select.select([self._counter], [], [], seconds)[0]:
            return False
        with suppress(BlockingIOError):
            os.eventfd_read(self._counter)
        return True
