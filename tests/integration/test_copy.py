"""COPY writes the same values in its binary form as in its text form, whatever they are."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hubkit import Servers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pophub import postgres
from pophub.postgres import copy_binary

TYPES = {
    "small": "integer", "large": "bigint", "flag": "boolean", "day": "date", "at": "timestamptz", "kind": '"char"',
    "name": 'text collate "C"', "data": "bytea", "told": "jsonb",
}  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "small": st.integers(-(1 << 31), (1 << 31) - 1),
    "large": st.integers(-(1 << 63), (1 << 63) - 1),
    "flag": st.booleans(),
    "day": st.dates(date(1, 1, 1), date(9999, 12, 31)),
    "at": st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),
    "kind": st.sampled_from("ud"),
    "name": TEXT | st.sampled_from(["", "\\N", "a\tb", "Hoà", "012345678901"]),
    "data": st.binary(max_size=12) | st.just(b"\xff" * 300),
    "told": st.sampled_from(['{"a": 1}', '{"ă": null}', "[]"]),
}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Draw columns of one length, each with nulls, without, of one value, or of one width."""
    rows = draw(st.integers(1, 8))
    found: dict[str, list[Any]] = {}
    for name, values in VALUES.items():
        some = values if draw(st.booleans()) else st.none() | values
        one = draw(st.booleans())
        found[name] = [draw(some)] * rows if one else draw(st.lists(some, min_size=rows, max_size=rows))
    return found


@pytest.fixture
def table(servers: Servers) -> Any:
    """A connection with a table of all types."""
    connection = servers.superuser()
    connection.autocommit = False
    with connection.cursor() as cursor:
        columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
        cursor.execute(f"create temp table copied (form text, number int, {columns})")
    yield connection
    connection.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables())
def test_both_forms_of_copy_write_the_same_values(table: Any, columns: dict[str, list[Any]]) -> None:
    count = len(columns["small"])
    known = {"form": "text", "number": "integer"} | {
        n: kind.split(" collate")[0] for n, kind in TYPES.items()
    }
    known["at"] = "timestamp with time zone"
    with table.cursor() as cursor:
        cursor.execute("truncate copied")
        for form, most in (("text", count + 1), ("binary", 1)):
            rows = {"form": [form] * count, "number": list(range(count)), **columns}
            assert copy_binary.encode(rows, known) is not None, "nothing is left to the text form here"
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("pophub.postgres.copy.BINARY_ROWS", most)
                postgres.copy_columns(cursor, "copied", rows)
        names = ", ".join(TYPES)
        cursor.execute(
            f"select count(*), count(*) filter (where a.form is not null and b.form is not null and "
            f"row(a.{names.replace(', ', ', a.')}) is not distinct from row(b.{names.replace(', ', ', b.')})) "
            "from (select * from copied where form = 'text') a "
            "full join (select * from copied where form = 'binary') b using (number)"
        )
        assert cursor.fetchone() == (count, count)


@pytest.mark.parametrize(
    ("kind", "column"),
    [("integer", [1, "2"]), ("integer", [True, 2]), ("integer", [1 << 31, 2]), ("bigint", [1 << 63, 0]),
     ("text", ["a", 1]), ("text", ["\ud800", "b"]), ("timestamp with time zone", [datetime(2024, 1, 1), None]),
     ("date", [datetime(2024, 1, 1), None]), ("text[]", ["{}", "{}"]), ("bytea", ["a", "b"])],
)  # fmt: skip
def test_what_has_no_binary_form_is_left_to_text(kind: str, column: list[Any]) -> None:
    assert (
        copy_binary.encode({"x": column, "y": list(range(len(column)))}, {"x": kind, "y": "integer"}) is None
    )
