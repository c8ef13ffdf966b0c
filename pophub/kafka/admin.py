"""Sets the broker up: topics, users, access rules; part of the room of the Kafka client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from pophub.domain.errors import ConfigError
from pophub.kafka.client import CALL_S, MAX_REQUEST_BYTES, client_settings, translated
from pophub.process.deadline import deadline
from pophub.settings import Settings

TOPIC = {
    "retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete",
    "max.message.bytes": str(MAX_REQUEST_BYTES),
    "compression.type": "uncompressed",  # whatever a stranger compressed with, our readers can read
    "message.timestamp.type": "LogAppendTime",  # a writer whose clock is wrong is not refused
}  # fmt: skip
READABLE = ("uncompressed", "gzip")
AccessRule = tuple[str, str, str, str]
"""(principal, operation, resource type, name), such as `("pophub-judge", "READ", "TOPIC", "raw.")`."""


class Administrator:
    """Sets up topics, users and access rules; repeating it changes nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        with translated("administration"), deadline(CALL_S, "connecting as administrator"):
            self._admin = KafkaAdminClient(**client_settings(settings, "admin"))

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
                            "configs": TOPIC,
                        }
                        for name, lanes in missing.items()
                    },
                    wait_for_metadata=True,
                )  # fmt: skip

    def missing(self, topics: Iterable[str]) -> list[str]:
        """Give those of these topics that are not there."""
        with translated("topics"), deadline(CALL_S, "reading topics"):
            there = set(self._admin.list_topics())
        return [name for name in topics if name not in there]

    def check_topics(self, topics: Iterable[str]) -> None:
        """Refuse a topic that holds or may come to hold what our readers cannot read.

        Errors: `kafka.codec`.
        """
        asked = [
            ConfigResource(ConfigResourceType.TOPIC, name, {"compression.type": None}) for name in topics
        ]
        if not asked:
            return
        with translated("topics"), deadline(CALL_S, "reading the topics' settings"):
            found = self._admin.describe_configs(asked, config_filter="all").get(
                "topic", {}
            )  # of none: a first hub
        wrong = {name: c["compression.type"]["value"] for name, c in found.items()}
        if wrong := {name: codec for name, codec in wrong.items() if codec not in (*READABLE, "producer")}:
            raise ConfigError(
                "kafka.codec",
                f"the topic compresses with {', '.join(sorted(set(wrong.values())))}, which judge cannot read",
                where=", ".join(sorted(wrong)),
                remedy="set the topic's compression.type to uncompressed or gzip, then `pophub up`",
            )

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

    def ensure_rules(self, rules: Iterable[AccessRule]) -> None:
        """Allow what the rules say. A name that ends with a dot is a prefix, any other is that one name."""
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

    def remove_rules(self, of: Callable[[AccessRule], bool]) -> None:
        """Remove the rules that are so."""
        every = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY,
                          ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY))  # fmt: skip
        with translated("access rules"), deadline(CALL_S, "removing access rules"):
            found, _ = self._admin.describe_acls(every)
            gone = [acl for acl in found if of(_rule(acl))]
            if gone:
                self._admin.delete_acls(gone)

    def users(self) -> list[str]:
        """Give the users that have a login."""
        with translated("users"), deadline(CALL_S, "reading users"):
            return sorted(self._admin.describe_user_scram_credentials())

    def remove_users(self, names: Iterable[str]) -> None:
        """Take their login from users."""
        changes = [UserScramCredentialDeletion(name, ScramMechanism.SCRAM_SHA_512) for name in names]
        if changes:
            with translated("users"), deadline(CALL_S, "removing users"):
                self._admin.alter_user_scram_credentials(changes)

    def empty_topic(self, topic: str) -> None:
        """Remove what stands on a topic now; a topic that is not there is empty."""
        with translated(topic), deadline(CALL_S, "emptying a topic"):
            if topic not in set(self._admin.list_topics()):
                return
            (told,) = self._admin.describe_topics([topic])
            lanes = [TopicPartition(topic, one["partition_index"]) for one in told["partitions"]]
            self._admin.delete_records(dict.fromkeys(lanes, -1))  # -1: all up to the end

    def forget(self, topic: str, lane: int, upto: int) -> None:
        """Remove what stands on a lane of a topic before an offset."""
        with translated(topic), deadline(CALL_S, "removing messages"):
            self._admin.delete_records({TopicPartition(topic, lane): upto})

    def close(self) -> None:
        """End the client."""
        self._admin.close()


def _rule(acl: ACL) -> AccessRule:
    resource = acl.resource_pattern
    return (
        acl.principal.removeprefix("User:"), acl.operation.name, resource.resource_type.name, resource.resource_name
    )  # fmt: skip
