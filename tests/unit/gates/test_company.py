"""What becomes of a record does not depend on the records beside it in its block."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pophub import avro
from pophub.contracts.load import load_connector
from pophub.domain.record import Columns
from pophub.gates.mapping import ContractMapper

PROJECT = Path(__file__).resolve().parents[3]
CONNECTORS = [
    load_connector(PROJECT / f"connectors/{name}.yaml", PROJECT)
    for name in ("thanhhoa/procedures", "mps/citizens", "mof/einvoices")
]
CELLS: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.integers(-3, 3), st.integers(40_000, 46_000), st.floats(-2, 2), st.booleans(), st.text(max_size=3),
    st.sampled_from([
        "02/03/2024 08:00:00", "01/03/2024", "2024-03-01", "001090000001", "x", "", "true", "t", "1", "M", b"\xff", "\ud800",
        datetime(2024, 3, 2, 8), datetime(2024, 3, 2, 8, tzinfo=UTC), date(2024, 3, 1), Decimal("1.50"), 10**15, 1 << 63,
    ]),
)  # fmt: skip


def judged(mapper: ContractMapper, raw: Columns) -> list[Any]:
    """Give all that mapping says of each row, through the bytes that lie on the topic."""
    rows = len(next(iter(raw.values())))
    sent = avro.decode_block(avro.encode_block(avro.Block(1, 0, 1, rows, raw))).columns
    found = mapper.map(sent)
    return [
        (
            found.keys[row], found.markers[row], found.changed_at[row], found.deleted[row],
            [repr(values[row]) for values in found.columns.values()],
            sorted((f.code, f.field or "") for f in found.failures if f.row == row),
        )
        for row in range(rows)
    ]  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(CONNECTORS), st.data())
def test_a_record_is_mapped_alike_alone_and_in_any_company(connector: Any, data: st.DataObject) -> None:
    file = connector.file
    names = {mapping.source for mapping in file.mapping.values()} | {file.source.marker.column}
    names |= {file.source.deleted.column} if file.source.deleted else set()
    rows = data.draw(st.integers(2, 5))
    raw = {name: data.draw(st.lists(CELLS, min_size=rows, max_size=rows)) for name in sorted(names)}
    mapper = ContractMapper(connector)
    alone = [judged(mapper, {name: [values[row]] for name, values in raw.items()})[0] for row in range(rows)]
    assert judged(mapper, raw) == alone


def test_a_marker_that_is_none_spoils_no_neighbour() -> None:
    mapper = ContractMapper(CONNECTORS[0])
    names = [mapping.source for mapping in CONNECTORS[0].file.mapping.values()]
    marks = [datetime(2024, 3, 2, 8), "x", 45_353, 45_353.5, datetime(2024, 3, 3, 8)]
    raw: Columns = {name: [None] * len(marks) for name in names} | {"Cập nhật": marks}
    sent = avro.decode_block(avro.encode_block(avro.Block(1, 0, 1, len(marks), raw))).columns
    assert [marker is None for marker in mapper.map(sent).markers] == [False, True, True, True, False]
