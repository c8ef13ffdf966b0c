"""Rows 1-4, 15, 16: stages that die at each of their points, deliveries doubled and out of order."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from confluent_kafka import Producer
from hubkit import SIGKILLED, Project
from outside import _heads, _shared, _subscribed, read_topic

from tests.faults.catalogue import Injected, fault
from tests.faults.checker import _login

if TYPE_CHECKING:
    from tests.faults.world import World

SMALL_BATCHES = ("(?m)^key: ", "limits: {batch_rows: 5}\nkey: ")
EXTRACT = ("extract.opened", "extract.acknowledged", "extract.moving", "extract.moved")
JUDGE = ("judge.judged", "judge.written", "judge.committed")
PUBLISH = ("share.read", "share.sent", "share.positioned", "share.published")
LEDGER = ("share.recorded", "share.completed")


class People:
    """People of one project who are written, changed and deleted in an order that a seed chooses."""

    def __init__(self, world: World, project: Project, chance: random.Random) -> None:
        self.world, self.project, self.chance = world, project, chance
        self.minute = 900.0
        self.count = 0
        self.present: set[int] = set()

    def write(self, count: int) -> None:
        """Insert people; change some of those before and delete one."""
        journal, before = self.world.journal, sorted(self.present)
        for person in range(self.count + 1, self.count + 1 + count):
            journal.put(self.project, person, self._next())
            self.present.add(person)
        self.count += count
        changed = self.chance.sample(before, min(3, len(before)))
        for person in changed[:2]:
            journal.update(self.project, person, self._next())
        for person in changed[2:]:
            journal.delete(self.project, person, self._next())
            self.present.discard(person)

    def _next(self) -> float:
        self.minute -= self.chance.choice((0.1, 0.5, 1))
        return self.minute


def _killed_at(world: World, row: int, seed: int, points: tuple[str, ...], before: tuple[str, ...]) -> int:
    """Kill a stage at this seed's share of its points, twice each; three seeds take all of them."""
    chance = world.random(row, seed)
    project = world.project(SMALL_BATCHES)
    people = People(world, project, chance)
    people.write(12)
    project.pass_through()
    mine, kills = points[(seed - 1) % 3 :: 3] or (points[seed % len(points)],), 0
    for point in mine:
        people.write(chance.randint(11, 16))
        if before:
            project.pass_through(*before)
        for kill in (point, f"{point}:{chance.choice((1, 2))}"):
            ran = world.run(project, point.split(".")[0], fail=kill)
            assert ran.code == SIGKILLED or (kill.endswith(":2") and ran.code == 0), f"{kill}: {ran.text}"
            kills += ran.code == SIGKILLED
        project.pass_through()
    world.settle(project)
    return kills


@fault(
    1,
    fault="kill -9 of extract at each of its points",
    promise="it resumes at its position; nothing is lost or doubled",
)
def an_extract_that_is_killed_resumes_at_its_position(world: World, seed: int) -> Injected:
    return Injected(f"SIGKILL at {', '.join(EXTRACT)}", _killed_at(world, 1, seed, EXTRACT, ()))


def _events(project: Project) -> set[tuple[object, ...]]:
    return set(
        project.servers.query(
            "select encode(event_id, 'hex'), key, marker from quarantine.version where stem = %s",
            project.stem,
        )
    )


@fault(
    2,
    fault="kill -9 of judge after validation, before and after its commit",
    promise="the same event ids again; the quarantine is not doubled",
    bounded=True,
)
def a_judge_that_is_killed_gives_the_same_event_ids_again(world: World, seed: int) -> Injected:
    chance = world.random(2, seed)
    kills = _killed_at(world, 2, seed, JUDGE, ("extract",))
    project = world.project(SMALL_BATCHES)
    bad = [project.put(person, 60 - person, gioi_tinh="khác") for person in range(1, chance.randint(7, 12))]
    project.pass_through("extract")
    kills += world.run(project, "judge", fail=JUDGE[seed % 3]).code == SIGKILLED
    project.pass_through()
    first = _events(project)
    assert len(first) == len(bad) == project.states()["quarantined"]
    again = _resend(world, project, chance, len(bad))
    project.pass_through()
    assert _events(project) == first
    assert project.states() == {"quarantined": len(bad), "duplicate": again}
    return Injected(f"SIGKILL at {', '.join(JUDGE)}", kills)


@fault(
    3,
    fault="kill -9 of share before and after the broker's acknowledgement, before the ledger",
    promise="each version is on the topic once and counted once",
)
def a_share_that_is_killed_before_its_ledger_counts_once(world: World, seed: int) -> Injected:
    kills = _killed_at(world, 3, seed, PUBLISH, ("extract", "judge"))
    return Injected(f"SIGKILL at {', '.join(PUBLISH)}", kills)


