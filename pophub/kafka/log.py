"""Reads a topic whole, from its beginning to the end that was seen, for audits and rebuilds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import confluent_kafka

from pophub.domain.errors import TransientError
from pophub.kafka.client import CALL_S, librdkafka, translated
from pophub.settings import Settings

MOST_MESSAGES = 1_000
AHEAD_MESSAGES, AHEAD_KBYTES = 2_000, 4_096  # of a lane, read ahead; librdkafka's own: 100,000 and 64 MiB
WAIT_S = 0.05
GROUP = "pophub.share.reconcile"
Ends = dict[int, int]


class Read(NamedTuple):
    """A committed message."""

    lane: int
    offset: int
    key: bytes
    value: bytes | None
    headers: dict[str, str]


class TopicLog:
    """A topic's committed messages; reads with the rights of share, or of another principal, commits nothing."""

    def __init__(
        self, settings: Settings, topic: str, principal: str = "pophub-share", group: str = GROUP
    ) -> None:
        self._settings = settings
        self.topic = topic
        self._principal, self._group = principal, group

    def ends(self) -> Ends:
        """Give lane -> offset after the last message, as it is now."""
        with translated(self.topic), closing(self._consumer()) as consumer:
            lanes = consumer.list_topics(self.topic, timeout=CALL_S).topics[self.topic].partitions
            return {
                lane: consumer.get_watermark_offsets(
                    confluent_kafka.TopicPartition(self.topic, lane), timeout=CALL_S
                )[1]
                for lane in sorted(lanes)
            }

    def read(self, ends: Ends) -> Iterator[Read]:
        """Give the messages before `ends`, in order within a lane.

        A transaction that is still open at the end is left out.
        """
        with translated(self.topic), closing(self._consumer()) as consumer:
            open_lanes = {lane for lane, end in ends.items() if end}
            consumer.assign([
                confluent_kafka.TopicPartition(self.topic, lane, confluent_kafka.OFFSET_BEGINNING)
                for lane in sorted(open_lanes)
            ])  # fmt: skip
            while open_lanes:
                for message in self._some(consumer):
                    lane, offset = message.partition(), message.offset()
                    assert lane is not None and offset is not None
                    if message.error() is not None or offset >= ends[lane]:
                        open_lanes.discard(lane)
                        continue
                    headers = {name: _text(value) for name, value in message.headers() or []}
                    yield Read(lane, offset, _bytes(message.key()), message.value(), headers)

    def _some(self, consumer: confluent_kafka.Consumer) -> list[confluent_kafka.Message]:
        """Give what is there; `consume` waits for so many messages or its whole timeout, so both are small."""
        messages: list[confluent_kafka.Message] = []
        give_up = time.monotonic() + CALL_S
        while not messages:
            messages = consumer.consume(MOST_MESSAGES, WAIT_S)
            if not messages and time.monotonic() > give_up:
                raise TransientError(
                    "kafka.unreachable",
                    "the broker gave no messages in time",
                    where=self.topic,
                    remedy="see `pophub status`; then run it again",
                )
        for message in messages:
            error = message.error()
            if error is not None and error.code() != confluent_kafka.KafkaError._PARTITION_EOF:
                raise confluent_kafka.KafkaException(error)
        return messages

    def _consumer(self) -> confluent_kafka.Consumer:
        return confluent_kafka.Consumer(
            librdkafka(self._settings, self._principal) | {
                "group.id": self._group, "isolation.level": "read_committed", "enable.auto.commit": False,
                "enable.partition.eof": True, "auto.offset.reset": "error", "fetch.wait.max.ms": 50,
                "queued.min.messages": AHEAD_MESSAGES, "queued.max.messages.kbytes": AHEAD_KBYTES,
                "fetch.queue.backoff.ms": 5,
            }
        )  # fmt: skip


def _text(value: str | bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
