"""The seeded scheduler: workers are greenlets that may be left, killed or failed at each port call.

One random number decides each step, so a seed is a history. Time is virtual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from greenlet import greenlet

from pophub.domain.errors import PophubError

START_US = 1_700_000_000_000_000


class Killed(BaseException):
    """The worker ended here, as by SIGKILL: its ports are dead, nothing that it does counts."""


@dataclass(frozen=True)
class Mood:
    """How hostile a seed is: chances at each port call, drawn once."""

    leave: float = 0.0
    kill: float = 0.0
    fail: float = 0.0
    lose: float = 0.0
    cut: float = 0.0
    locks_lie: bool = False
    clock_jumps: bool = False
    logged: bool = False  # the source is read by its log
    rejudges: float = 0.0  # how often rules change while judge and a replay are at work
    loses: bool = False  # raw loses messages, and a person takes that up

    @classmethod
    def drawn(cls, rng: Random) -> Mood:
        """Draw a mood; each fault is left out by some seeds, so that no fault hides another."""
        chance = rng.choice
        return cls(
            chance((0.05, 0.3, 0.7)), chance((0, 0.003, 0.01)), chance((0, 0.002, 0.01)),
            chance((0, 0.1, 0.3)), chance((0, 0.002)), rng.random() < 0.4, rng.random() < 0.3,
        )  # fmt: skip


@dataclass(eq=False)
class Worker:
    """A process of the hub: one stage, one call."""

    name: str
    stage: str
    body: greenlet
    dead: bool = False
    weight: float = 1.0
    waits_for: Callable[[], Any] | None = None
    victim: bool = False
    sessions: list[Any] = field(default_factory=list)


class Simulation:
    """Workers, clock and chance of one seed."""

    def __init__(self, seed: int, mood: Mood | None = None) -> None:
        self.rng = Random(seed)
        self.mood = mood or Mood.drawn(self.rng)
        self.hostile = True
        self.true_us = START_US
        self.skew_us = 0
        self.slept_s = 0.0
        self.workers: list[Worker] = []
        self.current: Worker | None = None
        self.story: list[tuple[str, str]] = []
        self.ended: list[tuple[str, BaseException | None]] = []
        self.on_kill: Callable[[Worker], None] = lambda worker: None
        self._count = 0
        self._loop = greenlet.getcurrent()

    # time

    def now_us(self) -> int:
        """Look at the database's clock; no two looks are equal."""
        self.true_us += 1
        return self.true_us + self.skew_us

    def monotonic(self) -> float:
        """Look at the process's clock."""
        return self.slept_s

    def sleep(self, seconds: float) -> None:
        """Sleep: others work meanwhile, for longer than was asked."""
        self.slept_s += max(seconds, 40.0)
        self.true_us += int(seconds * 1e6)
        self._leave()

    # workers

    def start(self, stage: str, call: Callable[[], Any]) -> Worker:
        """Start a worker; it runs when its turn comes."""
        self._count += 1

        def run() -> None:
            error: BaseException | None = None
            try:
                call()
            except Killed as killed:
                error = killed
            except (PophubError, Exception) as found:
                error = found
            self.ended.append((worker.name, error))
            worker.dead = True
            self.tell(f"ends: {'done' if error is None else error!r}")

        worker = Worker(f"{stage}#{self._count}", stage, greenlet(run, self._loop), weight=self.rng.random())
        self.workers.append(worker)
        return worker

    def tell(self, what: str) -> None:
        """Keep what happened, to be printed for a replayed seed."""
        self.story.append((self.current.name if self.current else "world", what))

    def step(self, what: str) -> None:
        """Pass a port call: a worker may end here, or another one may go on."""
        worker = self.current
        if worker is None:
            return
        if worker.dead:
            raise Killed
        self.story.append((worker.name, what))
        self.true_us += 1000
        if not self.hostile:
            return
        drawn = self.rng.random()
        if drawn < self.mood.kill * (8 if "." in what else 1):  # failpoints stand where it hurts
            self.kill(worker)
            raise Killed
        if drawn > 1 - self.mood.leave:
            self._leave()

    def fate(self) -> str:
        """Decide a call that changes a server: `done`, `failed` (nothing happened), `lost` (it
        happened, the client is told of an error), `killed` (it happened, the client is gone),
        `delayed` (the client is gone, it happens later).
        """
        if not self.hostile or self.current is None or self.rng.random() >= self.mood.lose:
            return "done"
        return self.rng.choice(("failed", "lost", "killed", "delayed"))

    def fails(self) -> bool:
        """Decide whether a call that changes nothing fails."""
        return self.hostile and self.current is not None and self.rng.random() < self.mood.fail

    def kill(self, worker: Worker) -> None:
        """End a worker: from here on it has no ports."""
        self.story.append((worker.name, "KILLED"))
        worker.dead = True
        self.on_kill(worker)

    def die(self) -> None:
        """End the present worker here."""
        assert self.current is not None
        self.kill(self.current)
        raise Killed

    def wait(self, blocked: Callable[[], Worker | bool | None]) -> bool:
        """Leave until `blocked` gives nothing any more; false when this worker is a deadlock's victim.

        Shape: `blocked` gives the worker that stands in the way, or True for a thing without worker.
        """
        worker = self.current
        assert worker is not None, "a check may not wait"
        worker.waits_for = blocked
        while blocked():
            self._leave()
            if worker.victim:
                worker.victim, worker.waits_for = False, None
                return False
        worker.waits_for = None
        return True

    def _leave(self) -> None:
        worker = self.current
        if worker is None:
            return
        self._loop.switch()
        if worker.dead:
            raise Killed

    def ready(self) -> list[Worker]:
        """Give the workers that can go on."""
        self.workers = [w for w in self.workers if not w.body.dead]
        return [w for w in self.workers if w.dead or w.waits_for is None or not w.waits_for()]

    def run(self, worker: Worker) -> None:
        """Let a worker go on until it leaves."""
        self.current = worker
        try:
            worker.body.switch()
        finally:
            self.current = None

    def turn(self) -> bool:
        """Give one worker a turn; false when none can go on."""
        ready = self.ready()
        if not ready:
            return self._break_deadlock()
        self.run(self.rng.choices(ready, [w.weight + 0.01 for w in ready])[0])
        return True

    def _break_deadlock(self) -> bool:
        """Make one of the workers that wait for each other the victim."""
        if not self.workers:
            return False
        seen: list[Worker] = []
        worker = self.workers[0]
        while worker not in seen:
            seen.append(worker)
            holder = worker.waits_for() if worker.waits_for else None
            if not isinstance(holder, Worker):
                return False
            worker = holder
        worker.victim, worker.waits_for = True, None
        self.story.append((worker.name, "DEADLOCK"))
        self.run(worker)
        return True
