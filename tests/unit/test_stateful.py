"""Random lives of a source against the real Judge over the in-memory store, compared with a plain model.

The model (`life_model.py`) knows the promises and nothing of the code.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pophub import avro
from pophub.domain.dates import instant
from pophub.domain.digests import lane_of
from pophub.domain.history import HISTORY
from pophub.domain.record import Columns
from pophub.gates.mapping import ContractMapper
from pophub.kafka import RawReader
from pophub.ports import VerdictStore, VerdictTransaction
from pophub.stages import judge as judging
from pophub.stages.judge import Judge, Judged
from pophub.stages.remap import remapped
from pophub.stages.write import STATES

sys.path.insert(0, str(Path(__file__).parent))  # the twin lies beside the tests

from fake_rules import FakeRules, things
from life_model import LANES, Model, Version
from memory_store import Killed, Memory, MemoryStore

KEYS = ("a", "b", "c")
PEOPLE = ("001090000001", "001090000002")
NUMBERS = ("n1", "n2")
GATE_NAMES = ("correct", "sufficient", "clean", "live")
GOOD = ("good", "fine")
DAY_US = 86_400_000_000


@dataclass
class MemoryTopic:
    """One lane of raw."""

    blocks: list[bytes] = field(default_factory=list)

    def end(self) -> int:
        """Give the offset after the last message."""
        return len(self.blocks)

    def read(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Give (offset, bytes)."""
        yield from list(enumerate(self.blocks))[start:end]


