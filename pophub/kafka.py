"""The one room of the Kafka client: raw blocks in and out, transactional publishing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import confluent_kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors as kafka_errors
from tenacity import retry, retry_if_exception, stop_after_delay, wait_exponential

from pophub.domain.errors import ConfigError, PophubError, PromiseBroken, TransientError
from pophub.process.deadline import deadline
from pophub.process.failpoints import reach
from pophub.settings import Settings

logging.getLogger("kafka").setLevel(logging.ERROR)  # below that it prints keys and values

CALL_S = 60
COMMIT_S = 120
POLL_MS = 500
MAX_REQUEST_BYTES = 8 << 20
REFUSED = (
    kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidTimestampError, kafka_errors.InvalidRecordError, kafka_errors.CorruptRecordError,
)  # fmt: skip


class Message(NamedTuple):
    """One record to publish; `value` None is a tombstone."""

    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


def _client(settings: Settings, principal: str) -> dict[str, Any]:
    return {
        "bootstrap_servers": settings.endpoints.kafka_bootstrap.split(","),
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": principal,
        "sasl_plain_password": settings.secret(f"kafka.{principal}"),
        "client_id": principal,
        "bootstrap_timeout_ms": 15000,
    }


def _librdkafka(settings: Settings, principal: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.endpoints.kafka_bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": principal,
        "sasl.password": settings.secret(f"kafka.{principal}"),
        "client.id": principal,
        "log_level": 2,  # critical: what is wrong comes back as an error
    }


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn the client's errors into pophub's, with their cause."""
    try:
        yield
    except kafka_errors.KafkaError as cause:
        raise _in_our_words(cause, where) from cause
    except confluent_kafka.KafkaException as cause:
        raise _in_our_words(_same_error(cause), where) from cause


@contextmanager
def connecting(settings: Settings, principal: str, where: str) -> Iterator[None]:
    """Translate as `translated` does, and tell a refused login from a broker that cannot be reached.

    kafka-python says "unable to bootstrap" to both; librdkafka is asked once more.
    """
    try:
        with translated(where):
            yield
    except TransientError as error:
        if _login_refused(settings, principal):
            raise _in_our_words(kafka_errors.SaslAuthenticationFailedError(), where) from error
        raise


def _login_refused(settings: Settings, principal: str) -> bool:
    told: list[Any] = []
    probe = confluent_kafka.Producer(_librdkafka(settings, principal) | {"error_cb": told.append})
    try:
        probe.list_topics(timeout=10)
    except confluent_kafka.KafkaException as error:
        told.append(error.args[0])
    probe.poll(0)
    return any(error.code() == confluent_kafka.KafkaError._AUTHENTICATION for error in told)


def _same_error(cause: Any) -> Exception:
    """Give kafka-python's error for librdkafka's: both carry the protocol's error code."""
    code = cause.args[0].code()
    ours = {
        confluent_kafka.KafkaError._AUTHENTICATION: kafka_errors.SaslAuthenticationFailedError,
        confluent_kafka.KafkaError._UNKNOWN_TOPIC: kafka_errors.UnknownTopicOrPartitionError,
        confluent_kafka.KafkaError._UNKNOWN_PARTITION: kafka_errors.UnknownTopicOrPartitionError,
        confluent_kafka.KafkaError._FENCED: kafka_errors.ProducerFencedError,
    }
    kind: type[Exception] = ours.get(code) or (
        kafka_errors.for_code(code) if code >= 0 else kafka_errors.KafkaError
    )
    return kind()


def _passing(cause: BaseException) -> bool:
    """Tell whether the coordinator of a group may be found at another broker, or soon."""
    codes = confluent_kafka.KafkaError
    return isinstance(cause, confluent_kafka.KafkaException) and cause.args[0].code() in (
        codes.NOT_COORDINATOR, codes.COORDINATOR_NOT_AVAILABLE, codes.COORDINATOR_LOAD_IN_PROGRESS,
        codes.UNSTABLE_OFFSET_COMMIT, codes._TRANSPORT,
    )  # fmt: skip


