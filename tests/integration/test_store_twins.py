"""One behavioural suite for the stores behind judge: in memory, over the simulation's database, and the real one."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hubkit import Project

from pophub import avro
from pophub.contracts.model import Connector
from pophub.domain.dates import EPOCH, instant
from pophub.domain.record import Stretch, Versions
from pophub.gates.mapping import ContractMapper
from pophub.postgres import connect
from pophub.stages.judge import Judge, Judged
from pophub.stages.read_block import add_block
from pophub.stages.remap import remapped
from pophub.stores.judge import JudgeStore
from tests.refused import refused

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))  # the twin lies with the unit tests
sys.path.insert(0, str(Path(__file__).parents[1]))  # the simulation is a package beside

from fake_rules import FakeRules, things
from memory_store import Memory, MemoryStore
from simulation.database import Database
from simulation.scheduler import Mood, Simulation
from simulation.statements import version_row
from simulation.wires import statements_answered

pytestmark = pytest.mark.timeout(240)
PERSON, START = "001090999999", 1_700_000_000_000_000
_datasets = count(1)
Row = tuple[str, int, str | None, str | None, str | None, bool]


class Twin:
    """A store with a judge over it, and what a test may see of it."""

    def __init__(self, store: JudgeStore, connector: Connector) -> None:
        self.store = store
        self.connector = connector
        self.judge = Judge(connector, ContractMapper(connector), FakeRules(set()), store)
        self.offset = 0

    def versions(self, *rows: Row) -> Versions:
        """Give record versions as they come from raw: key, marker, value, person, number, gone."""
        names = ("key", "seq", "value", "person", "number", "gone")
        columns = {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
        block = avro.decode_block(avro.encode_block(avro.Block(1, START, 1, len(rows), columns)))
        found = Versions({})
        add_block(found, self.connector, self.judge.mapper, self.offset, block, self.judge.kept)
        return found

    def meet(self, *rows: Row) -> list[str]:
        """Judge rows as the next stretch of lane 0; give the first verdicts."""
        versions = self.versions(*rows)
        stretch = Stretch(0, self.offset, self.offset + 1)
        verdicts = self.judge._commit(versions, stretch)
        self.offset += 1
        return list(verdicts.first)

    def history(self) -> list[tuple[Any, ...]]:
        """Give (lane, sequence, key, marker, operation, replayed) in order."""
        raise NotImplementedError

    def quarantine(self) -> list[tuple[Any, ...]]:
        """Give (key, marker, state, gate, codes, waits for) in order of arrival."""
        raise NotImplementedError

    def counts(self) -> list[tuple[Any, ...]]:
        """Give (from, read, shared, quarantined, duplicate, superseded) of each stretch."""
        raise NotImplementedError

    def passed_over(self) -> list[tuple[Any, ...]]:
        """Give (raw offset, row, state)."""
        raise NotImplementedError

    def know(self, person: str, at_us: int) -> None:
        """Let a person be known from a moment on."""
        raise NotImplementedError

    def open_rows(self) -> list[tuple[Any, ...]]:
        """Give what waits, in the shape that is mapped again."""
        raise NotImplementedError


class InMemory(Twin):
    """The twin of the unit tests."""

    def __init__(self, connector: Connector) -> None:
        self.memory = Memory()
        self.rows_of = MemoryStore(self.memory, connector)
        super().__init__(self.rows_of, connector)

    def history(self) -> list[tuple[Any, ...]]:
        rows = self.memory.history.values()
        return sorted((r[2], r[3], r[5], r[6], r[7], r[16]) for r in rows)

    def quarantine(self) -> list[tuple[Any, ...]]:
        return [
            (r["key"], r["marker"], r["state"], r["gate"], sorted(f["code"] for f in r["failures"]), r["waits_for"])
            for _, r in sorted(self.memory.quarantine.items())
        ]  # fmt: skip

    def counts(self) -> list[tuple[Any, ...]]:
        return [(r[2], *r[5:]) for r in self.memory.reconciliation.values()]

    def passed_over(self) -> list[tuple[Any, ...]]:
        return sorted((r[2], r[3], r[6]) for r in self.memory.passed_over.values())

    def know(self, person: str, at_us: int) -> None:
        self.memory.identities[person, at_us] = ("x", 0, True, instant(at_us))

    def open_rows(self) -> list[tuple[Any, ...]]:
        return self.rows_of.rows(lambda row: True)


class Simulated(Twin):
    """The real store over the simulation's database."""

    def __init__(self, connector: Connector) -> None:
        self.database = Database(Simulation(0, Mood()))
        super().__init__(JudgeStore(self.database.connect(), connector), connector)

    def history(self) -> list[tuple[Any, ...]]:
        names = ("lane", "sequence", "key", "marker", "operation", "replayed")
        return sorted(tuple(r[n] for n in names) for r in self.database.rows("ledger.history"))

    def quarantine(self) -> list[tuple[Any, ...]]:
        names = ("key", "marker", "state", "gate")
        return [
            (*(r[n] for n in names), sorted(f["code"] for f in r["failures"]), r["waits_for"])
            for r in self.database.rows("quarantine.version")
        ]

    def counts(self) -> list[tuple[Any, ...]]:
        names = ("raw_from", "read", "shared", "quarantined", "duplicate", "superseded")
        return [tuple(r[n] for n in names) for r in self.database.rows("judge.reconciliation")]

    def passed_over(self) -> list[tuple[Any, ...]]:
        names = ("raw_offset", "row", "state")
        return sorted(tuple(r[n] for n in names) for r in self.database.rows("judge.passed_over"))

    def know(self, person: str, at_us: int) -> None:
        self.database.write("population.identity", {
            "citizen_id": person, "valid_from": at_us, "full_name": "x", "birth_day": 0, "present": True,
            "exchanged_at": instant(at_us),
        })  # fmt: skip

    def open_rows(self) -> list[tuple[Any, ...]]:
        rows = self.database.rows("quarantine.version")
        return [version_row(r) for r in rows if r["state"] == "quarantined"]


