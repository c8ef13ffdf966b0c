"""Transactional publishing: records and position, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import confluent_kafka
from kafka import TopicPartition
from kafka import errors as kafka_errors
from tenacity import retry, retry_if_exception, stop_after_delay, wait_exponential

from pophub.kafka import client
from pophub.kafka.client import librdkafka, translated
from pophub.ports import Message, Position
from pophub.process.deadline import deadline
from pophub.process.failpoints import reach
from pophub.settings import Settings


def _passing(cause: BaseException) -> bool:
    """Tell whether the coordinator of a group may be found at another broker, or soon."""
    codes = confluent_kafka.KafkaError
    return isinstance(cause, confluent_kafka.KafkaException) and cause.args[0].code() in (
        codes.NOT_COORDINATOR, codes.COORDINATOR_NOT_AVAILABLE, codes.COORDINATOR_LOAD_IN_PROGRESS,
        codes.UNSTABLE_OFFSET_COMMIT, codes._TRANSPORT,
    )  # fmt: skip


class Publisher:
    """Publishes one lane of one subscription; records and position in one Kafka transaction.

    A new publisher first resolves what an earlier one left open (`init_transactions` with the same
    transactional id fences it), then reads the committed position; from its own commits on it knows
    it. After any error here the outcome is indefinite: close it, make a new one, read the position.

    All through librdkafka: with one message a record, kafka-python's send was two thirds of share's
    time, and right behind a commit it could read the position before it, for up to 54 ms. librdkafka
    asks for a stable one: it waits until no transaction is pending.
    """

    def __init__(self, settings: Settings, topic: str, lane: int) -> None:
        self._partition = TopicPartition(topic, lane)
        self._group = f"pophub.share.{topic}"
        self._where = f"{topic}, lane {lane}"
        self._known: Position | None = None
        login = librdkafka(settings, "pophub-share")
        with translated(self._where), deadline(client.CALL_S, f"starting the publisher of {self._where}"):
            self._producer = confluent_kafka.Producer(
                login | {
                    "transactional.id": f"pophub.share.{topic}.{lane}", "acks": "all", "linger.ms": 20,
                    "batch.size": 1 << 20, "message.max.bytes": client.MAX_REQUEST_BYTES,
                    "transaction.timeout.ms": client.COMMIT_S * 1000, "allow.auto.create.topics": False,
                }
            )  # fmt: skip
            self._producer.init_transactions(client.CALL_S)
            self._member = confluent_kafka.Consumer(
                login | {"group.id": self._group, "isolation.level": "read_committed"}
            )

    def position(self) -> Position:
        """Give the committed position; sequence 0 before the first commit.

        Right behind an own commit it is the one committed: whoever else commits has fenced this
        publisher, and holds the lane's lock, without which nothing is asked here.
        """
        if self._known is None:
            with translated(self._where), deadline(client.CALL_S, f"reading the position of {self._where}"):
                found = self._committed()
            metadata = (found.metadata or "").rstrip("\0")  # C's final NUL may be counted
            self._known = Position(0, "") if found.offset < 0 else Position(found.offset, metadata)
        return self._known

    @retry(
        retry=retry_if_exception(_passing),
        stop=stop_after_delay(client.CALL_S / 2), wait=wait_exponential(0.05, max=2), reraise=True,
    )  # fmt: skip
    def _committed(self) -> Any:
        """Ask the group's coordinator, again while it is being moved or still reads its log."""
        (found,) = self._member.committed(
            [confluent_kafka.TopicPartition(*self._partition)], client.CALL_S / 2
        )
        if found.error:
            raise confluent_kafka.KafkaException(found.error)
        return found

    def publish(self, messages: Sequence[Message], position: Position) -> None:
        """Publish the messages and the new position, all or nothing.

        A message that the broker refuses makes the commit fail, and with it the whole.
        """
        topic, lane = self._partition
        self._known = None
        with translated(self._where), deadline(client.COMMIT_S, f"publishing to {self._where}"):
            self._producer.begin_transaction()
            for message in messages:
                self._produce(topic, lane, message)
            if self._producer.flush(client.CALL_S):
                raise kafka_errors.KafkaTimeoutError("records were not acknowledged in time")
            reach("share.sent")
            offset = confluent_kafka.TopicPartition(topic, lane, position.sequence, position.metadata)
            self._producer.send_offsets_to_transaction(
                [offset], self._member.consumer_group_metadata(), client.CALL_S
            )
            reach("share.positioned")
            self._producer.commit_transaction(client.CALL_S)
        self._known = position

    def _produce(self, topic: str, lane: int, message: Message) -> None:
        while True:
            try:
                self._producer.produce(topic, message.value, message.key, lane, headers=message.headers)
                return
            except BufferError:  # the client's queue is full: wait for acknowledgements
                self._producer.poll(0.1)

    def close(self) -> None:
        """End the clients; a transaction left open is resolved by the next publisher."""
        with suppress(confluent_kafka.KafkaException):  # it was fenced: the cause is on its way already
            self._producer.purge()
            self._producer.flush(5)
        self._member.close()