def _in_our_words(cause: Exception, where: str) -> PophubError:
    if isinstance(cause, kafka_errors.SaslAuthenticationFailedError):
        return ConfigError(
            "kafka.password",
            "the broker says: authentication failed",
            where=where,
            remedy="compare the principal's secret file, or run `pophub up` to set the users anew",
        )
    if isinstance(cause, kafka_errors.AuthorizationError):
        return ConfigError(
            "kafka.denied",
            "the principal lacks a right on this topic, group or transaction",
            where=where,
            remedy="run `pophub up`, which sets the access rules anew",
        )
    if isinstance(cause, kafka_errors.UnknownTopicOrPartitionError):
        return ConfigError(
            "kafka.topic_missing",
            "the topic does not exist",
            where=where,
            remedy="run `pophub up`, which creates the topics of each connector",
        )
    if isinstance(cause, REFUSED):
        return ConfigError(
            "kafka.refused",
            f"the broker refuses a record for what it is ({type(cause).__name__}); nothing of the whole was written",
            where=where,
            remedy="compare the topic's max.message.bytes and timestamp limits with those that `pophub up` sets",
        )
    if isinstance(cause, kafka_errors.ProducerFencedError | kafka_errors.InvalidProducerEpochError):
        return TransientError(
            "kafka.fenced",
            "another publisher took this lane over, or the transaction took too long; nothing of it counts",
            where=where,
            remedy="none: the next start reads where the lane stands; if it recurs, see who else shares this lane",
        )
    return TransientError(
        "kafka.unreachable",
        f"the broker gave {type(cause).__name__}",
        where=where,
        remedy="see `pophub status`; the stage reads where it stands and goes on",
    )


class RawWriter:
    """Writes blocks to `raw.<stem>`, idempotent and acknowledged by all replicas."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self.topic = topic
        self._settings = settings
        self._producer = self._connected()

    def _connected(self) -> KafkaProducer:
        login = connecting(self._settings, "pophub-extract", self.topic)
        with login, deadline(CALL_S, f"connecting to {self.topic}"):
            return KafkaProducer(
                **_client(self._settings, "pophub-extract"),
                enable_idempotence=True, acks="all", max_request_size=MAX_REQUEST_BYTES,
                batch_size=1 << 20, linger_ms=5, delivery_timeout_ms=60000, allow_auto_create_topics=False,
            )  # fmt: skip

    def send(self, blocks: Iterable[tuple[int, bytes]]) -> bool:
        """Send (lane, block) pairs and return once each of them is acknowledged.

        True where the broker refuses one for what it is: any of the others may have been written.
        After that an idempotent producer fails all that is sent, so the client is made anew.
        """
        try:
            with deadline(COMMIT_S, f"writing to {self.topic}"):
                futures = [
                    self._producer.send(self.topic, value=value, partition=lane) for lane, value in blocks
                ]
                self._producer.flush()
                for future in futures:
                    future.get(timeout=CALL_S)
        except REFUSED:
            self.close()
            self._producer = self._connected()
            return True
        except kafka_errors.KafkaError as cause:
            raise _in_our_words(cause, self.topic) from cause
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
        with login, deadline(CALL_S, f"connecting to {topic}"):
            self._consumer = KafkaConsumer(
                **_client(settings, "pophub-judge"),
                group_id=None, enable_auto_commit=False, auto_offset_reset="none",
                fetch_max_bytes=32 << 20, max_partition_fetch_bytes=16 << 20, max_poll_records=16,
            )  # fmt: skip
            self._consumer.assign([self._partition])

    def start(self) -> int:
        """Give the offset of the first message that retention left."""
        with translated(self._where), deadline(CALL_S, f"reading the start of {self._where}"):
            return int(self._consumer.beginning_offsets([self._partition])[self._partition])

    def end(self) -> int:
        """Give the offset after the last message."""
        with translated(self._where), deadline(CALL_S, f"reading the end of {self._where}"):
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
        with deadline(CALL_S, f"reading {self._where}"):
            while True:
                try:
                    batches = self._consumer.poll(timeout_ms=POLL_MS)
                except kafka_errors.OffsetOutOfRangeError as cause:
                    raise PromiseBroken(
                        "raw.gap",
                        "messages that were not judged yet are no longer on the topic",
                        where=self._where,
                        remedy="raise the topic's retention, then `pophub position pass-gap` and `pophub backfill`",
                    ) from cause
                except kafka_errors.KafkaError as cause:
                    raise _in_our_words(cause, self._where) from cause
                found = [(r.offset, r.value or b"") for records in batches.values() for r in records]
                if found:
                    return found

    def close(self) -> None:
        """End the client."""
        self._consumer.close(autocommit=False)


class RawEnds:
    """Asks for the ends of many lanes of raw at once, and reads none of them."""

    def __init__(self, settings: Settings) -> None:
        with translated("raw"), deadline(CALL_S, "connecting to raw"):
            self._consumer = KafkaConsumer(
                **_client(settings, "pophub-judge"), group_id=None, enable_auto_commit=False
            )

    def ends(self, lanes: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Give the offset after the last message of each lane (stem, lane) that the broker has."""
        with translated("raw"), deadline(CALL_S, "reading the ends of raw"):
            known = {
                TopicPartition(f"raw.{stem}", lane): (stem, lane) for stem, lane in lanes
                if lane in (self._consumer.partitions_for_topic(f"raw.{stem}") or ())
            }  # fmt: skip
            found = self._consumer.end_offsets(list(known)) if known else {}
        return {known[place]: int(end) for place, end in found.items()}

    def close(self) -> None:
        """End the client."""
        self._consumer.close(autocommit=False)


