"""Messages of a topic, read one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pophub.contracts.kafka_source import KafkaSource
from pophub.kafka import TopicMessage
from pophub.sources.changes import Change
from pophub.sources.connect_rows import Messages
from pophub.sources.topic import MessageReader


def reader(schemas: Mapping[int, Any] | None = None, **source: Any) -> MessageReader:
    declared = {"kind": "kafka", "url": "${X}", "topic": "t", "marker": {"kind": "log"}, **source}
    schema_of = None if schemas is None else lambda number: json.dumps(schemas[number])
    return MessageReader(KafkaSource.model_validate(declared), Messages(schema_of), ("so", "ten"), ("so",))


def read(
    value: bytes | None, key: bytes | None = None, *, offset: int = 7, by: MessageReader | None = None
) -> Change:
    found = (by or reader()).change(TopicMessage(offset, key, value, 1_000), 0)
    assert found is not None
    return found
