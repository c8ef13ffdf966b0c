"""One seed: an agency, its hub and its accidents, until all faults stop; then everything must arrive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from fake_rules import ELSEWHERE
from life_model import LANES, UNKNOWN, UNKNOWN_REFERENCE

from pophub.domain.errors import (
    ConfigError,
    ContractBreach,
    LaneMoved,
    LedgerDiverged,
    PophubError,
    TransientError,
    ValidatorFailed,
)
from pophub.quarantine.selection import Selection
from pophub.stores.history import History

from . import checks
from .agency import PEOPLE, Agency
from .broker import NO_BLOCK, Broker
from .database import Database
from .follower import ELSEWHERE_NUMBER, FINDER, STEM, Follower
from .model import Model
from .scheduler import Killed, Mood, Simulation, Worker
from .source import EPOCH, Folder, Inventories, Table, Topic
from .wal_source import WalTwin
from .wires import DrawnRules, Servers, SimulatedHub, drawn_things, present, subscription

SCANNED = ("scan", "wal", "inventory")
SOURCES: dict[str, type[Table]] = {"files": Folder, "inventory": Inventories, "wal": WalTwin, "log": Topic}
NUMBERS = (("n1",), ("n1", "n2"))
S = 1_000_000
DAY_US = 86_400 * S


class Life:
    """The world of one seed."""

    def __init__(self, seed: int, mood: Mood | None = None, source: str | None = None) -> None:
        self.simulation = Simulation(seed, mood)
        self.loses = mood.loses if mood else seed % 16 == 3
        if self.loses:  # who has lost a lock has lost the session that would commit
            self.simulation.mood = replace(self.simulation.mood, locks_lie=False)
        self.rng: Random = self.simulation.rng
        choice = self.rng.choice
        kind, self.is_time = choice(("sql",) * 6 + ("files", "scan", "scan")), self.rng.random() < 0.8
        kind = source or ("wal" if (mood.logged if mood else seed % 8 == 7) else kind)
        kind = "log" if source is None and mood is None and seed % 10 == 4 else kind
        self.is_time &= kind not in (*SCANNED, "log")
        table, times = kind == "sql", self.is_time
        self.late_s = choice((0, 0, 20, 60)) if table else 0
        self.settle_s = choice((0, 0, 10, 30)) if table and times else 0
        late_rows = 0 if times else choice((1, 3)) if self.late_s else 0
        late = self.late_s if times else late_rows
        numbers, coarse = choice(NUMBERS), self.rng.random() < 0.4
        self.keeps = seed % 5 == 3  # what is judged for share, as a stream's worker does
        self.refers = seed % 3 == 2  # to rows of another dataset, else to people
        batch_rows = choice((2, 5, 100))
        self.connector = drawn_things(kind, times, late, self.settle_s, batch_rows, self.refers)
        self.file = subscription(choice((True, False)))
        self.sizes = {"MICRO_ROWS": choice((1, 3, 1000)), "TRANSACTION_ROWS": choice((1, 3, 1000)), "CHUNK": choice((1, 2, 1000)), "BLOCK_ROWS": choice((1, 2, 1000)), "MOST_BYTES": 30 if seed % 5 == 0 else 16 << 20}  # fmt: skip
        self.database, self.broker = Database(self.simulation), Broker(self.simulation)
        self.source = SOURCES.get(kind, Table)(self.simulation, self.is_time)
        self.source.scanned = kind in SCANNED
        self.source.logged = kind == "log"
        self.source.scan_now = lambda: max((n for _, n in self.database.tables["extract.scan"]), default=0)
        longest_s = self.late_s + (0 if self.simulation.mood.clock_jumps else self.settle_s)
        self.agency = Agency(self.simulation, self.source, numbers, coarse, longest_s, late_rows)
        self.model = Model()
        self.follower = Follower(self.database, self.broker, self.model, self.is_time)
        self.hub = SimulatedHub(
            self.connector,
            self.file,
            DrawnRules(
                self.model.forgiven, UNKNOWN_REFERENCE if self.refers else UNKNOWN,
                simulation=self.simulation, chance=choice((0.0, 0.0, 0.05)),
            ),
        )  # fmt: skip
        if self.refers:
            known = {"stem": ELSEWHERE, "number": ELSEWHERE_NUMBER, "identity": False}
            self.database.tables["hub.dataset"][ELSEWHERE,] = known
        if seed % 2:  # others look it up
            told = [FINDER.told()] if seed % 4 == 1 else []
            self.database.tables["hub.looked_up"][STEM,] = {"stem": STEM, "finders": told}
        self.told = 0
        self.simulation.on_kill = self._killed
        if self.rng.random() < 0.2:
            for n in range(1, 4):
                at = self.simulation.true_us + n * 20 * S
                self.database.tables["extract.tick"][at,] = {"at": at}

    def _killed(self, worker: Worker) -> None:
        self.database.client_gone(worker)
        if self.rng.random() < 0.6:
            self._reap()

    def _reap(self) -> None:
        for session in list(self.database.lingering):
            self.database.reap(session)

    # the hub

    def start(self, stage: str) -> Worker:
        """Start a worker of a stage; of a `lane`, as a stream has it, one that judges and one that shares beside it."""
        if stage == "lane":
            lane, history = self.rng.randrange(LANES), History(STEM)
            self.simulation.start("judge", lambda: self.hub.judge_lane(STEM, lane, history))
            return self.simulation.start("share", lambda: self.hub.share_lane(STEM, lane, history))
        lanes = self.rng.choice((None, None, [0], [1]))
        calls: dict[str, Callable[[], Any]] = {
            "extract": lambda: self.hub.extract(STEM),
            "judge": lambda: self.hub.judge(STEM, lanes=lanes),
            "share": lambda: self.hub.share(STEM, lanes=lanes),
            "replay": lambda: self.hub.replay(STEM, selection=self._selection()),
            "loss": lambda: self.hub.take_loss(STEM, by="Lan", why="a broker lost its disk"),
        }
        return self.simulation.start(stage, calls[stage])

    def _selection(self) -> Selection:
        waiting = [r["id"] for r in self.database.rows("quarantine.version") if r["state"] == "quarantined"]
        return Selection(ids=tuple(waiting[-2:])) if waiting and self.rng.random() < 0.3 else Selection()

    # accidents and people

    def act(self) -> None:
        """Let something happen outside the workers."""
        actions: list[tuple[Callable[[], Any], float]] = [
            (self.agency.change, 5), (self._start_some, 9), (self._arrive, 1.2), (self._time_passes, 2), (self._late_frame, 1),
            (self._reap, 0.5), (self._time_out, 0.3), (self._poison, 0.2), (self._kill_one, 0.5), (self._priorities, 1),
            (self._repair, 2), (self._change_rule, 1), (self._drop_slot, 0.8 if isinstance(self.source, WalTwin) else 0),
            (self._lose_raw, 0.5 * self.loses), (lambda: self.start("loss"), 1.5 * self.loses),
            (self._rejudge, self.simulation.mood.rejudges),
        ]  # fmt: skip
        self.rng.choices([a for a, _ in actions], [w for _, w in actions])[0]()
        self.source.commit(self.simulation.true_us)

    def _start_some(self) -> None:
        """Start a worker, or several at once for the same work, as retries and hands do."""
        if len(self.simulation.workers) < 4:
            stages = [stage for stage, work in self._work().items() if work]
            for _ in range(self.rng.choice((1, 1, 2, 3)) if stages else 0):
                self.start(self.rng.choice(stages))

    def _work(self) -> dict[str, bool]:
        """Say which stages would find something to do."""
        lanes = self.database.tables["judge.lane"]
        ledgers = self.database.tables["ledger.lane"]
        raw = [len(self.broker.logs[f"raw.{STEM}", lane]) for lane in range(LANES)]
        at = [lanes.get((STEM, lane), {"raw_offset": 0, "sequence": 0}) for lane in range(LANES)]
        shared = [ledgers.get(("portal", STEM, lane), {"sequence": 0})["sequence"] for lane in range(LANES)]
        waits = [r for r in self.database.rows("quarantine.version") if r["state"] == "quarantined"]
        people = self.rng.random() < 0.3 and any(r["waits_for"] for r in waits)
        return {
            "extract": (bool(self.source.rows) or self.source.scanned) and self.rng.random() < 0.3,
            "judge": people or any(end > lane["raw_offset"] for end, lane in zip(raw, at, strict=True)),
            "lane": self.keeps and any(end > lane["raw_offset"] for end, lane in zip(raw, at, strict=True)),
            "share": any(lane["sequence"] > done for lane, done in zip(at, shared, strict=True)),
            "replay": bool(waits) and self.rng.random() < 0.6,
        }

    def _arrive(self) -> None:
        person, days = self.rng.choice(PEOPLE), self.rng.choice((0, 0, 100))
        if self.refers:
            self._arrive_elsewhere(person, days)
        elif (person, 0) not in self.database.tables["population.identity"]:
            at = EPOCH.fromtimestamp((self.simulation.now_us() + days * DAY_US) / S, EPOCH.tzinfo)
            row = {"citizen_id": person, "valid_from": 0, "full_name": "x", "birth_day": 0, "present": True, "exchanged_at": at}  # fmt: skip
            self.database.write("population.identity", row)
        elif self.rng.random() < 0.5:
            self.database.write("population.identity", self._gone(person))

    def _arrive_elsewhere(self, key: str, days: int) -> None:
        """Let a row that may be referred to come, or go, in another dataset."""
        head = self.database.tables["population.key_head"].get((ELSEWHERE_NUMBER, key))
        if head is None:
            at = EPOCH.fromtimestamp((self.simulation.now_us() + days * DAY_US) / S, EPOCH.tzinfo)
            head = {"dataset": ELSEWHERE_NUMBER, "key": key, "marker": 0, "known_at": at, "gone": None}
            self.database.write("population.key_head", head)
        elif head["gone"] is None and self.rng.random() < 0.5:
            self.database.write("population.key_head", head | {"gone": self.simulation.now_us()})

    def _gone(self, person: str) -> dict[str, Any]:
        now = self.simulation.now_us()
        return {"citizen_id": person, "valid_from": now, "full_name": "x", "birth_day": 0, "present": False,
                "exchanged_at": EPOCH.fromtimestamp(now / S, EPOCH.tzinfo)}  # fmt: skip

    def _time_passes(self) -> None:
        self.simulation.true_us += self.rng.randint(1, 40) * S
        if self.simulation.mood.clock_jumps:
            self.simulation.skew_us = self.rng.choice((0, 0, 3600 * S, -20 * S))

    def _late_frame(self) -> None:
        if self.broker.delayed:
            self.broker.delayed.pop(0)()

    def _time_out(self) -> None:
        for name, known in self.broker.ids.items():
            if known.number is not None:
                self.broker.end(name, known.epoch, False)
                known.epoch += 1  # the coordinator fences who let its transaction time out

    def _poison(self) -> None:
        lane = self.rng.randrange(2)
        self.broker.append((f"raw.{STEM}", lane), NO_BLOCK + b" %d" % self.rng.randrange(1 << 30))

    def _kill_one(self) -> None:
        if self.simulation.workers and self.simulation.mood.kill:
            worker = self.rng.choice(self.simulation.workers)
            if not worker.dead:
                self.simulation.kill(worker)

    def _priorities(self) -> None:
        for worker in self.simulation.workers:
            worker.weight = self.rng.choice((0.0, 0.1, 1.0, 5.0))

    def _drop_slot(self) -> None:
        assert isinstance(self.source, WalTwin)
        self.rng.choice((self.source.drop_slot, self.source.move))()

    def _lose_raw(self) -> None:
        """Cut lanes of raw off, as a topic is that was made anew or whose leader was behind."""
        if not self._nobody_judges():
            return
        self.follow()
        for lane in self.rng.choice(([0], [1], [0, 1])):
            log = self.broker.logs[f"raw.{STEM}", lane]
            del log[self.rng.randint(0, len(log)) :]

    def _nobody_judges(self) -> bool:
        return not self.database.lingering and all(
            w.stage not in ("judge", "lane", "replay") for w in self.simulation.workers
        )

    def _repair(self) -> None:
        open_rows = [r for r in self.database.rows("quarantine.version") if r["state"] == "quarantined"]
        if open_rows and self._nobody_judges():
            bad = [r for r in open_rows if any(f["code"].endswith(".bad") for f in r["failures"])]
            row = self.rng.choice(bad or open_rows)
            number = self.database.number("quarantine.repair")
            self.database.write("quarantine.repair", {"repair": number, "version": row["id"], "fields": {"value": "mended"}})  # fmt: skip

    def _change_rule(self) -> None:
        if self._nobody_judges():
            self.follow()
            self.model.forgiven ^= {self.rng.choice(("correct", "sufficient", "clean", "live"))}

    def _rejudge(self) -> None:
        """Let what waits be judged again beside what comes."""
        self._change_rule()
        for stage in ("extract", "judge", "replay"):
            self.start(stage)

    def follow(self) -> None:
        """Let the model live through the commits since last time."""
        self.follower.follow()

    # a life

    def hostile(self, actions: int) -> None:
        """Let workers and accidents take turns; whatever stands committed must be sound."""
        for action in range(actions):
            self.act()
            until = len(self.simulation.story) + self.rng.randint(0, 80)
            while self.simulation.workers and len(self.simulation.story) < until:
                if not self.simulation.turn():
                    self._reap()
                    break
            self.errors()
            if action % 10 == 9:
                checks.sound(self)
        for stages in (
            ("extract",),
            ("judge", "judge"),
            ("replay", "replay", "replay"),
            ("share",),
        ):  # what is hit last, stays hit
            for stage in stages:
                self.start(stage)
            self._priorities()
            while self.simulation.workers:
                if not self.simulation.turn():
                    self._reap()
            self.errors()

    def errors(self) -> None:
        """Look at how workers ended: nothing but what can happen to a process may have happened."""
        for name, error in self.simulation.ended[self.told :]:
            expected: tuple[type[BaseException], ...] = (Killed, TransientError, LaneMoved, ValidatorFailed)
            if self.simulation.mood.locks_lie and self.simulation.hostile:
                expected = (
                    *expected,
                    LedgerDiverged,
                )  # a second worker that is no zombie sees the first one's work
            lost = self._slot_was_lost(error) or self._raw_was_lost(error)
            if error is not None and not isinstance(error, expected) and not lost:
                raise AssertionError(f"{name} ended with {error!r}") from error
        self.told = len(self.simulation.ended)

    def _raw_was_lost(self, error: BaseException | None) -> bool:
        """Tell whether a worker rightly says that raw lost something, or that nobody takes up what it did not."""
        told = ("raw.rewound", "raw.gap", "raw.loss_open", "raw.nothing_lost")
        return self.loses and isinstance(error, PophubError) and error.code in told

    def _slot_was_lost(self, error: BaseException | None) -> bool:
        """Tell whether a worker rightly says that the slot is lost: somebody took it away, or made it anew."""
        if not (isinstance(error, ContractBreach) and isinstance(self.source, WalTwin)):
            return False
        two = self.simulation.mood.locks_lie or self.simulation.mood.cut > 0
        self.source.untold -= 1
        return error.code == "source.slot_lost" and (self.source.untold >= 0 or two)

    def heal(self) -> None:
        """Stop all faults: workers end, what was on its way arrives, the agency commits, time passes."""
        for worker in list(self.simulation.workers):
            if not worker.dead:
                self.simulation.kill(worker)
        while self.simulation.turn():
            pass
        self.errors()
        self._reap()
        while self.broker.delayed:
            self._late_frame()
        checks.sound(self)
        self.simulation.hostile = False
        self.simulation.skew_us = 0
        self._arrive()
        self.simulation.true_us += (self.late_s + self.settle_s + 1) * S
        self.source.commit(self.simulation.true_us)
        self.simulation.true_us += (self.settle_s + 1) * S

    def quietly(self, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Run a stage without faults; it must succeed."""
        found: list[dict[str, Any]] = []
        self.simulation.start("quiet", lambda: found.append(call()))
        while self.simulation.turn():
            pass
        (_, error), self.told = self.simulation.ended[-1], len(self.simulation.ended)
        if error is not None:
            raise AssertionError(f"a stage failed where nothing was wrong: {error!r}") from error
        return found[0]

    def _extract(self) -> dict[str, Any]:
        """Extract; where a slot was lost, that is told once, and the next run takes a snapshot."""
        try:
            return self.hub.extract(STEM)
        except ContractBreach as breach:
            if not self._slot_was_lost(breach):
                raise
            return self.hub.extract(STEM)

    def _take_loss(self) -> dict[str, Any]:
        """Take up what raw lost, where it lost something."""
        try:
            self.hub.take_loss(STEM, by="Lan", why="a broker lost its disk")
        except ConfigError as error:
            if error.code != "raw.nothing_lost":
                raise
        return {}

    def settle(self) -> None:
        """Let everything arrive, without faults."""
        if self.loses:  # what a lane is too long to tell by is found once all is judged
            self.quietly(self._take_loss)
            self.quietly(lambda: self.hub.judge(STEM))
            self.quietly(self._take_loss)
        self.quietly(self._extract)
        again = self.quietly(lambda: self.hub.extract(STEM))
        assert again["rows"] == 0, f"{again['rows']} rows were sent twice, although nothing was lost"
        self.quietly(lambda: self.hub.judge(STEM))
        self.follow()
        assert not self.model.ready(), "a version waits for a person who came in time"
        self._repair()
        replayed = self.quietly(lambda: self.hub.replay(STEM))
        assert sum(replayed[outcome] for outcome in checks.OUTCOMES) <= replayed["total"]
        self.quietly(lambda: self.hub.share(STEM))
        checks.settled(self)


def live(seed: int, actions: int = 24, mood: Mood | None = None, source: str | None = None) -> Life:
    """Live through one seed, of this kind of source where one is named; an `AssertionError` carries the life in which a promise was broken."""
    life = Life(seed, mood, source)
    servers = Servers(life.simulation, life.database, life.broker, life.source)
    try:
        with present(servers, life.sizes):
            life.hostile(actions)
            life.heal()
            life.settle()
    except AssertionError as broken:
        broken.add_note(f"seed {seed}")
        broken.life = life  # type: ignore[attr-defined]
        raise
    return life
