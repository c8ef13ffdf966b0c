"""What docs/source-kafka.md says of a topic and nothing else shows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from message_kit import read, reader

from pophub.sources.changes import as_columns

sys.path.insert(0, str(Path(__file__).parents[2]))

from topic_kit import change, column
from types_page import connector, reached


def comes(value: Any, field: str, kind: dict[str, Any] | None = None) -> str:
    """Send a value through an envelope, with its schema where a kind of column is given; give what comes out."""
    fields = None if kind is None else [column("so", "string"), kind]
    columns, _ = as_columns([read(change("c", {"so": "1", "ten": value}, fields=fields))], ("so", "ten"))
    (found,) = reached([columns | {"k": columns["so"], "v": columns["ten"]}], connector("kafka", field))
    return found


@pytest.mark.parametrize(
    ("value", "field", "told"),
    [
        (19_782, "date", "contract.type"),
        (1_709_182_800_000_000, "timestamp-micros", "contract.type"),
        ("AJY=", "decimal(12,2)", "contract.number.format"),
        ("AJY=", "string", '"AJY="'),  # nothing tells it from a text
        ("2024-02-29T12:00:00Z", "timestamp-micros", "2024-02-29T12:00:00Z"),
    ],
)
def test_without_a_schema_a_day_is_a_number_and_is_refused_and_a_decimal_passes_for_a_text(
    value: Any, field: str, told: str
) -> None:
    assert comes(value, field) == told


def test_with_its_schema_a_time_without_a_zone_is_one_of_here() -> None:
    kind = column("ten", "string", "io.debezium.time.IsoTimestamp")
    assert comes("2024-02-29T12:00:00Z", "timestamp-micros", kind) == "2024-02-29T05:00:00Z"


def test_digits_of_bytes_without_their_sign_fail_a_field_of_bytes() -> None:
    assert comes("00ff", "bytes", column("ten", "string")) == "contract.bytes.format"
    assert comes("AP8=", "bytes", column("ten", "bytes")) == "bytes 00ff"


def test_what_compaction_let_go_leaves_the_oldest_key_standing() -> None:
    """A row was 1, then 2, then 3; the hub read it as 1, and of its messages the newest alone is left."""
    newest = read(
        change("u", {"id": 7, "so": "3", "ten": "An"}, {"id": 7, "so": "2", "ten": "An"}), b'{"id": 7}'
    )
    assert newest.gone == {"so": "2"}, "nobody tells of 1"
    plain = read(b'{"id": 7, "so": "3", "ten": "An"}', b'{"id": 7}', by=reader(envelope="none"))
    assert (plain.gone, plain.flaws) == (None, {})


def test_a_column_that_was_put_into_the_messages_key_changes_without_a_delete() -> None:
    row, before = {"id": 7, "so": "2", "ten": "An"}, {"id": 7, "so": "1", "ten": "An"}
    key = b'{"id": 7, "so": "2"}'
    found = read(change("u", row), key)
    assert (found.gone, found.flaws) == (None, {}), "it looks like any other update"
    assert read(change("u", row, before), key).gone == {"so": "1"}
