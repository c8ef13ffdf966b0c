"""Looks from outside for lost, doubled, torn, reordered and aborted-but-read records.

Written apart from the pipeline: reads topics with librdkafka (read_committed, up to where last stable
offset and high watermark meet) and tables by SQL, and compares them with the journal of what was done.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import fastavro
from confluent_kafka import Consumer, IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from outside import Logged, Message, check, read_log, read_topic, record_of

from tests.faults.journal import Journal, Operation, household

if TYPE_CHECKING:
    from hubkit import Project, Servers

STABLE_S = 60
CITIZEN = fastavro.parse_schema({
    "type": "record", "name": "Seen", "fields": [
        {"name": "citizen_id", "type": "string"},
        {"name": "full_name", "type": ["null", "string"]},
        {"name": "birth_date", "type": ["null", "int"]},
        {"name": "sex", "type": ["null", "string"]},
        {"name": "province_code", "type": ["null", "string"]},
        {"name": "household_code", "type": ["null", "string"]},
        {"name": "old_number", "type": ["null", "string"]},
    ],
})  # fmt: skip
GRANTED = ("citizen_id", "full_name", "birth_date", "province_code")


def login(servers: Servers) -> dict[str, Any]:
    return {
        "bootstrap.servers": servers.settings.endpoints.kafka_bootstrap,
        "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "admin", "sasl.password": servers.settings.secret("kafka.admin"),
        "log_level": 2,
    }  # fmt: skip


_login = login


def held_back(servers: Servers, topic: str) -> bool:
    """Say whether a transaction is open: the last stable offset of a lane is before its high watermark."""
    admin = AdminClient(login(servers))
    lanes = list(admin.list_topics(topic, timeout=STABLE_S).topics[topic].partitions)
    ends = [_ends(admin, topic, lanes, level) for level in IsolationLevel]
    return ends[0] != ends[1]


def await_stable(servers: Servers, topic: str) -> None:
    """Wait until no transaction of the topic is open: last stable offset = high watermark."""
    until = time.monotonic() + STABLE_S
    while held_back(servers, topic):
        assert time.monotonic() < until, f"a transaction of {topic} stays open"
        time.sleep(0.05)


def _ends(admin: AdminClient, topic: str, lanes: list[int], level: IsolationLevel) -> dict[int, int]:
    asked = {TopicPartition(topic, lane): OffsetSpec.latest() for lane in lanes}
    found = admin.list_offsets(asked, isolation_level=level, request_timeout=STABLE_S)
    return {partition.partition: future.result().offset for partition, future in found.items()}


def check_project(project: Project, journal: Journal, *, resent: bool = False, stable: bool = True) -> None:
    """Assert the invariant I and that the topics tell exactly what the journal says was done.

    Every stage must have run to its end since the last fault. `stable`: see `await_stable`.
    """
    topics = [f"shared.{project.stem}", f"sub.{project.subscriber}.{project.stem}"]
    for topic in topics if stable else ():
        await_stable(project.servers, topic)
    check(project, resent=resent)
    check_told(project, journal)


def check_told(project: Project, journal: Journal) -> None:
    """Assert that the topics tell what the journal says was done, once and in order."""
    topics = [f"shared.{project.stem}", f"sub.{project.subscriber}.{project.stem}"]
    operations = journal.writes(project.stem)
    shared = read_log(project.servers, project.stem)
    records = [record_of(row.payload, CITIZEN) for row in shared if row.payload is not None]
    _check_values(project.stem, operations, records)
    _check_values(topics[1], operations, [_decoded(m) for m in read_topic(project.servers, topics[1])])
    _check_order(project.stem, operations, shared)


def _decoded(message: Message) -> dict[str, Any] | None:
    """Decode a value by a schema of the checker's own."""
    if message.value is None:
        return None
    whole = json.loads(json.dumps(CITIZEN))
    return record_of(
        message.value[5:], {**whole, "fields": [f for f in whole["fields"] if f["name"] in GRANTED]}
    )


def _check_values(topic: str, operations: list[Operation], read: Sequence[dict[str, Any] | None]) -> None:
    """Each value done is there once; none failed or unknown; what belongs together came together."""
    seen: dict[str, int] = defaultdict(int)
    for record in read:
        if record is None:
            continue
        name = record["full_name"]
        seen[name] += 1
        if "household_code" in record and (told := record["household_code"]) and told.startswith("H."):
            assert told == household(name), f"torn: a version of {topic} mixes two writes"
    known = {o.value: o for o in operations if o.value}
    for name, times in seen.items():
        assert name in known, f"{topic} tells a value that nobody wrote"
        assert known[name].outcome != "failed", f"{topic} tells a value whose write failed"
        assert times == 1, f"{topic} tells one version {times} times"
    newest = _newest(operations)
    lost = [o.value for key, o in newest.items() if o.outcome == "done" and o.value and not seen[o.value]]
    assert not lost, f"{len(lost)} of {len(newest)} newest versions are not on {topic}"


def _newest(operations: list[Operation]) -> dict[str, Operation]:
    """Give the last version of each key: an older one may have been overwritten before it was read."""
    newest: dict[str, Operation] = {}
    for o in operations:
        if o.key not in newest or o.minutes_ago <= newest[o.key].minutes_ago:
            newest[o.key] = o
    return newest


def _check_order(topic: str, operations: list[Operation], read: list[Logged]) -> None:
    """Versions of a key come in the order of their markers, whatever order they arrived in."""
    markers: dict[str, int] = {}
    for row in read:
        assert row.marker > markers.get(row.key, -1), f"{topic} tells a key's versions out of order"
        markers[row.key] = row.marker
    gone = {row.key for row in read if row.payload is None}
    for key, o in _newest(operations).items():
        if o.what == "delete" and o.outcome == "done":
            assert key in gone, f"a delete is not on {topic}"


def uncommitted(servers: Servers, topic: str) -> int:
    """Count all records of a topic, those of aborted and open transactions too."""
    consumer = Consumer(login(servers) | {
        "group.id": "outside.uncommitted", "isolation.level": "read_uncommitted", "enable.auto.commit": False,
        "enable.partition.eof": True,
    })  # fmt: skip
    try:
        lanes = list(consumer.list_topics(topic, timeout=STABLE_S).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, lane, 0) for lane in lanes])
        counted, left = 0, len(lanes)
        while left:
            message = consumer.poll(STABLE_S)
            assert message is not None, f"{topic} does not end"
            counted, left = (counted, left - 1) if message.error() else (counted + 1, left)
        return counted
    finally:
        consumer.close()
