"""Rows 21, 22, 23, 30: what lies on raw is no block, is packed strangely, is refused, or is gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from outside import check, read_log, read_topic

from pophub.contracts.load import load_all
from pophub.kafka import slow_readers
from pophub.settings import Settings
from pophub.sharing.subscription import user_of
from pophub.wiring import Hub
from tests.faults import checker
from tests.faults.catalogue import Injected, fault

if TYPE_CHECKING:
    from hubkit import Project, Servers

    from tests.faults.world import World

STUCK = 75
LARGE_BYTES = 60_000


def admin(servers: Servers) -> AdminClient:
    """Give the broker's administrator, of librdkafka."""
    return AdminClient(checker.login(servers))


def set_topic(servers: Servers, topic: str, **settings: str) -> None:
    """Change settings of a topic, as an operator would; underscores stand for dots."""
    entries = [
        ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for name, value in settings.items()
    ]
    asked = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    client = admin(servers)  # to be kept until its answers are there
    for future in client.incremental_alter_configs([asked]).values():
        future.result(30)


def write_raw(project: Project, lane: int, *values: bytes | None, **settings: Any) -> None:
    """Write to raw as a stranger with the right to."""
    producer = Producer(checker.login(project.servers) | settings)
    for value in values:
        producer.produce(f"raw.{project.stem}", value, partition=lane)
    assert producer.flush(30) == 0


def poison(world: World, seed: int, block: bytes) -> list[bytes | None]:
    """Give what is no block: random, cut, of another schema, empty, no value at all."""
    chance = world.random(21, seed)
    cut = block[: chance.randrange(5, len(block) - 5)]
    bent = bytearray(block)
    bent[chance.randrange(0, 4)] ^= 0xFF
    odd: list[bytes | None] = [
        chance.randbytes(chance.randrange(1, 300)),
        cut,
        bytes(bent),
        b"",
        None,
        b"Obj\x01\x00",
    ]
    chance.shuffle(odd)
    return odd


@fault(21, fault="Poison record", promise="quarantined with its offset; the consumer advances", bounded=True)
def poison_is_set_aside_by_its_offset_and_holds_nobody_up(world: World, seed: int) -> Injected:
    """Bytes that are no block lie between blocks of sound rows, in both lanes."""
    project = world.project()
    for person in range(1, 9):
        world.journal.put(project, person, 400 - person)
    project.pass_through()
    sound = next(m.value for m in read_topic(project.servers, f"raw.{project.stem}") if m.value)
    written = poison(world, seed, sound)
    for lane in (0, 1):
        write_raw(project, lane, *written)
    for person in range(21, 29):
        world.journal.put(project, person, 200 - person)
    project.pass_through()
    found = world.servers.query(
        "select lane, raw_offset, failures -> 0 ->> 'code' from quarantine.version where stem = %s order by 1, 2",
        project.stem,
    )
    assert found, "nothing was set aside"
    assert all(str(code).startswith(("contract.", "avro.")) for _, _, code in found), found
    topic = read_topic(project.servers, f"raw.{project.stem}")
    judged = {
        (lane, offset)
        for lane, offset in world.servers.query(
            "select distinct lane, raw_offset from hub.record_state where stem = %s", project.stem
        )
    }
    assert judged == {(m.lane, m.offset) for m in topic}, "an offset of raw is nowhere accounted for"
    world.settle(project)
    return Injected("bytes that are no block, between blocks of both lanes", 2 * len(written))


@fault(22, fault="Unsupported codec", promise="found at the start, never a hang", bounded=True)
def a_codec_that_judge_cannot_read_is_refused_or_unpacked(world: World, seed: int) -> Injected:
    """A stranger packs with zstd; a topic is set to it; a topic already holds it."""
    project = world.project()
    topic = f"raw.{project.stem}"
    codec = ("zstd", "lz4", "snappy")[seed % 3]
    for person in range(1, 7):
        world.journal.put(project, person, 400 - person)
    project.pass_through()
    again = [(m.lane, m.value) for m in read_topic(project.servers, topic)]
    for lane, value in again:
        write_raw(project, lane, value, **{"compression.type": codec})
    project.pass_through("judge", "share")
    assert project.states() == {"shared": 6, "duplicate": 6}, project.states()
    set_topic(world.servers, topic, compression_type=codec)
    ran = project.run("prepare")
    assert ran.error == "kafka.codec", ran
    for lane, value in again:
        write_raw(project, lane, value)
    project.limits["pophub.kafka.client.CALL_S"] = 10
    ran = project.run("judge")
    assert ran.code == STUCK or ran.error is not None, f"judge read {codec} without its library: {ran}"
    project.limits.clear()
    for lane in (0, 1):
        forget_raw(world.servers, topic, lane)
    set_topic(world.servers, topic, compression_type="uncompressed")
    project.pass_through("prepare")
    return Injected(f"{codec} from a stranger, as the topic's own setting, and on the topic", 3)


def forget_raw(servers: Servers, topic: str, lane: int, before: int = -1) -> None:
    """Remove messages of a lane, as retention does; all of them when no offset is given."""
    client = admin(servers)
    for future in client.delete_records([TopicPartition(topic, lane, before)]).values():
        future.result(30)