Change = tuple[str, str, str, str | None, str | None]


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Draw a change at the source: what happens to which key, and what the row says."""
    kind = draw(st.sampled_from(["new", "new", "new", "delete", "late", "repeat", "contradiction"]))
    bad = st.sampled_from(GATE_NAMES).map("bad:{}".format)
    value = draw(st.one_of(st.sampled_from(GOOD), bad))
    person = draw(st.sampled_from([None, None, *PEOPLE]))
    return kind, draw(st.sampled_from(KEYS)), value, person, draw(st.sampled_from([None, *NUMBERS]))


kills = st.none() | st.integers(0, 14)  # 0: right behind the first commit, else inside a transaction
CONNECTOR = things()


class Life(RuleBasedStateMachine):
    """A source, its hub, its operators and its accidents."""

    @initialize(single=st.booleans())
    def begin(self, single: bool) -> None:
        """Start with an empty world; whether each block is a transaction of its own."""
        self.single = single
        self.model, self.memory, self.now = Model(), Memory(), 1_700_000_000_000_000
        self.topics = [MemoryTopic() for _ in range(LANES)]
        self.pending: list[list[list[Version]]] = [[] for _ in range(LANES)]
        self.rows: list[Version] = []
        self.suite = FakeRules(self.model.forgiven)
        self.placed: dict[tuple[int, int, int], Version] = {}
        self.restart()

    @rule()
    def restart(self) -> None:
        """Go on with nothing but what the database holds."""
        self.store = MemoryStore(self.memory, CONNECTOR)
        self.handed: list[Columns] = []
        self.judge = Judge(CONNECTOR, ContractMapper(CONNECTOR), self.suite, self.store, self.handed.append)

    # the source

    @rule(drawn=st.lists(changes(), min_size=2, max_size=6))
    def change(self, drawn: list[Change]) -> None:
        """Change rows at the source; one block a lane goes to raw."""
        self._send([self._version(*each) for each in drawn])

    @rule(drawn=st.lists(changes(), min_size=2, max_size=6), kill=kills, waiting=st.booleans())
    def change_and_judge(self, drawn: list[Change], kill: int | None, waiting: bool) -> None:
        """Change rows and judge all that was sent."""
        self.change(drawn)
        self.judge_all(kill, waiting)

    @rule(drawn=st.integers(0, 1_000_000), most=st.integers(1, 4))
    def send_again(self, drawn: int, most: int) -> None:
        """Send rows once more under a batch of their own, exactly as they were."""
        if self.rows:
            start = drawn % len(self.rows)
            self._send([v.again() for v in self.rows[start : start + most]])

    def _version(self, kind: str, key: str, value: str, person: str | None, number: str | None) -> Version:
        known = [v for v in self.rows if v.key == key]
        newest = max((v.marker for v in known), default=0)
        old = known[len(value) % len(known)] if known else None
        if kind == "repeat" and old:
            version = old.again()
        elif kind == "contradiction" and old:
            version = Version(key, old.marker, False, value, person, None)
        elif kind == "late":
            version = Version(key, max(1, newest - 1), False, value, person, number)
        elif kind == "delete":
            version = Version(key, newest + 2, True, None, None, None)
        else:
            version = Version(key, newest + 2, False, value, person, number)
        self.rows.append(version)
        return version

    def _send(self, versions: list[Version]) -> None:
        self.now += 1_000_000
        for lane, topic in enumerate(self.topics):
            mine = [v for v in versions if lane_of(v.key, LANES) == lane]
            if not mine:
                continue
            for version in mine:
                version.stamp = self.now
            columns: Columns = {
                "key": [v.key for v in mine], "value": [v.value for v in mine], "seq": [v.marker for v in mine],
                "person": [v.person for v in mine], "number": [v.number for v in mine], "gone": [v.gone for v in mine],
            }  # fmt: skip
            topic.blocks.append(avro.encode_block(avro.Block(self.now, self.now, 1, len(mine), columns)))
            self.pending[lane].append(mine)
            self.placed |= {(lane, topic.end() - 1, row): version for row, version in enumerate(mine)}

    @rule(person=st.sampled_from(PEOPLE), days=st.sampled_from([0, 0, 100]))
    def arrive(self, person: str, days: int) -> None:
        """Let a person become known, in time or after all patience."""
        self.now += days * DAY_US + 1
        if person not in self.model.arrivals:
            self.model.arrivals[person] = self.now
            self.memory.identities[person, self.now] = ("x", 0, True, instant(self.now))

    # operators

    @rule(gate=st.sampled_from(GATE_NAMES))
    def change_rule(self, gate: str) -> None:
        """Find a rule wrong, or bring it back."""
        self.model.forgiven ^= {gate}

    @rule(drawn=st.integers(0, 1_000_000), kill=kills, size=st.integers(1, 4))
    def repair_and_replay(self, drawn: int, kill: int | None, size: int) -> None:
        """Approve a repair of one version, and replay."""
        waiting = [v for v in self.model.versions if v.state == "quarantined" and not v.gone]
        if waiting:
            version = waiting[drawn % len(waiting)]
            version.mended = True
            self.memory.repairs[self._number(version)] = {"value": "mended"}
            self.replay(kill, None, size)

    @rule(kill=kills, size=st.integers(1, 4))
    def mend_all_and_replay(self, kill: int | None, size: int) -> None:
        """Approve repairs of all that waits, and replay."""
        for number, version in self._versions().items():
            if version.state == "quarantined" and not version.gone:
                version.mended = True
                self.memory.repairs[number] = {"value": "mended"}
        self.replay(kill, None, size)

    # the stages

    @rule(kill=kills, waiting=st.booleans())
    def judge_all(self, kill: int | None, waiting: bool) -> None:
        """Judge each lane to its end, killed once at a drawn point on the way."""
        with patch.object(judging, "MICRO_ROWS", 1 if self.single else 20_000):
            self._survive(kill, self._judge_lanes)
        for lane, blocks in enumerate(self.pending):
            for stretch in blocks if self.single else [[v for block in blocks for v in block]]:
                self.model.judge(stretch)
            self.pending[lane] = []
        if waiting:
            self._survive(kill, lambda: self.judge.waiting(Judged()))
            self.model.judge(self.model.ready(), again=True)

    def _judge_lanes(self) -> None:
        for lane, topic in enumerate(self.topics):
            self.judge.lane(cast(RawReader, topic), lane, Judged())

    @rule(kill=kills, gate=st.none() | st.sampled_from(GATE_NAMES), size=st.integers(1, 4))
    def replay(self, kill: int | None, gate: str | None, size: int) -> None:
        """Replay all that waits, or what fails at one gate, in transactions of a few versions."""
        left = [
            n
            for n, r in sorted(self.memory.quarantine.items())
            if r["state"] == "quarantined" and gate in (None, r["gate"])
        ]
        while chosen := [n for n in left if self.memory.quarantine[n]["state"] == "quarantined"][:size]:
            left = [n for n in left if n > chosen[-1]]
            replay = lambda chosen=chosen: self._replay(chosen)  # type: ignore[misc]  # noqa: E731
            self._survive(kill, replay, again=kill != 0)  # a run's row moves with the commit
            self.model.judge([self._versions()[n] for n in chosen], again=True)

    def _replay(self, chosen: list[int]) -> None:
        rows = [row for row in self.store.rows(lambda r: True) if row[0] in chosen]
        if rows:  # else it was committed before the kill
            versions, _ = remapped(CONNECTOR, self.judge.mapper, rows, self.store.repairs)
            self.judge.replayed(versions)

    def _survive(self, kill: int | None, work: Callable[[], None], *, again: bool = True) -> None:
        """Do a work; when it is killed, nothing of its open transaction is left, and it is done `again`."""
        self.store.kill_at = kill or None
        try:
            with patch.object(judging, "reach", self._behind_commit if kill == 0 else lambda point: None):
                work()
        except Killed:
            self.restart()
            if again:
                work()
        self.store.kill_at = None

    @staticmethod
    def _behind_commit(point: str) -> None:
        if point == "judge.committed":
            raise Killed

    # what must be true

    def _versions(self) -> dict[int, Version]:
        """Give the version of each row in quarantine, by its place on raw."""
        return {
            number: self.placed[r["lane"], r["raw_offset"], r["row"]]
            for number, r in self.memory.quarantine.items()
        }

    def _number(self, version: Version) -> int:
        return next(n for n, v in self._versions().items() if v is version)

    @invariant()
    def what_was_handed_on_to_share_is_committed(self) -> None:
        """Compare what judge handed on with the database, as it is after any kill."""
        for columns in self.handed:
            for row in zip(*(columns[name] for name in HISTORY), strict=True):
                assert self.memory.history[row[1:4]] == row

    @invariant()
    def each_version_is_in_one_state_and_it_is_the_models(self) -> None:
        """Compare the state of every version that was judged."""
        accepted = [(r[2], r[14], r[15], "shared") for r in self.memory.history.values() if not r[16]]
        aside = [(r["lane"], r["raw_offset"], r["row"], r["state"]) for r in self.memory.quarantine.values()]
        passed = [(*place[1:], r[6]) for place, r in self.memory.passed_over.items()]
        places = Counter(found[:3] for found in accepted + aside + passed)
        assert all(times == 1 for times in places.values())
        states = {id(self.placed[found[:3]]): found[3] for found in accepted + aside + passed}
        assert states == {id(v): v.state for v in self.model.versions}
        waits = {id(v) for n, v in self._versions().items() if self.memory.quarantine[n]["waits_for"]}
        assert {id(v) for v in self.model.versions if v.state == "quarantined"} & waits == {
            id(v) for v in self.model.versions if v.state == "quarantined" and v.waits
        }

    @invariant()
    def history_is_the_models_in_its_order_without_holes(self) -> None:
        """Compare what was accepted, lane by lane, and the heads and claims that it left."""
        for lane, expected in self.model.history.items():
            rows = sorted((r for r in self.memory.history.values() if r[2] == lane), key=lambda r: int(r[3]))
            assert [r[3] for r in rows] == list(range(1, len(rows) + 1))
            found = [self.placed[lane, r[14], r[15]] for r in rows]
            assert list(map(id, found)) == list(map(id, expected))
            row = self.memory.lanes.get((CONNECTOR.stem, lane))
            done = len(self.topics[lane].blocks) - len(self.pending[lane])
            assert (row.sequence, row.raw_offset) == (len(rows), done) if row else not rows
        heads = {
            key: (h[2], self.memory.history[CONNECTOR.stem, h[5], h[6]][7])
            for (_, key), h in self.memory.heads.items()
        }
        assert heads == {k: (v.marker, "d" if v.gone else "u") for k, v in self.model.heads.items()}
        assert {number: k for (_, _, number), k in self.memory.claims.items()} == self.model.holders

    @invariant()
    def counts_add_up(self) -> None:
        """Compare the reconciliation with the first verdicts of the model."""
        sums = [sum(r[n] for r in self.memory.reconciliation.values()) for n in range(5, 10)]
        first = Counter(v.first for v in self.model.versions)
        assert sums == [len(self.model.versions), *(first[state] for state in STATES)]


Life.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
test_a_life_of_changes_repairs_replays_and_kills_is_the_models = Life.TestCase


def test_the_twin_has_the_face_of_judges_store() -> None:
    store = MemoryStore(Memory(), CONNECTOR)
    assert isinstance(store, VerdictStore)
    with store.transaction() as transaction:
        assert isinstance(transaction, VerdictTransaction)