class OnPostgres(Twin):
    """The real store."""

    def __init__(self, project: Project, connection: Any, connector: Connector) -> None:
        self.query = project.servers.query
        super().__init__(JudgeStore(connection, connector), connector)

    def history(self) -> list[tuple[Any, ...]]:
        return self.query(
            "select lane, sequence, key, marker, operation, replayed from ledger.history where stem = %s "
            "order by lane, sequence", self.connector.stem)  # fmt: skip

    def quarantine(self) -> list[tuple[Any, ...]]:
        rows = self.query(
            "select key, marker, state, gate, failures, waits_for from quarantine.version where stem = %s "
            "order by id", self.connector.stem)  # fmt: skip
        return [(*r[:4], sorted(f["code"] for f in r[4]), r[5]) for r in rows]

    def counts(self) -> list[tuple[Any, ...]]:
        return self.query(
            "select raw_from, read, shared, quarantined, duplicate, superseded from judge.reconciliation "
            "where stem = %s order by lane, raw_from", self.connector.stem)  # fmt: skip

    def passed_over(self) -> list[tuple[Any, ...]]:
        return self.query(
            "select raw_offset, row, state from judge.passed_over where stem = %s order by 1, 2",
            self.connector.stem,
        )

    def know(self, person: str, at_us: int) -> None:
        self.query("insert into population.former_identity values (%s, %s, '1970-01-01', true, %s, 'x')", at_us, instant(at_us), person)  # fmt: skip

    def open_rows(self) -> list[tuple[Any, ...]]:
        rows = self.query(
            "select id, key, marker, content, event_id, contract, lane, raw_offset, row, batch, exchanged_at, raw "
            "from quarantine.version where stem = %s and state = 'quarantined' order by id", self.connector.stem)  # fmt: skip
        return [(*r[:10], round((r[10] - EPOCH).total_seconds() * 1e6), r[11]) for r in rows]


@pytest.fixture(params=["memory", "simulated", "postgres"])
def twin(request: pytest.FixtureRequest) -> Iterator[Twin]:
    """Any of the stores, empty."""
    connector = things()
    file = connector.file.model_copy(update={"dataset": f"things{next(_datasets)}", "lanes": 1})
    connector = connector.model_copy(update={"file": file})
    if request.param == "memory":
        yield InMemory(connector)
        return
    if request.param == "simulated":
        with statements_answered():
            yield Simulated(connector)
        return
    project: Project = request.getfixturevalue("project")
    with closing(connect(project.servers.settings, "pophub_judge")) as connection:
        yield OnPostgres(project, connection, connector)


def row(key: str, marker: int, value: str | None = "good", **more: Any) -> Row:
    """Give a row of the source."""
    return key, marker, value, more.get("person"), more.get("number"), more.get("gone", False)


def replay(twin: Twin, chosen: Sequence[int] = ()) -> list[str]:
    """Judge again what waits, with rules that forgive all."""
    twin.judge.rules = FakeRules({"correct", "clean", "live"})
    rows = [r for n, r in enumerate(twin.open_rows()) if not chosen or n in chosen]
    versions, _ = remapped(twin.connector, twin.judge.mapper, rows, twin.store.repairs)
    return list(twin.judge.replayed(versions).first)