@fault(23, fault="Broker rejects one record", promise="only that one is quarantined", bounded=True)
def a_record_that_the_broker_refuses_is_set_aside_alone(world: World, seed: int) -> Injected:
    """A topic takes less than the contract allows, and some rows of a batch are larger than that."""
    project, chance = world.project(), world.random(23, seed)
    people = list(range(1, 40))
    large = set(chance.sample(people, 1 + seed % 3))
    set_topic(world.servers, f"raw.{project.stem}", max_message_bytes=str(LARGE_BYTES // 2))
    for person in people:
        changed = {"ma_ho": chance.randbytes(LARGE_BYTES // 2).hex()} if person in large else {}
        project.put(person, 400 - person, **changed)
    project.pass_through()
    assert project.states()["quarantined"] == len(large), project.states()
    expected = {project.number_of(person) for person in large}
    verdicts = project.verdicts()
    assert set(verdicts) == expected and all("contract.size" in v[2] for v in verdicts.values()), verdicts
    shared = {row.key for row in read_log(world.servers, project.stem)}
    assert shared == {project.number_of(person) for person in people} - expected
    check(project)
    return Injected("rows larger than the topic's max.message.bytes, among others of their batch", len(large))


@fault(
    30,
    fault="Retention expires first",
    promise="a loud gap, passed by a person alone; backfill brings all",
    bounded=True,
)
def what_retention_took_is_told_and_brought_again(world: World, seed: int) -> Injected:
    """Messages of raw expire before judge reads them, in one lane or in both."""
    project, chance = world.project(), world.random(30, seed)
    topic, lanes = f"raw.{project.stem}", ((0, 1), (0,), (1,))[seed % 3]
    for person in range(1, 21):
        world.journal.put(project, person, 400 - person)
        if person == 10:
            project.pass_through()
    project.pass_through("extract")
    for lane in lanes:
        forget_raw(world.servers, topic, lane)
    before = project.states()
    for _ in range(2):
        assert project.run("judge").error == "raw.gap", "judge skipped what is gone"
    connector = load_all(project.folder)[0][0]
    known = world.servers.settings
    hub = Hub(Settings(home=known.home, project=project.folder, endpoints=known.endpoints))
    gaps = hub.pass_gaps(connector.stem, "", dry=True)
    assert tuple(gap.lane for gap in gaps) == lanes
    assert project.run("judge").error == "raw.gap", "looking alone passed the gap"
    assert hub.pass_gaps(connector.stem, "operator") == gaps
    assert hub.pass_gaps(connector.stem, "operator") == []
    for person in chance.sample(range(1, 21), 3):
        world.journal.update(project, person, 50)
    project.pass_through("extract", "judge", "share", "backfill", "judge", "share")
    assert project.states()["shared"] > before["shared"]
    checker.check_told(project, world.journal)
    return Injected(
        f"all messages of {'both lanes' if len(lanes) == 2 else 'a lane'} removed before judge", len(gaps)
    )


@fault(
    29,
    fault="Slow subscriber",
    promise="nobody else waits for it; it is alarmed before retention takes records",
)
def a_slow_subscriber_holds_nobody_up_and_is_told_before_it_loses(world: World, seed: int) -> Injected:
    """One subscriber commits its first record and sleeps; another reads all; then half of the retention passes."""
    project = world.project()
    topic, hours = f"sub.{project.subscriber}.{project.stem}", 1 + seed
    for person in range(1, 11 + seed):
        world.journal.put(project, person, 400 - person)
    project.pass_through()
    set_topic(world.servers, topic, retention_ms=str(hours * 3_600_000))
    slow, quick = f"{project.subscriber}.slow", f"{project.subscriber}.quick"
    read_as(project, slow, topic, most=1)
    read_as(project, quick, topic)
    watched = {topic: f"{project.subscriber}."}
    now = int(time.time() * 1000)
    settings = world.servers.settings
    assert slow_readers(settings, watched, now) == [], "alarmed before half of the retention passed"
    for person in range(31, 36):
        world.journal.put(project, person, 200 - person)
    project.pass_through()
    read_as(project, quick, topic)
    found = slow_readers(settings, watched, now + hours * 1_800_000 + 600_000)
    assert [one.group for one in found] == [slow], found
    world.settle(project)
    return Injected("a group that sleeps behind its first record, with half of the retention past", 1)


def read_as(project: Project, group: str, topic: str, most: int = 0) -> None:
    """Read a topic as a group of the subscriber's and commit; `most` 0 for all that is there."""
    login = checker.login(project.servers) | {
        "sasl.username": user_of(project.subscriber), "group.id": group, "auto.offset.reset": "error",
        "sasl.password": project.servers.settings.secret(f"kafka.{user_of(project.subscriber)}"),
        "enable.auto.commit": False, "isolation.level": "read_committed", "enable.partition.eof": True,
    }  # fmt: skip
    consumer = Consumer(login)
    try:
        lanes = [TopicPartition(topic, lane) for lane in (0, 1)]
        known = {p.partition: max(p.offset, 0) for p in consumer.committed(lanes, timeout=30)}
        consumer.assign([TopicPartition(topic, lane, at) for lane, at in known.items()])
        read, left = 0, 2
        while left and (not most or read < most):
            message = consumer.poll(30)
            assert message is not None, f"{topic} gives {group} nothing"
            if message.error():
                left -= 1
                continue
            read += 1
            known[message.partition()] = message.offset() + 1
        marks = [TopicPartition(topic, lane, at) for lane, at in known.items()]
        consumer.commit(offsets=marks, asynchronous=False)
    finally:
        consumer.close()
