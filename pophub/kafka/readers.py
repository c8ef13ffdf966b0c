"""Finds subscribers whose groups read so late that retention takes records from them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import confluent_kafka
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from pophub.kafka.client import CALL_S, librdkafka, translated
from pophub.settings import Settings

GROUP = "pophub.share.readers"


class SlowReader(NamedTuple):
    """A group whose oldest unread record has lived more than half of the topic's retention.

    Units: `messages` counts offsets, so marks of commits too.
    """

    topic: str
    group: str
    messages: int


def slow_readers(
    settings: Settings, topics: Mapping[str, str], now_ms: int | None = None
) -> list[SlowReader]:
    """Look at the groups of each topic's subscriber; `topics`: topic -> prefix of its groups.

    Topics that keep everything, which is the default, take one question in sum.
    """
    now_ms = int(time.time() * 1000) if now_ms is None else now_ms
    with translated("the subscribers' groups"):
        admin = AdminClient(librdkafka(settings, "pophub-share"))
        retained = retention_ms(admin, list(topics))
        if not retained:
            return []
        groups = groups_of(admin)
        found: list[SlowReader] = []
        for topic, kept_ms in retained.items():
            ends = ends_of(admin, topic)
            for group in (g for g in groups if g.startswith(topics[topic])):
                late = 0
                for lane, at in committed(admin, group, topic, list(ends)).items():
                    written_ms = oldest_unread_ms(settings, TopicPartition(topic, lane, at), ends[lane])
                    if written_ms is not None and now_ms - written_ms > kept_ms // 2:
                        late += ends[lane] - at
                if late:
                    found.append(SlowReader(topic, group, late))
        return found


def retention_ms(admin: AdminClient, topics: Sequence[str]) -> dict[str, int]:
    """Give the topics that do not keep everything, with how long they keep it."""
    if not topics:
        return {}
    asked = admin.describe_configs(
        [ConfigResource(ResourceType.TOPIC, topic) for topic in topics], request_timeout=CALL_S
    )
    kept = {
        str(resource.name): int(future.result()["retention.ms"].value) for resource, future in asked.items()
    }
    return {topic: ms for topic, ms in kept.items() if ms >= 0}


def groups_of(admin: AdminClient) -> list[str]:
    """Give the names of all groups that share may see."""
    found = admin.list_consumer_groups(request_timeout=CALL_S).result()
    return sorted(str(group.group_id) for group in found.valid)


def ends_of(admin: AdminClient, topic: str) -> dict[int, int]:
    """Give the offset behind the last message of each lane of a topic."""
    lanes = admin.list_topics(topic, timeout=CALL_S).topics[topic].partitions
    asked = {TopicPartition(topic, lane): OffsetSpec.latest() for lane in lanes}
    found = admin.list_offsets(asked, request_timeout=CALL_S)
    return {partition.partition: int(future.result().offset) for partition, future in found.items()}


def committed(admin: AdminClient, group: str, topic: str, lanes: Sequence[int]) -> dict[int, int]:
    """Give the offset up to which a group has read each lane, where it has read any."""
    asked = confluent_kafka.ConsumerGroupTopicPartitions(
        group, [TopicPartition(topic, lane) for lane in lanes]
    )
    found = admin.list_consumer_group_offsets([asked], request_timeout=CALL_S)[group].result()
    return {p.partition: int(p.offset) for p in found.topic_partitions if p.offset >= 0}


def oldest_unread_ms(settings: Settings, at: TopicPartition, end: int) -> int | None:
    """Give when the first record from an offset on was written; None where only marks of commits follow."""
    if at.offset >= end:
        return None
    consumer = confluent_kafka.Consumer(
        librdkafka(settings, "pophub-share") | {
            "group.id": GROUP, "isolation.level": "read_committed", "enable.auto.commit": False,
            "enable.partition.eof": True, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 50,
        }
    )  # fmt: skip
    try:
        consumer.assign([at])
        message = consumer.poll(CALL_S)
        if message is None or message.error() is not None:
            return None
        return int(message.timestamp()[1])
    finally:
        consumer.close()