class Position(NamedTuple):
    """What the last committed transaction of a publisher wrote: sequence and metadata."""

    sequence: int
    metadata: str


class Publisher:
    """Publishes one lane of one subscription; records and position in one Kafka transaction.

    A new publisher first resolves what an earlier one left open (`init_transactions` with the same
    transactional id fences it), then reads the committed position. After any error here the
    outcome is indefinite: close it, make a new one, read the position.

    All through librdkafka: with one message a record, kafka-python's send was two thirds of share's
    time, and right behind a commit it could read the position before it, for up to 54 ms. librdkafka
    asks for a stable one: it waits until no transaction is pending.
    """

    def __init__(self, settings: Settings, topic: str, lane: int) -> None:
        self._partition = TopicPartition(topic, lane)
        self._group = f"pophub.share.{topic}"
        self._where = f"{topic}, lane {lane}"
        login = _librdkafka(settings, "pophub-share")
        with translated(self._where), deadline(CALL_S, f"starting the publisher of {self._where}"):
            self._producer = confluent_kafka.Producer(
                login | {
                    "transactional.id": f"pophub.share.{topic}.{lane}", "acks": "all", "linger.ms": 20,
                    "batch.size": 1 << 20, "message.max.bytes": MAX_REQUEST_BYTES,
                    "transaction.timeout.ms": COMMIT_S * 1000, "allow.auto.create.topics": False,
                }
            )  # fmt: skip
            self._producer.init_transactions(CALL_S)
            self._member = confluent_kafka.Consumer(
                login | {"group.id": self._group, "isolation.level": "read_committed"}
            )

    def position(self) -> Position:
        """Read the committed position; sequence 0 before the first commit."""
        with translated(self._where), deadline(CALL_S, f"reading the position of {self._where}"):
            found = self._committed()
        if found.offset < 0:
            return Position(0, "")
        return Position(found.offset, (found.metadata or "").rstrip("\0"))  # C's final NUL may be counted

    @retry(
        retry=retry_if_exception(_passing),
        stop=stop_after_delay(CALL_S / 2), wait=wait_exponential(0.05, max=2), reraise=True,
    )  # fmt: skip
    def _committed(self) -> Any:
        """Ask the group's coordinator, again while it is being moved or still reads its log."""
        (found,) = self._member.committed([confluent_kafka.TopicPartition(*self._partition)], CALL_S / 2)
        if found.error:
            raise confluent_kafka.KafkaException(found.error)
        return found

    def publish(self, messages: Sequence[Message], position: Position) -> None:
        """Publish the messages and the new position, all or nothing.

        A message that the broker refuses makes the commit fail, and with it the whole.
        """
        topic, lane = self._partition
        with translated(self._where), deadline(COMMIT_S, f"publishing to {self._where}"):
            self._producer.begin_transaction()
            for message in messages:
                self._produce(topic, lane, message)
            if self._producer.flush(CALL_S):
                raise kafka_errors.KafkaTimeoutError("records were not acknowledged in time")
            reach("share.sent")
            offset = confluent_kafka.TopicPartition(topic, lane, position.sequence, position.metadata)
            self._producer.send_offsets_to_transaction(
                [offset], self._member.consumer_group_metadata(), CALL_S
            )
            reach("share.positioned")
            self._producer.commit_transaction(CALL_S)

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
