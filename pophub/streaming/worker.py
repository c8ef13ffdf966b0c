"""One process of the stream: sources, or lanes, that take turns until it is told to end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pophub.domain.errors import PophubError
from pophub.sharing.subscription import recipients
from pophub.streaming.bell import Bell
from pophub.streaming.standing import Place, Standing
from pophub.streaming.tasks import LaneTask, Patience, SourceTask
from pophub.streaming.turn import Turn
from pophub.wiring import Hub

T = TypeVar("T")
BUSY_PAUSE_S, IDLE_PAUSE_S = 0.02, 0.25  # at most, between two looks: after work, and at last without any


@dataclass(frozen=True)
class Part:
    """What one process looks after: sources, or lanes with the stages they are to pass.

    `bell` wakes it; `wakes` are the bells of those that judge what it sends, by dataset.
    """

    name: str
    sources: Sequence[str] = ()
    lanes: Sequence[Place] = ()
    stages: Sequence[str] = ()
    bell: Bell = field(default_factory=Bell)
    wakes: Mapping[str, Sequence[Bell]] = field(default_factory=dict)


def parts(
    hub: Hub, stems: Sequence[str], stages: Sequence[str], lanes: Container[int] | None, workers: int
) -> list[Part]:
    """Divide the work among so many processes for sources, and as many for lanes."""
    found: list[Part] = []
    if "extract" in stages:
        found += [Part(f"sources-{n}", sources=own) for n, own in enumerate(_dealt(stems, workers))]
    if on := [stage for stage in ("judge", "share") if stage in stages]:
        places = [
            (s, n) for s in stems for n in range(hub.connector(s).file.lanes) if lanes is None or n in lanes
        ]
        found += [Part(f"lanes-{n}", lanes=own, stages=on) for n, own in enumerate(_dealt(places, workers))]
    return [replace(part, wakes=_bells(part.sources, found)) for part in found]


def _bells(stems: Sequence[str], among: Sequence[Part]) -> dict[str, list[Bell]]:
    """Give for each dataset the bells of the parts that have a lane of it."""
    return {stem: [part.bell for part in among if any(stem == s for s, _ in part.lanes)] for stem in stems}


def _dealt(things: Sequence[T], hands: int) -> list[list[T]]:
    return [list(things[n::hands]) for n in range(min(hands, len(things)))]


class Worker:
    """Runs a part until the signal comes, or the supervisor is gone."""

    def __init__(self, hub: Hub, part: Part) -> None:
        self._hub = hub
        self._part = part
        self._turn = Turn()
        self._parent = os.getppid()
        self._patience = Patience(part.name)
        self._pause_s = BUSY_PAUSE_S
        self._sources = [SourceTask(hub, stem, self._turn, part.wakes[stem]) for stem in part.sources]
        self._lanes = [LaneTask(hub, place, part.stages, self._turn) for place in part.lanes]
        self._recipients: dict[str, set[str]] = {stem: set() for stem, _ in part.lanes}
        if "share" in part.stages:
            for stem, recipient in recipients(self._recipients, hub.subscriptions):
                if stem in self._recipients:
                    self._recipients[stem].add(recipient)

    def listen(self) -> None:
        """Let SIGTERM end this process behind its next commit."""
        signal.signal(signal.SIGTERM, self._end)

    def run(self) -> None:
        """Work until the end is asked for; that comes behind a commit."""
        standing: Standing | None = None
        while not self._turn.stopping and os.getppid() == self._parent:
            try:
                if not self._patience.waits:
                    standing = standing or Standing(self._hub.settings)
                    self._pass(standing)
                    self._patience.well()
            except PophubError as error:  # where everything stands cannot be told: nobody can work
                self._drop(standing)
                standing = None
                self._patience.met(error)
            self._part.bell.wait(0 if self._turn.stopping else self._pause_s)
        self._drop(standing)

    def _end(self, _signal: int, _frame: object) -> None:
        self._turn.stopping = True
        self._part.bell.ring()

    def _pass(self, standing: Standing) -> None:
        """Let each task have its turn."""
        for source in self._sources:
            source.run(standing)
        did = False
        if self._lanes:
            behind = standing.behind(self._part.lanes, self._recipients, judges="judge" in self._part.stages)
            for lane in self._lanes:
                did |= lane.run(standing, behind.get(lane.place))
        idle_s = min(IDLE_PAUSE_S, 1.2 * self._pause_s)
        if self._sources:
            soonest = min(max(s.due, s.patience.until) for s in self._sources) - time.monotonic()
            idle_s = min(IDLE_PAUSE_S, max(BUSY_PAUSE_S, soonest))
        self._pause_s = BUSY_PAUSE_S if did else idle_s

    def _drop(self, standing: Standing | None) -> None:
        for source in self._sources:
            source.drop()
        for lane in self._lanes:
            lane.drop()
        if standing is not None:
            with suppress(PophubError):
                standing.close()
