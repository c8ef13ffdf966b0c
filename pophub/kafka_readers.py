"""Finds subscribers whose groups read so late that retention takes records from them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import confluent_kafka
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from pophub.kafka import CALL_S, _librdkafka, translated
from pophub.settings import Settings

Lanes = Mapping[int, int]


class SlowReader(NamedTuple):
    """A group whose oldest unread record has lived more than half of the topic's retention."""

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
        admin = AdminClient(_librdkafka(settings, "pophub-share"))
        retained = _retention_ms(admin, list(topics))
        if not retained:
            return []
        groups = _groups(admin)
        found: list[SlowReader] = []
        for topic, kept_ms in retained.items():
            half = _offsets(admin, topic, OffsetSpec.for_timestamp(now_ms - kept_ms // 2))
            ends = _offsets(admin, topic, OffsetSpec.latest())
            for group in (g for g in groups if g.startswith(topics[topic])):
                if behind := _behind(_committed(admin, group, topic, list(ends)), half, ends):
                    found.append(SlowReader(topic, group, behind))
        return found


def _retention_ms(admin: AdminClient, topics: Sequence[str]) -> dict[str, int]:
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


def _groups(admin: AdminClient) -> list[str]:
    found = admin.list_consumer_groups(request_timeout=CALL_S).result()
    return sorted(str(group.group_id) for group in found.valid)


def _offsets(admin: AdminClient, topic: str, spec: Any) -> dict[int, int]:
    lanes = admin.list_topics(topic, timeout=CALL_S).topics[topic].partitions
    asked = {TopicPartition(topic, lane): spec for lane in lanes}
    found = admin.list_offsets(asked, request_timeout=CALL_S)
    return {partition.partition: int(future.result().offset) for partition, future in found.items()}


def _committed(admin: AdminClient, group: str, topic: str, lanes: Sequence[int]) -> dict[int, int]:
    asked = confluent_kafka.ConsumerGroupTopicPartitions(
        group, [TopicPartition(topic, lane) for lane in lanes]
    )
    found = admin.list_consumer_group_offsets([asked], request_timeout=CALL_S)[group].result()
    return {p.partition: int(p.offset) for p in found.topic_partitions if p.offset >= 0}


def _behind(committed: Lanes, half: Lanes, ends: Lanes) -> int:
    """Count what is unread in lanes whose oldest unread record is older than half of the retention."""
    late = 0
    for lane, at in committed.items():
        oldest_young = half[lane] if half[lane] >= 0 else ends[lane]
        if at < oldest_young:
            late += ends[lane] - at
    return late
