"""`pophub top` sorts by what needs somebody, counts each recipient's lanes together, and keeps no figure it does not know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from pophub.commands.top import _shown, look_at
from pophub.metrics.families import Sample

AT = datetime(2026, 1, 31, 1, tzinfo=UTC)
UP = [Sample("pophub_up", ("kafka",), 1), Sample("pophub_up", ("postgres",), 1)]


def of(stem: str, read: int = 0, residual: int = 0, unjudged: int = 0, alerts: int = 0) -> list[Sample]:
    agency = stem.partition(".")[0]
    return [
        Sample("pophub_records", (agency, stem, "read"), read),
        Sample("pophub_records", (agency, stem, "shared"), 7),
        Sample("pophub_residual_records", (agency, stem), residual),
        Sample("pophub_unjudged_records", (agency, stem), unjudged),
        Sample("pophub_source_state", (agency, stem, "alive"), 1),
        *([Sample("pophub_open_alerts", ("alert.held", stem), alerts)] if alerts else []),
    ]


def test_what_needs_somebody_comes_first() -> None:
    samples = [*UP, *of("a.quiet"), *of("b.waits", unjudged=2), *of("c.alert", alerts=1), *of("d.wrong", residual=1)]  # fmt: skip
    look = look_at(samples, AT)
    assert look.rows is not None
    assert [row.stem for row in look.rows] == ["d.wrong", "c.alert", "b.waits", "a.quiet"]
    assert look.sentence == "0 held; 0 of 4 sources late; books do not balance in 1 datasets"


def test_behind_is_the_sum_of_the_lanes_of_the_slowest_recipient() -> None:
    behind = [
        Sample("pophub_behind", ("a.x", stage, lane, to), number)
        for stage, lane, to, number in (
            ("judge", "0", "", 90), ("share", "0", "tax", 3), ("share", "1", "tax", 4), ("share", "0", "portal", 5),
        )
    ]  # fmt: skip
    look = look_at([*UP, *of("a.x"), *behind], AT)
    assert look.rows is not None
    assert look.rows[0].behind == 7


def test_a_rate_is_since_the_look_before_and_unknown_at_the_first() -> None:
    first = look_at([*UP, *of("a.x", read=100)], AT)
    second = look_at([*UP, *of("a.x", read=150)], AT + timedelta(seconds=2), first)
    assert first.rows is not None and second.rows is not None
    assert (first.rows[0].read_per_s, second.rows[0].read_per_s) == (None, 25.0)


def test_without_postgres_there_are_no_rows_and_not_rows_of_zeros() -> None:
    down = [Sample("pophub_up", ("kafka",), 1), Sample("pophub_up", ("postgres",), 0)]
    look = look_at(down, AT)
    assert (look.rows, look.up) == (None, {"kafka": True, "postgres": False})


@pytest.mark.parametrize(("height", "rows"), [(None, 60), (100, 60), (20, 14), (2, 1)])
def test_a_low_terminal_shows_the_worst_and_says_how_many_there_are(height: int | None, rows: int) -> None:
    samples = [*UP, *(one for number in range(60) for one in of(f"a.d{number:02}", unjudged=number))]
    look = look_at(samples, AT)
    console = Console(width=200, height=height or 100, record=True)
    with console.capture() as captured:
        console.print(_shown(look, look, height))
    text = captured.get()
    shown = [line.split()[1] for line in text.splitlines() if line.startswith("│ a.d")]
    assert shown == [f"a.d{number:02}" for number in range(59, 59 - rows, -1)]
    assert ("of 60 datasets" in text) == (rows < 60)
    assert height is None or height < 8 or len(text.splitlines()) <= height
