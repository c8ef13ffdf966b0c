"""The part `source` of a connector whose source is a topic that others fill."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from pophub.contracts.patterns import TOPIC
from pophub.contracts.source_model import Marker, Model, Reference, SourceFile

TopicName = Annotated[str, StringConstraints(pattern=TOPIC)]


class KafkaLogin(Model):
    """How the hub signs in at the agency's broker, by SASL."""

    mechanism: Literal["scram-sha-512", "scram-sha-256", "plain"] = Field(
        "scram-sha-512", description="SASL mechanism of the broker", examples=["plain"]
    )
    user: Reference = Field(description="the user", examples=["${POPHUB_SOURCE_MPS_USER}"])
    secret: Reference = Field(description="the user's password", examples=["${POPHUB_SOURCE_MPS_SECRET}"])


class KafkaRegistry(Model):
    """The schema registry of messages in Avro, by Confluent's interface."""

    url: Reference = Field(
        description="address of the registry, as a variable", examples=["${POPHUB_SOURCE_MPS_REGISTRY}"]
    )
    user: Reference | None = Field(
        None,
        description="the user; none: `secret`, if any, is a bearer token",
        examples=["${POPHUB_SOURCE_MPS_USER}"],
    )
    secret: Reference | None = Field(
        None, description="the user's password, or a token", examples=["${POPHUB_SOURCE_MPS_SECRET}"]
    )


class KafkaSource(SourceFile):
    """A topic that Debezium or Kafka Connect fills, read offset by offset."""

    reads = "log"
    typed = True
    tells_flaws: ClassVar[bool] = True

    kind: Literal["kafka"] = Field(
        description="a topic filled by Debezium or Kafka Connect", examples=["kafka"]
    )
    url: Reference = Field(
        description="brokers, as a variable: kafka://HOST:PORT,HOST:PORT, or kafkas:// where they speak TLS",
        examples=["${POPHUB_SOURCE_MPS_URL}"],
    )
    topic: TopicName = Field(description="the topic", examples=["dancu.public.cong_dan"])
    marker: Marker = Field(description="`log`: the order is the topic's own", examples=[{"kind": "log"}])
    envelope: Literal["debezium", "none"] = Field(
        "debezium",
        description="debezium: messages say what happened to a row, with the row before and after; none: a "
        "message is the row itself, and an empty one deletes it",
        examples=["none"],
    )
    absent: Literal["refuse", "empty"] = Field(
        "refuse",
        description="what a column means that a message lacks: the record fails, or the value is empty",
        examples=["empty"],
    )
    login: KafkaLogin | None = Field(None, description="how the hub signs in; none: it does not")
    certificate: Reference | None = Field(
        None,
        description="file with the certificates that the brokers' and the registry's are checked by; none: "
        "those of this machine",
        examples=["${POPHUB_SOURCE_MPS_CA}"],
    )
    registry: KafkaRegistry | None = Field(
        None, description="the schema registry of messages in Avro; none: messages are JSON"
    )

    @property
    def read_as(self) -> str:
        """What is read, as it is kept to notice another declaration."""
        return f"topic {self.topic}"

    @property
    def described(self) -> str:
        """What is read, in words for a person."""
        return f"the topic `{self.topic}`"
