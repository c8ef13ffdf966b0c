"""One worker a lane: whoever comes second waits until it is free, or until the end that it saw is passed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from pophub.domain.errors import TransientError

LANE_WAIT_S = 120


class Locked(Protocol):
    """A store whose lanes have one worker each."""

    def worker_lock(self, lane: int) -> str | None:
        """Take the lane's lock, or name who holds it."""
        ...


def own_lane(store: Locked, lane: int, passed: Callable[[], bool], where: str) -> bool:
    """Become the lane's one worker; false when another worker has passed the end that was seen.

    Errors: `lane.busy`, naming the holder, when neither comes true in time.
    """
    until = time.monotonic() + LANE_WAIT_S
    while holder := store.worker_lock(lane):
        if passed():
            return False
        if time.monotonic() > until:
            raise TransientError(
                "lane.busy",
                f"the lane is held by {holder}",
                where=where,
                remedy="wait for it, or end it; a retry follows",
            )
        time.sleep(0.2)
    return True
