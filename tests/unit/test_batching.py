"""Rows on their way keep every limit, though their sizes and digests are made only where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pophub import avro
from pophub.contracts.load import load_connector
from pophub.contracts.model import Limits
from pophub.domain.digests import most_bytes
from pophub.domain.record import Columns, Measured
from pophub.domain.rows import Rows
from pophub.sources.sql import _plain
from pophub.stages import extract as extracting
from pophub.stages.batching import Cutter
from pophub.stages.extract import Extract

PROJECT = Path(__file__).resolve().parents[2]
CONNECTOR = load_connector(PROJECT / "connectors/mps/citizens.yaml", PROJECT)

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


@given(st.lists(st.lists(value, min_size=1, max_size=4), min_size=1, max_size=4))
def test_a_column_measured_while_it_is_read_is_bounded_as_one_that_is_not(pieces: list[list[Any]]) -> None:
    measured = Measured()
    for piece in pieces:
        values, _, longest = _plain(piece)
        measured.add(values, longest)
    assert most_bytes(measured) == most_bytes(list(measured))
    texts = [value for value in measured if type(value) in (str, bytes)]
    assert measured.longest in (None, max(map(len, texts), default=0))


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


@given(table, st.integers(1_000, 6_000), st.integers(1, 3))
def test_a_block_stays_below_its_bytes_where_a_row_does(
    lines: list[tuple[Any, ...]], most: int, times: int
) -> None:
    """How many rows a block may have is learnt from the blocks before, and never believed."""
    rows, unused = rows_of(lines), cast(Any, None)
    extract = Extract(CONNECTOR, unused, unused, unused, unused, "test")
    with patch.object(extracting, "BLOCK_BYTES", most):
        for _ in range(times):
            blocks = [data for _, data in extract._blocks(rows, 1, 1)]
            found = [avro.decode_block(data) for data in blocks]
            assert sum(block.rows for block in found) == len(rows)
            assert all(
                len(data) <= most or block.rows == 1 for data, block in zip(blocks, found, strict=True)
            )


class Asked:
    """A source that keeps how many rows it was asked for at a time."""

    rows = 0

    def read(self, since: int | None, chunk_rows: int) -> Iterator[Columns]:
        self.rows = chunk_rows
        yield from ()


@pytest.mark.parametrize(
    ("lanes", "fields", "batch_rows", "rows"),
    [
        (2, 7, 20_000, 5_000),
        (2, 7, 300, 300),
        (2, 50, 20_000, 2_000),
        (1, 200, 20_000, 250),
        (10, 200, 20_000, 2_500),
    ],
)
def test_wide_rows_are_read_in_fewer_at_a_time_and_enough_for_each_lane(
    lanes: int, fields: int, batch_rows: int, rows: int
) -> None:
    file, asked, unused = CONNECTOR.file, Asked(), cast(Any, None)
    one = next(iter(file.mapping.values()))
    wide = file.model_copy(
        update={
            "lanes": lanes,
            "mapping": {f"f{number}": one for number in range(fields)},
            "limits": Limits(batch_rows=batch_rows),
        }
    )
    extract = Extract(
        CONNECTOR.model_copy(update={"file": wide}), unused, unused, unused, cast(Any, asked), "test"
    )
    assert list(extract.fetched(cast(Any, asked), None)) == []
    assert asked.rows == rows
