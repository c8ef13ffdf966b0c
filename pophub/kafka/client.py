"""Login, limits and errors, which all clients of the broker share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import confluent_kafka
from kafka import errors as kafka_errors

from pophub.domain.errors import ConfigError, PophubError, TransientError
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


def client_settings(settings: Settings, principal: str) -> dict[str, Any]:
    """Give kafka-python's settings of a principal, with its login."""
    return {
        "bootstrap_servers": settings.endpoints.kafka_bootstrap.split(","),
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": principal,
        "sasl_plain_password": settings.secret(f"kafka.{principal}"),
        "client_id": principal,
        "bootstrap_timeout_ms": 15000,
    }


def librdkafka(settings: Settings, principal: str) -> dict[str, Any]:
    """Give librdkafka's settings of a principal, with its login."""
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
        raise in_our_words(cause, where) from cause
    except confluent_kafka.KafkaException as cause:
        raise in_our_words(_same_error(cause), where) from cause


def refuse_missing(settings: Settings, principal: str, topic: str) -> None:
    """Refuse a topic that is not there at once; kafka-python's clients wait for one until their time is out.

    Errors: `kafka.topic_missing`.
    """
    with translated(topic):
        found = confluent_kafka.Producer(librdkafka(settings, principal)).list_topics(topic, timeout=10)
        error = found.topics[topic].error
        if error is not None and error.code() == confluent_kafka.KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise confluent_kafka.KafkaException(error)


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
            raise in_our_words(kafka_errors.SaslAuthenticationFailedError(), where) from error
        raise


def _login_refused(settings: Settings, principal: str) -> bool:
    told: list[Any] = []
    probe = confluent_kafka.Producer(librdkafka(settings, principal) | {"error_cb": told.append})
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


def in_our_words(cause: Exception, where: str) -> PophubError:
    """Give pophub's error for one of kafka-python's."""
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
        f"the broker did not do what it was asked for ({type(cause).__name__})",
        where=where,
        remedy="see `pophub status`; the stage reads where it stands and goes on",
    )
