"""A topic of an agency's own broker: looked at and read, never written; no group, no offset is left there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from pophub.domain.errors import ConfigError, ContractBreach, PophubError, TransientError
from pophub.domain.places import LogEnds
from pophub.domain.trust import Distrust
from pophub.kafka.trust import OTHER, look_at_trust, speaks_tls

ASK_S = 15.0
SILENT_S = 60.0  # without a message or an end, before a read is given up
POLL_S = 1.0
MESSAGES = 500  # given at a time
QUEUED_KIB = 16 << 10  # of messages that the client holds ahead of us
_LOGIN = {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}
_DENIED = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}
_NO_TOPIC = {
    KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION,
    KafkaError.UNKNOWN_TOPIC_ID,
}  # fmt: skip
_OF_GROUPS = {KafkaError.GROUP_AUTHORIZATION_FAILED}  # the client looks for a group, and needs none
_SILENT = {
    KafkaError._TIMED_OUT: "the broker did not answer in time",
    KafkaError._MSG_TIMED_OUT: "the broker did not answer in time",
    KafkaError.REQUEST_TIMED_OUT: "the broker did not answer in time",
    KafkaError._TRANSPORT: "the connection to the broker was cut, or never made",
    KafkaError._ALL_BROKERS_DOWN: "no broker of the address can be reached",
    KafkaError._RESOLVE: "the broker's name leads to no address",
}  # fmt: skip
_CUT = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}


@dataclass(frozen=True)
class BrokerAccess:
    """How to get in at a broker: its addresses, and what of TLS and SASL it asks for."""

    brokers: str
    tls: bool = False
    certificate: Path | None = None
    mechanism: str | None = None
    user: str = ""
    secret: str = ""


class TopicMessage(NamedTuple):
    """A message as it stands on a topic; `time_us` is microseconds UTC, None where it carries none."""

    offset: int
    key: bytes | None
    value: bytes | None
    time_us: int | None


class ForeignTopic:
    """One topic; the client connects with the first question."""

    def __init__(self, access: BrokerAccess, topic: str, where: str) -> None:
        self._access = access
        self._settings = _settings(access)
        self._topic = topic
        self._where = where
        self._client: Consumer | None = None
        self._admin: AdminClient | None = None
        self._told: list[KafkaError] = []

    def ends(self) -> LogEnds:
        """Look at the topic.

        Errors: `source.unreachable` (retry); `source.password`, `source.permission`, `source.certificate`,
        `source.url`, `source.table_missing`.
        """
        with self._translated():
            topic_id, partitions = self._described()
            found = {
                one: self._consumer().get_watermark_offsets(
                    TopicPartition(self._topic, one), timeout=ASK_S, cached=False
                )
                for one in partitions
            }
        return LogEnds(
            topic_id,
            {one: low for one, (low, _) in found.items()},
            {one: high for one, (_, high) in found.items()},
        )

    def read(self, partition: int, start: int, end: int) -> Iterator[tuple[list[TopicMessage], int]]:
        """Give the committed messages of a partition from `start` up to before `end`, some at a time.

        Shape: messages, and the offset behind them and behind what was never committed.
        Errors: those of `ends`; `source.gap` where retention takes them away meanwhile.
        """
        with self._translated():
            consumer = self._consumer()
            consumer.assign([TopicPartition(self._topic, partition, start)])
        try:
            at = start
            while at < end:
                messages, ended = self._some()
                found = [_message(one) for one in messages if one.offset() < end]
                before, at = at, max([at, ended or 0, *(one.offset() + 1 for one in messages)])
                if at > before:
                    yield found, min(at, end)
                if ended is not None:
                    return
        finally:
            with self._translated():
                consumer.unassign()

    def close(self) -> None:
        """End the client."""
        if self._client is not None:
            self._client.close()
        self._client = self._admin = None

    def _some(self) -> tuple[list[Any], int | None]:
        """Give the next messages, and the offset at which the partition ends, once it does."""
        until = time.monotonic() + SILENT_S
        while time.monotonic() < until:
            with self._translated():
                first = self._consumer().poll(
                    POLL_S
                )  # and what has come with it: to ask for many is to wait for them
                polled = [] if first is None else [first, *self._consumer().consume(MESSAGES, timeout=0)]
                polled = [
                    one for one in polled if one.error() is None or one.error().code() not in _OF_GROUPS
                ]
                odd = [one for one in polled if one.error() is not None]
                ended = [one.offset() for one in odd if one.error().code() == KafkaError._PARTITION_EOF]
                if len(ended) < len(odd):
                    raise KafkaException(
                        next(o.error() for o in odd if o.error().code() != KafkaError._PARTITION_EOF)
                    )
            messages = [one for one in polled if one.error() is None]
            if messages or ended:
                self._told.clear()  # whatever a broker said meanwhile has passed
                return messages, ended[-1] if ended else None
            if not polled and self._told:
                break
        raise self._in_our_words(self._told[-1].code() if self._told else KafkaError._TIMED_OUT)

    def _described(self) -> tuple[str, list[int]]:
        if self._admin is None:
            self._admin = AdminClient(
                {k: v for k, v in self._settings.items() if k not in _OF_CONSUMERS} | {"error_cb": self._tell}
            )
        asked = self._admin.describe_topics(TopicCollection([self._topic]), request_timeout=ASK_S)
        told = asked[self._topic].result(timeout=2 * ASK_S)
        topic_id = str(told.topic_id) if told.topic_id is not None else f"named {self._topic}"
        return topic_id, sorted(one.id for one in told.partitions)

    def _tell(self, error: KafkaError) -> None:
        if error.code() not in _OF_GROUPS:
            self._told.append(error)

    def _consumer(self) -> Consumer:
        if self._client is None:
            self._client = Consumer(self._settings | {"error_cb": self._tell})
        return self._client

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as cause:
            told = cause.args[0]
            if self._admin is not None:
                self._admin.poll(0)  # what it was told meanwhile
            codes = [told.code(), *(error.code() for error in self._told)]
            certain = [
                code for code in codes if code in _LOGIN | _DENIED | _NO_TOPIC | _CUT | {KafkaError._SSL}
            ]
            raise self._in_our_words(
                certain[-1] if certain else told.code()
            ) from None  # its text names the user
        except TimeoutError:
            if self._admin is not None:
                self._admin.poll(0)
            codes = [error.code() for error in self._told]
            raise self._in_our_words(codes[-1] if codes else KafkaError._TIMED_OUT) from None

    def _distrusted(self) -> PophubError | None:
        """Say what keeps a broker that answers and the hub from speaking TLS, or from doing without."""
        brokers, where = self._access.brokers, self._where
        if self._access.tls:
            why = look_at_trust(brokers, self._access.certificate)
            return None if why is None else _as_error(why, where)
        if not speaks_tls(brokers):
            return None
        return ConfigError(
            "source.url", "the broker speaks TLS, and the address says that it does not", where=where,
            remedy="begin the address with kafkas://",
        )  # fmt: skip

    def _in_our_words(self, code: int) -> PophubError:
        where = self._where
        self._told.clear()
        if code in _LOGIN:
            return ConfigError(
                "source.password", "the broker refused the hub's login", where=where,
                remedy="put the right user and password into the variables that `source.login` names",
            )  # fmt: skip
        if code in _DENIED:
            return ConfigError(
                "source.permission", "the hub's login may not read this topic", where=where,
                remedy="ask the agency to grant Read and Describe on the topic to the hub's login",
            )  # fmt: skip
        if code in _NO_TOPIC:
            return ConfigError(
                "source.table_missing", f"the broker has no topic {self._topic}", where=where,
                remedy="ask the agency for the topic's name, then mend `source.topic`",
            )  # fmt: skip
        if code in (KafkaError._SSL, KafkaError._INVALID_ARG):
            return self._distrusted() or _as_error(OTHER, where)
        if code in _CUT:
            return ContractBreach(
                "source.gap", "messages that were not read yet are no longer on the topic", where=where,
                remedy="none yet: the next run says of which partition, and how many",
            )  # fmt: skip
        return self._distrusted() or TransientError(
            "source.unreachable", _SILENT.get(code, f"the broker says: {_plain(code)}"), where=where,
            remedy="ask the agency whether its broker runs; a retry goes on by itself",
        )  # fmt: skip


def _as_error(why: Distrust, where: str) -> ConfigError:
    return ConfigError("source.certificate", why.what, where=where, remedy=why.remedy)


def _plain(code: int) -> str:
    """Give the client's own words for an error that has none of ours."""
    words: str = KafkaError(code).str()
    return words.removeprefix("Local: ").removeprefix("Broker: ")


