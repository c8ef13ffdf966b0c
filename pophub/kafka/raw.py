"""Raw blocks in and out: one writer a connector, one reader a lane."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors as kafka_errors

from pophub.domain.errors import PromiseBroken
from pophub.kafka import client
from pophub.kafka.client import REFUSED, client_settings, connecting, in_our_words, refuse_missing, translated
from pophub.process.deadline import deadline
from pophub.settings import Settings


class RawWriter:
    """Writes blocks to `raw.<stem>`, idempotent and acknowledged by all replicas."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self.topic = topic
        self._settings = settings
        self._producer = self._connected()

    def _connected(self) -> KafkaProducer:
        login = connecting(self._settings, "pophub-extract", self.topic)
        with login, deadline(client.CALL_S, f"connecting to {self.topic}"):
            refuse_missing(self._settings, "pophub-extract", self.topic)
            return KafkaProducer(
                **client_settings(self._settings, "pophub-extract"),
                enable_idempotence=True, acks="all", max_request_size=client.MAX_REQUEST_BYTES,
                batch_size=1 << 20, linger_ms=5, delivery_timeout_ms=60000, allow_auto_create_topics=False,
            )  # fmt: skip

    def send(self, blocks: Iterable[tuple[int, bytes]]) -> bool:
        """Send (lane, block) pairs and return once each of them is acknowledged.

        True where the broker refuses one for what it is: any of the others may have been written.
        After that an idempotent producer fails all that is sent, so the client is made anew.
        """
        try:
            with deadline(client.COMMIT_S, f"writing to {self.topic}"):
                futures = [
                    self._producer.send(self.topic, value=value, partition=lane) for lane, value in blocks
                ]
                self._producer.flush()
                for future in futures:
                    future.get(timeout=client.CALL_S)
        except REFUSED:
            self.close()
            self._producer = self._connected()
            return True
        except kafka_errors.KafkaError as cause:
            raise in_our_words(cause, self.topic) from cause
        return False

    def close(self) -> None:
        """End the client."""
        self._producer.close(timeout=5)


class RawReader:
    """Reads one lane of `raw.<stem>`; offsets are kept in PostgreSQL, never in a group."""

    def __init__(self, settings: Settings, topic: str, lane: int) -> None:
        self._partition = TopicPartition(topic, lane)
        self._where = f"{topic}, lane {lane}"
        login = connecting(settings, "pophub-judge", self._where)
        with login, deadline(client.CALL_S, f"connecting to {topic}"):
            refuse_missing(settings, "pophub-judge", topic)
            self._consumer = KafkaConsumer(
                **client_settings(settings, "pophub-judge"),
                group_id=None, enable_auto_commit=False, auto_offset_reset="none",
                fetch_max_bytes=32 << 20, max_partition_fetch_bytes=16 << 20, max_poll_records=16,
            )  # fmt: skip
            self._consumer.assign([self._partition])

    def start(self) -> int:
        """Give the offset of the first message that retention left."""
        with translated(self._where), deadline(client.CALL_S, f"reading the start of {self._where}"):
            return int(self._consumer.beginning_offsets([self._partition])[self._partition])

    def end(self) -> int:
        """Give the offset after the last message."""
        with translated(self._where), deadline(client.CALL_S, f"reading the end of {self._where}"):
            return int(self._consumer.end_offsets([self._partition])[self._partition])

    def read(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Give (offset, bytes) from `start` up to before `end`.

        Errors: `raw.gap` where retention removed what was not judged yet.
        """
        with translated(self._where):
            self._consumer.seek(self._partition, start)
        position = start
        while position < end:
            for offset, value in self._poll():
                if offset >= end:
                    return
                position = offset + 1
                yield offset, value

    def _poll(self) -> list[tuple[int, bytes]]:
        with deadline(client.CALL_S, f"reading {self._where}"):
            while True:
                try:
                    batches = self._consumer.poll(timeout_ms=client.POLL_MS)
                except kafka_errors.OffsetOutOfRangeError as cause:
                    raise PromiseBroken(
                        "raw.gap",
                        "messages that were not judged yet are no longer on the topic",
                        where=self._where,
                        remedy="raise the topic's retention, then `pophub position pass-gap` and `pophub backfill`",
                    ) from cause
                except kafka_errors.KafkaError as cause:
                    raise in_our_words(cause, self._where) from cause
                found = [(r.offset, r.value or b"") for records in batches.values() for r in records]
                if found:
                    return found

    def close(self) -> None:
        """End the client."""
        self._consumer.close(autocommit=False)


class RawEnds:
    """Asks for the ends of many lanes of raw at once, and reads none of them."""

    def __init__(self, settings: Settings) -> None:
        with translated("raw"), deadline(client.CALL_S, "connecting to raw"):
            self._consumer = KafkaConsumer(
                **client_settings(settings, "pophub-judge"), group_id=None, enable_auto_commit=False
            )

    def ends(self, lanes: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Give the offset after the last message of each lane (stem, lane) that the broker has."""
        with translated("raw"), deadline(client.CALL_S, "reading the ends of raw"):
            known = {
                TopicPartition(f"raw.{stem}", lane): (stem, lane) for stem, lane in lanes
                if lane in (self._consumer.partitions_for_topic(f"raw.{stem}") or ())
            }  # fmt: skip
            found = self._consumer.end_offsets(list(known)) if known else {}
        return {known[place]: int(end) for place, end in found.items()}

    def close(self) -> None:
        """End the client."""
        self._consumer.close(autocommit=False)
