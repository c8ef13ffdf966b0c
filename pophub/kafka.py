"""The one room of the Kafka client: raw blocks in and out, transactional publishing, set-up."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import confluent_kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from pophub.deadline import deadline
from pophub.domain.errors import ConfigError, PophubError, PromiseBroken, TransientError
from pophub.failpoints import reach
from pophub.settings import Settings

logging.getLogger("kafka").setLevel(logging.ERROR)  # below that it prints keys and values

CALL_S = 60
COMMIT_S = 120
POLL_MS = 500
MAX_REQUEST_BYTES = 8 << 20


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
        with translated(topic), deadline(CALL_S, f"connecting to {topic}"):
            self._producer = KafkaProducer(
                **_client(settings, "pophub-extract"),
                enable_idempotence=True, acks="all", max_request_size=MAX_REQUEST_BYTES,
                batch_size=1 << 20, linger_ms=5, delivery_timeout_ms=60000, allow_auto_create_topics=False,
            )  # fmt: skip

    def send(self, blocks: Iterable[tuple[int, bytes]]) -> None:
        """Send (lane, block) pairs and return once each of them is acknowledged."""
        with translated(self.topic), deadline(COMMIT_S, f"writing to {self.topic}"):
            futures = [self._producer.send(self.topic, value=value, partition=lane) for lane, value in blocks]
            self._producer.flush()
            for future in futures:
                future.get(timeout=CALL_S)

    def close(self) -> None:
        """End the client."""
        self._producer.close(timeout=5)


class RawReader:
    """Reads one lane of `raw.<stem>`; offsets are kept in PostgreSQL, never in a group."""

    def __init__(self, settings: Settings, topic: str, lane: int) -> None:
        self._partition = TopicPartition(topic, lane)
        self._where = f"{topic}, lane {lane}"
        with translated(self._where), deadline(CALL_S, f"connecting to {topic}"):
            self._consumer = KafkaConsumer(
                **_client(settings, "pophub-judge"),
                group_id=None, enable_auto_commit=False, auto_offset_reset="none",
                fetch_max_bytes=32 << 20, max_partition_fetch_bytes=16 << 20, max_poll_records=16,
            )  # fmt: skip
            self._consumer.assign([self._partition])

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
                        remedy="raise the topic's retention and backfill the source (`pophub position reset`)",
                    ) from cause
                except kafka_errors.KafkaError as cause:
                    raise _in_our_words(cause, self._where) from cause
                found = [(r.offset, r.value or b"") for records in batches.values() for r in records]
                if found:
                    return found

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

    Records go through librdkafka: with one message a record, kafka-python's send was two thirds of
    share's time. The position is read by the other client.
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
            self._member = confluent_kafka.Consumer(login | {"group.id": self._group})
            self._consumer = KafkaConsumer(
                **_client(settings, "pophub-share"),
                group_id=self._group, enable_auto_commit=False, auto_offset_reset="none",
            )  # fmt: skip

    def position(self) -> Position:
        """Read the committed position; sequence 0 before the first commit."""
        with translated(self._where), deadline(CALL_S, f"reading the position of {self._where}"):
            committed = self._consumer.committed(self._partition, metadata=True)
        if not committed:
            return Position(0, "")
        return Position(committed.offset, committed.metadata.rstrip("\0"))  # librdkafka counts C's final NUL

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
        self._producer.purge()
        self._producer.flush(5)
        self._member.close()
        self._consumer.close(autocommit=False)


class Administrator:
    """Sets up topics, users and access rules; repeating it changes nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        with translated("administration"), deadline(CALL_S, "connecting as administrator"):
            self._admin = KafkaAdminClient(**_client(settings, "admin"))

    def ensure_topics(self, topics: Mapping[str, int]) -> None:
        """Create missing topics with so many lanes; retention is unlimited, nothing is compacted."""
        with translated("topics"), deadline(CALL_S, "creating topics"):
            missing = {
                name: lanes for name, lanes in topics.items() if name not in set(self._admin.list_topics())
            }
            if missing:
                self._admin.create_topics(
                    {
                        name: {
                            "num_partitions": lanes,
                            "replication_factor": self._settings.endpoints.kafka_replicas,
                            "configs": {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete",
                                        "max.message.bytes": str(MAX_REQUEST_BYTES)},
                        }
                        for name, lanes in missing.items()
                    },
                    wait_for_metadata=True,
                )  # fmt: skip

    def ensure_users(self, principals: Iterable[str]) -> None:
        """Give each principal its SCRAM credential from its secret."""
        changes = [
            UserScramCredentialUpsertion(p, ScramMechanism.SCRAM_SHA_512, self._settings.secret(f"kafka.{p}"))
            for p in principals
        ]
        with translated("users"), deadline(CALL_S, "setting users"):
            refused = {u: e for u, e in self._admin.alter_user_scram_credentials(changes).items() if e}
        if refused:
            raise ConfigError(
                "kafka.user",
                f"the broker refused the users {', '.join(sorted(refused))}",
                remedy="see the broker's log with `pophub status`",
            )

    def ensure_rules(self, rules: Iterable[tuple[str, str, str, str]]) -> None:
        """Allow (principal, operation, resource type, name), such as `("portal", "READ", "TOPIC", "sub.portal.")`.

        A name that ends with a dot is a prefix, any other is that one name.
        """
        pattern = {True: ACLResourcePatternType.PREFIXED, False: ACLResourcePatternType.LITERAL}
        wanted = [
            ACL(f"User:{principal}", "*", ACLOperation[operation], ACLPermissionType.ALLOW,
                ResourcePattern(ResourceType[kind], name, pattern[name.endswith(".")]))
            for principal, operation, kind, name in rules
        ]  # fmt: skip
        with translated("access rules"), deadline(CALL_S, "setting access rules"):
            failed = self._admin.create_acls(wanted)["failed"]
        if failed:
            raise ConfigError(
                "kafka.rules",
                f"the broker refused {len(failed)} access rules",
                remedy="see the broker's log with `pophub status`",
            )

    def close(self) -> None:
        """End the client."""
        self._admin.close()
