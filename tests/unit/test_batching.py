"""Rows on their way keep every limit, though their sizes and digests are made only where they are asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pophub.contracts.model import Limits
from pophub.domain import digests
from pophub.domain.rows import Rows
from pophub.stages.batching import Cutter

value = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=90), st.binary(max_size=40),
    st.sampled_from(["\ud800", "\x00" * 30, Decimal("0.10"), datetime(2024, 1, 1, tzinfo=UTC), "x" * 2_000]),
)  # fmt: skip
table = st.lists(st.tuples(value, value, value), min_size=1, max_size=30)


def rows_of(lines: list[tuple[Any, ...]]) -> Rows:
    columns = {f"c{number}": list(values) for number, values in enumerate(zip(*lines, strict=True))}
    count = len(lines)
    return Rows(columns, ["k"] * count, [1] * count, [1] * count)


@given(table, st.integers(1, 12_000))
def test_what_is_within_a_limit_is_so_row_by_row(lines: list[tuple[Any, ...]], most: int) -> None:
    rows = rows_of(lines)
    if rows.all_within(most):
        assert sum(rows.sizes) <= most
    if rows.each_within(most):
        assert max(rows.sizes) <= most


@given(table, st.integers(1, 9))
def test_stretches_take_what_their_rows_take(lines: list[tuple[Any, ...]], stretch: int) -> None:
    columns = [list(values) for values in zip(*lines, strict=True)]
    _, sizes = digests.row_digests(columns, len(lines))
    found = digests.joint_sizes(columns, len(lines), stretch)
    assert found == [sum(sizes[at : at + stretch]) for at in range(0, len(sizes), stretch)]


@given(table, st.data())
def test_chosen_rows_have_the_digests_that_they_had(
    lines: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(lines) - 1), unique=True).map(sorted))
    rows, asked = rows_of(lines), rows_of(lines)
    wanted = [asked.digests[i] for i in chosen]
    assert rows.take(chosen).digests == asked.take(chosen).digests == wanted
    assert rows.take(chosen).sizes == [asked.sizes[i] for i in chosen]


@given(table, st.integers(1_024, 3_000))
def test_a_batch_ends_behind_the_row_that_passes_its_bytes(lines: list[tuple[Any, ...]], most: int) -> None:
    limits = Limits(batch_bytes=most, batch_rows=1_000)
    batches = list(Cutter([], 0, limits).cut(rows_of(lines), 10))
    assert sum(map(len, batches)) == len(lines)
    for batch in batches:
        assert sum(batch.sizes[:-1]) <= most
    for batch in batches[:-1]:
        assert sum(batch.sizes) > most


@given(table, st.integers(100, 3_000))
def test_a_part_stays_below_its_bytes_where_a_row_does(lines: list[tuple[Any, ...]], most: int) -> None:
    rows = rows_of(lines)
    parts = [list(part) for part in rows.parts(list(range(len(rows))), most)]
    assert [i for part in parts for i in part] == list(range(len(rows)))
    for part in parts:
        assert len(part) == 1 or sum(rows.sizes[i] for i in part) <= most