_OF_CONSUMERS = {
    "group.id", "enable.auto.commit", "auto.offset.reset", "isolation.level", "enable.partition.eof",
    "queued.max.messages.kbytes", "check.crcs",
}  # fmt: skip


def _settings(access: BrokerAccess) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "bootstrap.servers": access.brokers, "client.id": "pophub", "log_level": 0, "socket.timeout.ms": 15000,
        "group.id": "pophub", "enable.auto.commit": False, "auto.offset.reset": "error",
        "isolation.level": "read_committed", "enable.partition.eof": True, "check.crcs": True,
        "queued.max.messages.kbytes": QUEUED_KIB,
    }  # fmt: skip
    protocol = "SSL" if access.tls else "PLAINTEXT"
    if access.mechanism is not None:
        protocol = f"SASL_{protocol}"
        settings |= {
            "sasl.mechanism": access.mechanism.upper(),
            "sasl.username": access.user,
            "sasl.password": access.secret,
        }
    if access.certificate is not None:
        settings["ssl.ca.location"] = str(access.certificate)
    return settings | {"security.protocol": protocol}


def _message(found: Any) -> TopicMessage:
    kind, stamp_ms = found.timestamp()
    return TopicMessage(
        found.offset(), found.key(), found.value(), stamp_ms * 1000 if kind and stamp_ms >= 0 else None
    )
