"""The registry of an agency's messages in Avro, asked over HTTP: what is its fault, and what the message's."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request, Response
from refused import refused

from pophub.contracts.kafka_source import KafkaSource
from pophub.kafka import TopicMessage
from pophub.settings import Settings
from pophub.sources.changes import Change
from pophub.sources.connect_rows import Messages
from pophub.sources.open_topic import schemas_of
from pophub.sources.topic import MessageReader

sys.path.insert(0, str(Path(__file__).parents[2]))

from api_kit import TOKEN, Agency, serving
from topic_kit import framed

ROW = {"type": "record", "name": "Value", "fields": [{"name": "so", "type": "string"}]}
SCHEMA = {"type": "record", "name": "Envelope", "fields": [
    {"name": "after", "type": ["null", ROW]}, {"name": "op", "type": "string"}]}  # fmt: skip
Answers = dict[str, Any]


def registry(answers: Answers) -> Callable[[int, Request], Response | None]:
    """Answer by the path: a status, or what is written as JSON."""

    def odd(_number: int, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Response(status_code=401)
        found = answers.get(request.url.path, 404)
        return Response(status_code=found) if isinstance(found, int) else Response(json.dumps(found))

    return odd


@pytest.fixture
def agency(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agency]:
    with serving(Agency()) as found:
        monkeypatch.setenv("POPHUB_SOURCE_X_REGISTRY", f"{found.url}/api")
        monkeypatch.setenv("POPHUB_SOURCE_X_TOKEN", TOKEN)
        yield found


def read(number: int) -> Change:
    return reader()(number)


def reader() -> Callable[[int], Change]:
    """Give what reads a message in Avro under a schema's number."""
    source = KafkaSource.model_validate({
        "kind": "kafka", "url": "${X}", "topic": "t", "marker": {"kind": "log"},
        "registry": {"url": "${POPHUB_SOURCE_X_REGISTRY}", "secret": "${POPHUB_SOURCE_X_TOKEN}"},
    })  # fmt: skip
    messages = Messages(schemas_of(source, Settings.load(), "mps.citizens"))
    changes = MessageReader(source, messages, ("so",), ("so",))

    def read_one(number: int) -> Change:
        value = framed(number, SCHEMA, {"after": {"so": "1"}, "op": "c"})
        found = changes.change(TopicMessage(1, None, value, 1), 0)
        assert found is not None
        return found

    return read_one


def test_a_schema_is_asked_for_by_its_number_with_the_login(agency: Agency) -> None:
    agency.odd = registry({"/api/schemas/ids/7": {"schema": json.dumps(SCHEMA)}})
    assert read(7).row == {"so": "1"}
    assert len(agency.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        404,
        {"schema": "{}", "schemaType": "PROTOBUF"},
        {"schema": "{}", "references": [{"name": "x"}]},
        {"schema": "no"},
    ],
)
def test_a_schema_that_is_none_is_the_fault_of_the_message(agency: Agency, answer: Any) -> None:
    agency.odd = registry({"/api/schemas/ids/7": answer, "/api/subjects": []})
    assert read(7).flaws == {"": "contract.message.format"}


def test_a_schema_that_cannot_be_read_is_asked_for_once(agency: Agency) -> None:
    agency.odd = registry({"/api/schemas/ids/7": {"schema": "no"}})
    read_one = reader()
    assert [read_one(7).flaws for _ in range(3)] == [{"": "contract.message.format"}] * 3
    assert len(agency.asked) == 1


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({}, "source.table_missing"),
        ({"/api/schemas/ids/7": 403}, "source.permission"),
        ({"/api/schemas/ids/7": []}, "source.answer"),
        ({"/api/schemas/ids/7": {}}, "source.answer"),
    ],
    ids=["no registry", "no right", "a list", "no schema"],
)
def test_what_is_the_registrys_fault_stops_the_source(agency: Agency, answers: Answers, code: str) -> None:
    agency.odd = registry(answers)
    with refused(code):
        read(7)


def test_a_token_that_is_refused_stops_the_source_and_is_not_shown(
    agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPHUB_SOURCE_X_TOKEN", "another")
    agency.odd = registry({})
    with refused("source.password") as found:
        read(7)
    assert "another" not in str(found.value)