def test_each_version_gets_one_state_and_the_sums_add_up(twin: Twin) -> None:
    first = twin.meet(row("a", 2), row("b", 2, "bad:clean"), row("a", 2), row("a", 2, "fine"), row("a", 1))
    assert first == ["shared", "quarantined", "duplicate", "quarantined", "superseded"]
    assert twin.meet(row("b", 2, "bad:clean"), row("a", 4, None, gone=True)) == ["duplicate", "shared"]
    assert twin.history() == [(0, 1, "a", 2, "u", False), (0, 2, "a", 4, "d", False)]
    assert twin.quarantine() == [
        ("b", 2, "quarantined", "clean", ["clean.bad"], None),
        ("a", 2, "superseded", "clean", ["clean.contradiction"], None),
    ]
    assert twin.passed_over() == [(0, 2, "duplicate"), (0, 4, "superseded"), (1, 0, "duplicate")]
    assert twin.counts() == [(0, 5, 1, 2, 1, 1), (1, 2, 1, 0, 1, 0)]
    lane = twin.store.lane(0)
    assert (lane.raw_offset, lane.sequence, len(lane.chain)) == (2, 2, 32)


def test_a_replay_shares_in_order_or_gives_way_to_the_newer(twin: Twin) -> None:
    twin.meet(row("a", 2, "bad:live"), row("b", 2, "bad:clean"), row("a", 4, "bad:correct"))
    assert replay(twin, [2]) == ["shared"]
    assert [q[:3] for q in twin.quarantine()] == [
        ("a", 2, "superseded"),
        ("b", 2, "quarantined"),
        ("a", 4, "shared"),
    ]
    assert replay(twin) == ["shared"]
    assert twin.history() == [(0, 1, "a", 4, "u", True), (0, 2, "b", 2, "u", True)]
    assert twin.counts() == [(0, 3, 0, 3, 0, 0)]


def test_a_number_belongs_to_one_key_until_that_gives_it_up(twin: Twin) -> None:
    assert twin.meet(row("a", 2, number="n1"), row("b", 2, number="n1")) == ["shared", "quarantined"]
    rows = row("c", 2, number="n1"), row("a", 4, number="n2"), row("d", 2, number="n1")
    assert twin.meet(*rows) == ["quarantined", "shared", "shared"]  # each in its turn
    assert replay(twin) == ["quarantined", "quarantined"]  # b's and c's number is d's by now
    assert twin.meet(row("d", 4, gone=True)) == ["shared"]
    assert replay(twin) == ["shared", "quarantined"]


def test_a_record_waits_for_its_person_and_is_found_when_they_came(twin: Twin) -> None:
    person = f"{PERSON[:-6]}{next(_datasets):06d}"
    twin.meet(row("a", 2, person=person), row("b", 2, "bad:clean", person=person))
    assert [q[5] for q in twin.quarantine()] == [[f"people {person}"], None]
    judged = Judged()
    twin.judge.waiting(judged)
    assert judged.replayed == 0
    twin.know(person, START + 5_000_000)
    twin.judge.waiting(judged)
    assert judged.replayed == 1
    assert [q[2] for q in twin.quarantine()] == ["shared", "quarantined"]
    twin.judge.waiting(judged)
    assert judged.replayed == 1


def test_one_who_comes_after_all_patience_is_not_waited_for(twin: Twin) -> None:
    person = f"{PERSON[:-6]}{next(_datasets):06d}"
    twin.meet(row("a", 2, person=person))
    twin.know(person, START + 91 * 86_400_000_000)
    assert twin.store.waiting(0, 10) == []


def test_an_exception_inside_the_transaction_leaves_nothing(twin: Twin) -> None:
    twin.meet(row("a", 2, number="n1"), row("b", 2, "bad:clean"))
    before = (twin.history(), twin.quarantine(), twin.counts(), twin.passed_over(), twin.store.lane(0))
    versions = twin.versions(row("a", 4, number="n2"), row("c", 2, number="n3"), row("b", 4, "bad:live"))
    with pytest.raises(RuntimeError), twin.store.transaction() as decision:
        decision.lock([0])
        decision.move_raw(0, 1, 2)
        assert decision.move_claims([("number", "n1")], {("number", "n2"): "a"}) == {}
        decision.supersede([1, 2], instant(START))
        raise RuntimeError
    after = (twin.history(), twin.quarantine(), twin.counts(), twin.passed_over(), twin.store.lane(0))
    assert after == before
    assert twin.store.accepted(versions).claims == {("number", "n1"): "a"}
    assert twin.meet(row("d", 2, number="n1")) == ["quarantined"]


def test_a_stretch_that_another_worker_decided_is_refused_whole(twin: Twin) -> None:
    twin.meet(row("a", 2))
    twin.offset = 0
    with refused("judge.lane_moved"):
        twin.meet(row("b", 2))
    assert twin.history() == [(0, 1, "a", 2, "u", False)]
    assert twin.store.lane(0).raw_offset == 1
