"""What users of brokers' clients, Avro, Great Expectations and Airflow reported, tried here.

`tests/reports.md` names the thread of each and what happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_rules import FakeRules, things
from memory_store import Memory, MemoryStore

from pophub import avro
from pophub.contracts.anchored import escape_of
from pophub.contracts.avro_schema import read_schema
from pophub.contracts.strict_yaml import Document
from pophub.domain.record import Columns
from pophub.gates.mapping import ContractMapper
from pophub.stages.judge import Judge, Judged
from tests.refused import refused

TEXT = ["null", "string"]


def schema(entry: dict[str, Any], **top: Any) -> Document:
    """Give a schema with the key `code` and one more field."""
    fields = [{"name": "code", "type": "string"}, {"type": TEXT, "name": "note"} | entry]
    return Document(
        Path("x.avsc"),
        {"type": "record", "name": "School", "namespace": "vn.lab", "fields": fields} | top,
        {},
    )


@pytest.mark.parametrize("pattern", [r"\A01|02\Z", r"\A(?:01)|02\Z", r"\A[0-9]*\Z|\A\Z", r"\A|\Z"])
def test_a_choice_that_escapes_the_anchors_is_refused(pattern: str) -> None:
    assert "outside of brackets" in str(escape_of(pattern))


@pytest.mark.parametrize("pattern", [r"\A(?:01|02)\Z", r"\A[|]\Z", r"\A[]|]\Z", r"\Aa\|b\Z", r"\A\(\Z"])
def test_a_choice_within_brackets_is_none_of_the_whole(pattern: str) -> None:
    re.compile(pattern)
    assert escape_of(pattern) is None


@pytest.mark.parametrize("pattern", ["^[0-9]$", r"\A[0-9]+\\Z", r"\\A[0-9]+\Z", r"\A", r"\Z", ""])
def test_a_pattern_without_its_anchors_is_refused(pattern: str) -> None:
    assert escape_of(pattern) == "the pattern is not anchored"


@pytest.mark.parametrize("pattern", [r"\A\d{3}\Z", r"\A[A-Z\d]\Z"])
def test_digits_of_other_scripts_are_no_digits(pattern: str) -> None:
    assert re.search(pattern.replace("{3}", "+"), "٣")
    assert "[0-9]" in str(escape_of(pattern))
    assert escape_of(pattern.replace(r"[A-Z\d]", "[A-Z0-9]").replace(r"\d", "[0-9]")) is None


@pytest.mark.parametrize("default", ["", "null", 10, False, "2024-01-01"])
def test_a_default_that_is_no_null_is_refused(default: Any) -> None:
    with refused("schema.invalid"):
        read_schema(schema({"default": default}), ("code",))


def test_a_key_has_no_default_and_a_null_is_one() -> None:
    with refused("schema.invalid"):
        read_schema(schema({"type": "string", "default": ""}), ("code", "note"))
    assert read_schema(schema({"default": None}), ("code",))[0] == "vn.lab.School"


@pytest.mark.parametrize(
    "top", [{"name": "Trường"}, {"name": "1st"}, {"namespace": "vn..lab"}, {"namespace": 5}]
)
def test_a_record_has_a_name_that_every_reader_takes(top: dict[str, Any]) -> None:
    with refused("identifier.invalid"):
        read_schema(schema({}, **top), ("code",))


class Lane:
    """One lane of raw."""

    def __init__(self, *keys: str) -> None:
        columns: Columns = {
            "value": ["good"],
            "seq": [1],
            "person": [None],
            "number": [None],
            "gone": [False],
        }
        self.blocks = [avro.encode_block(avro.Block(1, 1, 1, 1, columns | {"key": [key]})) for key in keys]

    def end(self) -> int:
        """Give the offset after the last message."""
        return len(self.blocks)

    def read(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Give (offset, bytes)."""
        yield from list(enumerate(self.blocks))[start:end]


def test_a_lane_that_was_made_anew_is_told_and_not_passed_over() -> None:
    things_, memory = things(), Memory()
    judge = Judge(things_, ContractMapper(things_), FakeRules(set()), MemoryStore(memory, things_))
    judge.lane(Lane("a", "b", "c"), 0, judged := Judged())
    assert judged.read == 3
    for lane in (Lane(), Lane("d"), Lane("d", "e")):
        with refused("raw.rewound"):
            judge.lane(lane, 0, judged)
    judge.lane(Lane("a", "b", "c"), 0, judged)
    assert judged.read == 3
    judge.lane(Lane("a", "b", "c", "d"), 0, judged)
    assert judged.read == 4
