"""The watchdog: a client call that makes no progress ends its process, which is started anew."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_STUCK = 75


@contextmanager
def deadline(seconds: float, what: str) -> Iterator[None]:
    """End this process when the block takes longer than `seconds`.

    A hung client cannot be interrupted safely; a new process reads where things stand. The
    supervisor, or Airflow's retry, starts it.
    """
    timer = threading.Timer(seconds, _end, (seconds, what))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(seconds: float, what: str) -> None:
    print(
        f"stage.stuck: {what} made no progress for {seconds:g} s; this process ends now",
        file=sys.stderr,
        flush=True,
    )
    os._exit(EXIT_STUCK)
