"""How the broker does, seen with the rights of share: replicas in sync, open transactions, late readers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any, NamedTuple

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType
from kafka import KafkaAdminClient

from pophub.kafka.client import client_settings, librdkafka, translated
from pophub.kafka.readers import committed, ends_of, groups_of, oldest_unread_ms, retention_ms
from pophub.settings import Settings

LOOK_S = 20
OPEN = ("Ongoing", "PrepareCommit", "PrepareAbort")


class ReaderPlace(NamedTuple):
    """Where a group of a subscriber stands on a topic.

    Units: `messages` counts offsets, so marks of commits too. `used` is the age of the oldest unread record as a share
    of the topic's retention, `to_loss_s` the seconds until it is taken; None where nothing is taken, or all is read.
    """

    topic: str
    group: str
    messages: int
    used: float | None = None
    to_loss_s: float | None = None


class BrokerHealth(NamedTuple):
    """How the broker does. Units: `oldest_transaction_s` seconds, 0 where none is open."""

    under_min_isr: int
    oldest_transaction_s: float
    readers: list[ReaderPlace]


def broker_health(settings: Settings, topics: Mapping[str, str]) -> BrokerHealth:
    """Look at the broker; `topics`: topic of a subscription -> prefix of its subscriber's groups.

    A topic that is not there yet is left out.
    Errors: `kafka.unreachable` and the like.
    """
    with translated("the broker's health"):
        admin = AdminClient(librdkafka(settings, "pophub-share"))
        known = admin.list_topics(timeout=LOOK_S).topics
        mine = {topic: prefix for topic, prefix in topics.items() if topic in known}
        return BrokerHealth(
            _under_min_isr(admin, known, sorted(mine)),
            _oldest_transaction_s(settings),
            [*_readers(settings, admin, mine)],
        )


def reader_places(settings: Settings, topics: Mapping[str, str]) -> list[ReaderPlace]:
    """Give where the groups of subscribers stand; `topics` and errors as for `broker_health`."""
    with translated("the subscribers' groups"):
        admin = AdminClient(librdkafka(settings, "pophub-share"))
        known = admin.list_topics(timeout=LOOK_S).topics
        return _readers(
            settings, admin, {topic: prefix for topic, prefix in topics.items() if topic in known}
        )


def lane_ends(settings: Settings, lanes: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Give the offset behind the last message of each lane (stem, lane) of raw, as `RawEnds` does for a stage.

    That one ends its process where the broker hangs; who serves others waits for an error instead.
    Errors: `kafka.unreachable` and the like.
    """
    with translated("raw"):
        admin = AdminClient(librdkafka(settings, "pophub-judge"))
        known = admin.list_topics(timeout=LOOK_S).topics
        places = {
            (f"raw.{stem}", lane): (stem, lane)
            for stem, lane in lanes
            if lane in getattr(known.get(f"raw.{stem}"), "partitions", ())
        }
        if not places:
            return {}
        asked = {TopicPartition(*place): OffsetSpec.latest() for place in places}
        found = admin.list_offsets(asked, request_timeout=LOOK_S)
        return {places[at.topic, at.partition]: int(one.result().offset) for at, one in found.items()}


def _under_min_isr(admin: AdminClient, known: Mapping[str, Any], asked: list[str]) -> int:
    """Count partitions with too few replicas in sync; what a write takes is asked of topics of subscriptions, else 1."""
    wanted: dict[str, int] = {}
    if asked:
        told = admin.describe_configs(
            [ConfigResource(ResourceType.TOPIC, topic) for topic in asked], request_timeout=LOOK_S
        )
        wanted = {str(r.name): int(f.result()["min.insync.replicas"].value) for r, f in told.items()}
    usual = max(wanted.values(), default=1)
    return sum(
        len(partition.isrs) < wanted.get(topic, usual)
        for topic, one in known.items()
        for partition in one.partitions.values()
    )


def _oldest_transaction_s(settings: Settings) -> float:
    with closing(KafkaAdminClient(**client_settings(settings, "pophub-share"))) as admin:
        listed = admin.list_transactions(state_filters=list(OPEN))
        names = [one.transactional_id for found in listed.values() for one in found]
        begun = [one.transaction_start_time_ms for one in admin.describe_transactions(names).values()]
    return max((time.time() - ms / 1000 for ms in begun if ms > 0), default=0.0)


def _readers(settings: Settings, admin: AdminClient, topics: Mapping[str, str]) -> list[ReaderPlace]:
    if not topics:
        return []
    kept, groups, found = retention_ms(admin, list(topics)), groups_of(admin), []
    for topic, prefix in topics.items():
        ends = ends_of(admin, topic)
        for group in (g for g in groups if g.startswith(prefix)):
            read = committed(admin, group, topic, list(ends))
            behind = sum(ends[lane] - at for lane, at in read.items())
            written = [
                oldest_unread_ms(settings, TopicPartition(topic, lane, at), ends[lane])
                for lane, at in read.items()
                if topic in kept
            ]
            oldest = min((ms for ms in written if ms is not None), default=None)
            found.append(_place(topic, group, behind, oldest, kept.get(topic)))
    return found


def _place(topic: str, group: str, behind: int, oldest_ms: int | None, kept_ms: int | None) -> ReaderPlace:
    if oldest_ms is None or not kept_ms:
        return ReaderPlace(topic, group, behind)
    age_s = time.time() - oldest_ms / 1000
    return ReaderPlace(topic, group, behind, age_s / (kept_ms / 1000), kept_ms / 1000 - age_s)
