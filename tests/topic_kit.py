"""Messages as Kafka Connect writes them: envelopes of Debezium in JSON with a schema, and in Avro."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import fastavro

Field = Mapping[str, Any]
SOURCE = """source:
  kind: kafka
  url: ${{POPHUB_SOURCE_TOPIC_URL}}
  topic: {topic}
  login: {{user: "${{POPHUB_SOURCE_TOPIC_USER}}", secret: "${{POPHUB_SOURCE_TOPIC_SECRET}}"}}
  marker: {{kind: log}}

"""


def column(name: str, kind: str, semantic: str | None = None, **parameters: str) -> dict[str, Any]:
    """Give a column's schema, as Connect's JsonConverter writes it."""
    told: dict[str, Any] = {"type": kind, "optional": True, "field": name}
    if semantic is not None:
        told |= {"name": semantic, "version": 1}
    return told | ({"parameters": parameters} if parameters else {})


def row_schema(fields: Sequence[Field], name: str = "dancu.Value") -> dict[str, Any]:
    """Give the schema of a row."""
    return {"type": "struct", "fields": list(fields), "optional": True, "name": name}


def envelope_schema(fields: Sequence[Field]) -> dict[str, Any]:
    """Give the schema of an envelope."""
    row = row_schema(fields)
    source = {"type": "struct", "optional": False, "field": "source", "fields": [column("ts_us", "int64")]}
    return {
        "type": "struct", "optional": False, "name": "dancu.Envelope", "version": 2,
        "fields": [row | {"field": "before"}, row | {"field": "after"}, source, column("op", "string"),
                   column("ts_ms", "int64")],
    }  # fmt: skip


def told(schema: Any, payload: Any) -> bytes:
    """Give a message as JsonConverter writes it, with its schema."""
    return json.dumps({"schema": schema, "payload": payload}, separators=(",", ":")).encode()


def change(
    op: str,
    after: Any,
    before: Any = None,
    *,
    fields: Sequence[Field] | None = None,
    at_us: int = 1_764_000_000_000_000,
) -> bytes:
    """Give an envelope; without `fields` it has no schema."""
    payload = {
        "before": before,
        "after": after,
        "source": {"ts_us": at_us},
        "op": op,
        "ts_ms": at_us // 1000 + 5,
    }
    return json.dumps(payload).encode() if fields is None else told(envelope_schema(fields), payload)


def framed(number: int, schema: Any, record: Any) -> bytes:
    """Give a record in Avro behind the number that a registry gave its schema."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    return struct.pack(">bI", 0, number) + out.getvalue()


def by_changes(project: Any) -> None:
    """Let the suite of a project's citizens ask when a row was changed: a topic has no column that is a time."""
    path = project.folder / f"expectations/{project.agency}/citizens.json"
    path.write_text(path.read_text().replace('"hub_marker"', '"hub_changed_at"'))


def fresh(project: Any) -> dict[str, int]:
    """Count a project's records by state, without those that came again."""
    return {state: count for state, count in project.states().items() if state != "duplicate"}
