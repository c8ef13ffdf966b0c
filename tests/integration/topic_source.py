"""Rows as messages of an agency's topic, under a login that may read it alone."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from hubkit import Project

sys.path.insert(0, str(Path(__file__).parents[1]))

from topic_kit import change

SECRET = "the agency's own"
CHANGED = "_changed_at"  # the column by which a sample says when the log tells of it


def into_topic(project: Project, topic: str, rows: list[dict[str, Any]]) -> dict[str, str]:
    """Write each row as an envelope of Debezium's; give address, user and secret by the ends of their variables."""
    settings = project.servers.settings
    brokers, user = settings.endpoints.kafka_bootstrap, f"reader-of-{topic}"
    login = {
        "bootstrap.servers": brokers, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "admin", "sasl.password": settings.secret("kafka.admin"),
    }  # fmt: skip
    admin = AdminClient(login)
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
    known = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    credential = UserScramCredentialUpsertion(user, known, SECRET.encode())
    admin.alter_user_scram_credentials([credential])[user].result()
    rights = [
        AclBinding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{user}", "*", operation,
                   AclPermissionType.ALLOW)
        for operation in (AclOperation.READ, AclOperation.DESCRIBE)
    ]  # fmt: skip
    for done in admin.create_acls(rights).values():
        done.result()
    producer = Producer(login)
    for row in rows:
        told = dict(row)
        at: datetime = told.pop(CHANGED)
        producer.produce(topic, change("c", told, at_us=int(at.timestamp() * 1_000_000)), None, 0)
    assert producer.flush(30) == 0
    return {"URL": f"kafka://{brokers}", "USER": user, "SECRET": SECRET}