@fault(
    4,
    fault="kill -9 of share while it writes the ledger and after its commit, before it goes on",
    promise="repeating it writes nothing twice",
    bounded=True,
)
def a_ledger_that_was_committed_is_not_written_again(world: World, seed: int) -> Injected:
    kills = _killed_at(world, 4, seed, LEDGER, ("extract", "judge"))
    return Injected(f"SIGKILL at {', '.join(LEDGER)}", kills)


def _produce(world: World, topic: str, messages: list[tuple[int, bytes]]) -> None:
    """Write messages to lanes of a topic, as a client of the broker's administrator."""
    producer = Producer({**_login(world.servers), "acks": "all"})
    refused: list[object] = []
    for lane, value in messages:
        producer.produce(topic, value, partition=lane, on_delivery=lambda error, _: refused.append(error))
    assert producer.flush(60) == 0
    assert refused == [None] * len(messages)


def _resend(world: World, project: Project, chance: random.Random, records: int) -> int:
    """Deliver the last messages of raw once more until so many records came twice; give how many."""
    rows: list[tuple[int, bytes, int]] = []
    batches = project.servers.query(
        "select lane, raw_offset, count(*) from hub.record_state where stem = %s group by 1, 2", project.stem
    )
    counts = {(lane, offset): count for lane, offset, count in batches}
    for message in read_topic(world.servers, f"raw.{project.stem}"):
        rows.append((message.lane, message.value or b"", counts[message.lane, message.offset]))
    chance.shuffle(rows)
    again: list[tuple[int, bytes]] = []
    sent = 0
    while sent < records:
        lane, value, count = rows[len(again) % len(rows)]
        again.append((lane, value))
        sent += count
    _produce(world, f"raw.{project.stem}", again)
    return sent


@fault(
    15,
    fault="duplicate delivery of a thousand records",
    promise="duplicate (or superseded) rises by as many, shared stays",
)
def what_is_delivered_twice_is_shared_once(world: World, seed: int) -> Injected:
    chance = world.random(15, seed)
    project = world.project(("(?m)^key: ", "limits: {batch_rows: 100}\nkey: "))
    people = People(world, project, chance)
    people.write(chance.randint(280, 320))
    project.pass_through()
    people.write(30)
    project.pass_through()
    before = project.states()
    again = _resend(world, project, chance, 1000)
    project.pass_through()
    after = project.states()
    assert after["shared"] == before["shared"]
    assert sum(after.values()) - sum(before.values()) == again
    assert after.get("duplicate", 0) > before.get("duplicate", 0)
    assert set(after) <= {"shared", "duplicate", "superseded"}
    world.settle(project, resent=True)
    return Injected("records written to raw a second time", again)


@fault(
    16,
    fault="versions of a key reordered, over partitions that are not theirs",
    promise="an older version never overwrites a newer one",
    bounded=True,
)
def an_older_version_never_overwrites_a_newer_one(world: World, seed: int) -> Injected:
    chance = world.random(16, seed)
    source, project = world.project(SMALL_BATCHES), world.project(SMALL_BATCHES)
    people = range(1, chance.randint(8, 14))
    newest: dict[str, str] = {}
    for version in range(4):
        for person in people:
            minutes = 400 - 60 * version - person
            write = source.put if version == 0 else source.update
            name = world.journal.unique_name()
            write(person, minutes, ho_ten=name)
            newest[source.number_of(person)] = name
        source.pass_through("extract")
    messages = [m.value or b"" for m in read_topic(world.servers, f"raw.{source.stem}")]
    chance.shuffle(messages)
    for start in range(0, len(messages), 5):  # judged in several runs, so that heads stand between them
        _produce(
            world, f"raw.{project.stem}", [(chance.randrange(2), m) for m in messages[start : start + 5]]
        )
        project.pass_through("judge", "share")
    heads = world.servers.query(
        "select citizen_id, full_name from population.citizen where citizen_id = any(%s)", list(newest)
    )
    assert dict(heads) == newest, "a citizen shows an older version"
    states = project.states()
    assert sum(states.values()) == 4 * len(people), states
    assert set(states) <= {"shared", "superseded"}, states
    _heads(world.servers, project.stem)  # not `check`: these messages name batches of another dataset
    _shared(world.servers, project.stem)
    _subscribed(world.servers, project.stem, project.subscriber)
    return Injected("batches shuffled over lanes", len(messages))
