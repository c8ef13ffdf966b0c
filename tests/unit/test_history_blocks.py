"""A history block says what its rows say, to fastavro as to us; of any other bytes nothing is taken."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pophub import avro
from pophub.avro import container, history_blocks
from pophub.domain.history import AcceptedVersion
from pophub.sharing.hub_log import BLOCK_BYTES, BLOCK_ROWS, HubLog

LONGS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-70, 70)
IDS = st.binary(min_size=16, max_size=16)
STAMPS = st.tuples(st.integers(1, 3), st.integers(5, 6), st.integers(7, 8))
CHANGES = st.none() | LONGS
PAYLOADS = st.none() | st.binary(min_size=1, max_size=9) | st.sampled_from([b"\xff" * 70, bytes(9000)])


@st.composite
def stretches(draw: st.DrawFn) -> list[AcceptedVersion]:
    """Draw accepted versions that follow one another, of which the last has its link of the chain."""
    first, size = draw(st.integers(1, 1 << 40)), draw(st.integers(1, 5))
    rows = []
    for sequence in range(first, first + size):
        payload, (contract, exchanged, recorded) = draw(PAYLOADS), draw(STAMPS)
        rows.append(AcceptedVersion(
            sequence, draw(IDS), draw(st.text(max_size=9)), (marker := draw(LONGS)), "d" if payload is None else "u", payload,
            contract, exchanged, recorded, b"", draw(IDS), told if (told := draw(CHANGES)) != marker else None,
        ))  # fmt: skip
    rows[-1] = rows[-1]._replace(digest=draw(st.binary(min_size=32, max_size=32)))
    return rows


def version(sequence: int, payload: bytes | None = b"p", key: str = "k") -> AcceptedVersion:
    operation = "d" if payload is None else "u"
    return AcceptedVersion(sequence, bytes(16), key, 1, operation, payload, 1, 2, 3, bytes(32), bytes(16))


@given(stretches())
def test_a_block_gives_its_rows_back_and_tells_fastavro_the_same(rows: list[AcceptedVersion]) -> None:
    data = avro.encode_history(rows)
    assert avro.decode_history(data) == rows
    block: Any = next(fastavro.reader(io.BytesIO(data)))
    assert (block["first"], block["rows"], block["digest"]) == (rows[0].sequence, len(rows), rows[-1].digest)
    for name in ("event_id", "content", "key", "marker", "operation"):
        assert block[name] == [getattr(row, name) for row in rows]
    told = [row.since for row in rows] if any(row.changed_us is not None for row in rows) else []
    assert block["changed_at"] == told, "nothing where it is the marker of each"
    assert block["payload"] == [row.payload or b"" for row in rows]
    stamps = [stamp for stamp in block["stamps"] for _ in range(stamp["rows"])]
    stamped = [(s["contract"], s["exchanged_at"], s["recorded_at"]) for s in stamps]
    assert stamped == [(row.contract, row.exchanged_us, row.recorded_us) for row in rows]
    out = io.BytesIO()
    schema: Any = fastavro.reader(io.BytesIO(data)).writer_schema
    fastavro.schemaless_writer(out, schema, block)
    found = container.opened(data)
    assert found is not None and bytes(found[1]) == out.getvalue()


@settings(max_examples=200)
@given(stretches(), st.data())
def test_a_block_that_was_changed_or_forged_is_refused_or_reads_whole(
    rows: list[AcceptedVersion], data: st.DataObject
) -> None:
    whole = bytearray(avro.encode_history(rows))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(avro.BadBlock):
        avro.decode_history(bytes(whole))
    found = container.opened(avro.encode_history(rows))
    assert found is not None
    record = bytearray(found[1])
    place = data.draw(st.integers(0, len(record) - 1))
    record[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read = avro.decode_history(container.sealed(history_blocks.SCHEMA, bytes(record)))
    except avro.BadBlock as bad:
        assert bad.code == "contract.avro.block"
    else:
        assert [row.sequence for row in read] == list(range(read[0].sequence, read[0].sequence + len(read)))


@pytest.mark.parametrize("count", [b"\xfe\xff\xff\xff\x0f", b"\x80\x9a\x0c"])
def test_a_forged_count_takes_no_memory(count: bytes) -> None:
    found = container.opened(avro.encode_history([version(1)]))
    assert found is not None
    forged = container.sealed(history_blocks.SCHEMA, b"\x02" + count + bytes(found[1])[2:])
    tracemalloc.start()
    try:
        with pytest.raises(avro.BadBlock):
            avro.decode_history(forged)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_the_log_is_cut_by_rows_and_by_bytes_and_loses_nothing_at_a_cut() -> None:
    many = [version(n) for n in range(1, 2 * BLOCK_ROWS + 4)]
    large = [version(n, bytes(300_000)) for n in range(1, 9)]
    huge = [version(1), version(2, bytes(3 * BLOCK_BYTES)), version(3, None)]
    for rows, sizes in ((many, [BLOCK_ROWS, BLOCK_ROWS, 3]), (large, [3, 3, 2]), (huge, [1, 1, 1]), ([], [])):
        messages, records = HubLog("a.b").outgoing(rows)
        blocks = [avro.decode_history(message.value or b"") for message in messages]
        assert [len(block) for block in blocks] == sizes
        assert [row.sequence for block in blocks for row in block] == [row.sequence for row in rows]
        assert records == len(rows)
