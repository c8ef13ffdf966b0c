"""What a process of the stream looks after, and how each of them meets its errors.

An error ends no process: it is told once, every client of the task is dropped, and the task waits,
longer each time, while the others go on. What no task expects ends the process; the supervisor
starts it anew.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from pophub.domain.errors import PophubError
from pophub.stages.judge import Judged
from pophub.streaming.bell import Bell
from pophub.streaming.lanes import LaneWorker
from pophub.streaming.sources import SourceWorker
from pophub.streaming.standing import Behind, Place, Standing
from pophub.streaming.turn import Turn
from pophub.wiring import Hub

BUSY_S, REST_MOST_S = 1.0, 60.0
SOURCE_S, SOURCE_IDLE_S = 0.05, 2.0  # how often a source is asked, while rows come and when none do
SOURCE_PART, SOURCE_MOST_S = 4, 0.2  # a fourth of the time goes there while rows come; it waits no longer
IDLE_S = 60.0  # a lane without work for so long gives its clients up


def tell(text: str) -> None:
    """Tell one line to whoever watches the stream."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Patience:
    """Waits ever longer from error to error, and tells each kind once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.until = float("-inf")
        self._failures = 0
        self._told = ""

    def met(self, error: PophubError) -> None:
        """Note an error, and wait."""
        self._failures += 1
        wait_s = min(REST_MOST_S, 0.5 * 2 ** min(self._failures, 10))
        if error.code == "lane.busy":
            wait_s = BUSY_S
        elif error.code == "source.resting" and error.retry_after_s is not None:
            wait_s = min(REST_MOST_S, error.retry_after_s)
        self.until = time.monotonic() + wait_s
        if error.code != self._told:
            tell(f"{self.name}: {error}")
            self._told = error.code

    def well(self) -> None:
        """Note that it works."""
        if self._told:
            tell(f"{self.name}: goes on")
        self._failures, self._told = 0, ""

    @property
    def waits(self) -> bool:
        """Tell whether it is to be left alone now."""
        return time.monotonic() < self.until


class LaneTask:
    """One lane: opened when there is something to do, closed after an error or long idleness."""

    def __init__(self, hub: Hub, place: Place, stages: Sequence[str], turn: Turn) -> None:
        self.place = place
        self.patience = Patience(f"{' and '.join(stages)} of {place[0]}, lane {place[1]}")
        self._hub = hub
        self._stages = stages
        self._turn = turn
        self._worker: LaneWorker | None = None
        self._worked = float("-inf")

    def run(self, standing: Standing, behind: Behind | None) -> bool:
        """Do a turn of what the lane is behind with; tell whether it did anything."""
        if self._worker and behind is None and time.monotonic() - self._worked > IDLE_S:
            self.drop()
        if self.patience.waits or self._turn.stopping:
            return False
        try:
            for stage in self._stages:
                standing.claim(f"{stage} {self.place[0]}/{self.place[1]}")
            did = behind is not None and self._step(standing, behind)
        except PophubError as error:
            self.drop()
            self.patience.met(error)
            return False
        if behind is not None:
            self.patience.well()
        return did

    def _step(self, standing: Standing, behind: Behind) -> bool:
        stem, lane = self.place
        if self._worker is None:
            self._worker = LaneWorker(
                self._hub, stem, lane, stages=self._stages, turn=self._turn, standing=standing
            )
        self._worked = time.monotonic()
        judged = Judged()
        if "judge" in self._stages and (behind.judge or behind.again):
            judged = self._worker.judge(again=behind.again)
        accepted = judged.states["shared"] + judged.replayed
        shared = 0
        if "share" in self._stages and (behind.share or accepted) and not self._turn.stopping:
            shared = sum(one.versions for one in self._worker.share().values())
        return bool(judged.read or accepted or shared)

    def drop(self) -> None:
        """Drop every client."""
        worker, self._worker = self._worker, None
        if worker is not None:
            with suppress(PophubError):
                worker.close()


class SourceTask:
    """One source: asked twenty times a second while rows come, ever more rarely when none do.

    One that tells by itself what is new is asked five times a second: it is but to look whether something came.
    """

    def __init__(self, hub: Hub, stem: str, turn: Turn, wakes: Sequence[Bell] = ()) -> None:
        self.patience = Patience(f"extract of {stem}")
        self.due = float("-inf")
        self._hub = hub
        self._stem = stem
        self._turn = turn
        self._wakes = wakes
        self._interval_s = SOURCE_S
        self._worker: SourceWorker | None = None

    def run(self, standing: Standing) -> None:
        """Ask the source where it is due."""
        begun = time.monotonic()
        if self.patience.waits or begun < self.due or self._turn.stopping:
            return
        try:
            standing.claim(f"extract {self._stem}")
            if self._worker is None:
                self._worker = SourceWorker(
                    self._hub, self._stem, turn=self._turn, standing=standing, sent=self._ring
                )
            done = self._worker.step()
        except PophubError as error:
            self.drop()
            self.patience.met(error)
            return
        self.patience.well()
        idle_s = SOURCE_MOST_S if self._worker.follows else SOURCE_IDLE_S
        self._interval_s = SOURCE_S if done.rows else min(idle_s, 1.5 * self._interval_s)
        spared_s = min(SOURCE_MOST_S, SOURCE_PART * (time.monotonic() - begun))
        self.due = begun + max(self._interval_s, spared_s)

    def _ring(self) -> None:
        for bell in self._wakes:
            bell.ring()

    def drop(self) -> None:
        """Drop every client."""
        worker, self._worker = self._worker, None
        if worker is not None:
            with suppress(PophubError):
                worker.close()
