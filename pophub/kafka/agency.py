"""A topic that a simulated agency fills, on the hub's broker for want of one of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import confluent_kafka

from pophub.domain.errors import TransientError
from pophub.kafka import client
from pophub.kafka.client import librdkafka, translated
from pophub.process.deadline import deadline
from pophub.settings import Settings


class AgencyLog:
    """One partition, to which messages are added in their order, as an agency's own software would."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = topic
        self._login = librdkafka(settings, "admin")

    def size(self) -> int:
        """Count the messages that were ever added."""
        asked: dict[str, Any] = self._login | {"group.id": f"pophub.simulation.{self._topic}"}
        reader = confluent_kafka.Consumer(asked)
        try:
            with translated(self._topic), deadline(client.CALL_S, f"looking at {self._topic}"):
                _, end = reader.get_watermark_offsets(
                    confluent_kafka.TopicPartition(self._topic, 0), timeout=client.CALL_S / 2, cached=False
                )
                return int(end)
        finally:
            reader.close()

    def add(self, messages: Sequence[tuple[bytes, bytes]]) -> None:
        """Add messages, each a key and a value, and wait until the broker has them all."""
        settings = self._login | {"enable.idempotence": True, "linger.ms": 20, "batch.size": 1 << 20}
        with translated(self._topic), deadline(client.CALL_S, f"filling {self._topic}"):
            producer = confluent_kafka.Producer(settings)
            for key, value in messages:
                self._produce(producer, key, value)
            if producer.flush(client.CALL_S):
                raise TransientError(
                    "kafka.unreachable", "messages were not acknowledged in time", where=self._topic,
                    remedy="run `pophub doctor`, then the command again: it goes on where it was",
                )  # fmt: skip

    def _produce(self, producer: confluent_kafka.Producer, key: bytes, value: bytes) -> None:
        while True:
            try:
                producer.produce(self._topic, value, key, 0)
                return
            except BufferError:  # the client's queue is full: wait for acknowledgements
                producer.poll(0.1)
