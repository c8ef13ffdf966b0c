"""A block read and written by columns is the block that fastavro reads and writes, or none at all."""

from __future__ import annotations

import io
import json
import tracemalloc
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pophub import avro
from pophub.avro import block_decoding, blocks, container

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
ZONES = st.sampled_from([UTC, HANOI, timezone(timedelta(hours=-9, minutes=-30)), timezone.max])
EARLY, LATE = datetime(2, 1, 1), datetime(9998, 12, 31)
TEXTS = st.text(max_size=9) | st.sampled_from(
    ["", "x" * 31, "ễ" * 40, "x" * 63, "x" * 64, "ị" * 3000, "y" * 8191, "y" * 8192, "y" * 9000, "a\0b"]
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "text of one length": st.text("aß\0", min_size=3, max_size=3),
    "plain text": st.text("abc 01", max_size=3),
    "long": st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-70, 70),
    "double": st.floats(),
    "boolean": st.booleans(),
    "bytes": st.binary(max_size=9) | st.sampled_from([b"\xff" * 70, bytes(9000)]),
    "date": st.dates(),
    "time": st.datetimes(EARLY, LATE, timezones=ZONES),
    "recent time": st.datetimes(datetime(1969, 12, 31), datetime(1970, 1, 2), timezones=st.just(UTC)),
    "local time": st.datetimes(),
    "null": st.none(),
}  # fmt: skip
ODD = st.sampled_from(
    [
        "\ud800",
        "a\udfff",
        1 << 63,
        -(1 << 64),
        EARLY,
        LATE.replace(tzinfo=UTC),
        date.min,
        1.5,
        True,
        7,
        b"x",
        "7",
    ]
)
Columns = dict[str, list[Any]]


@st.composite
def tables(draw: st.DrawFn, plain: bool = False) -> Columns:
    rows, columns = draw(st.integers(1, 9)), {}
    for number in range(draw(st.integers(1, 6))):
        values = VALUES[draw(st.sampled_from(sorted(VALUES)))]
        if not plain:
            values = draw(st.sampled_from([values, values, values | ODD]))
        values = draw(st.sampled_from([values, values | st.none()]))
        columns[f"cột {number}"] = draw(st.lists(values, min_size=rows, max_size=rows))
    return columns


def block_of(columns: Columns) -> avro.Block:
    return avro.Block(7, -(1 << 63), 3, len(next(iter(columns.values()))), columns)


def record_of(data: bytes) -> tuple[bytes, bytes]:
    """Give a block's schema and its record."""
    schema, record = container.opened(data) or (b"", memoryview(b""))
    return schema, bytes(record)


def by_fastavro(schema: bytes, record: bytes) -> dict[str, Any]:
    """Read a block's record with fastavro, to its end."""
    buffer = io.BytesIO(record)
    found: Any = fastavro.schemaless_reader(buffer, fastavro.parse_schema(json.loads(schema)), None)
    assert buffer.tell() == len(record)
    return dict(found)


def written_by_fastavro(schema: bytes, record: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(schema)), record)
    return out.getvalue()


def told(columns: Any) -> list[list[Any]]:
    """Give values that compare with their types: 1 is no True, -0.0 no 0.0, NaN itself."""
    return [
        [(type(v), repr(v) if isinstance(v, (float, datetime)) else v) for v in column] for column in columns
    ]


@settings(deadline=None, max_examples=150)
@given(tables(plain=True))
def test_plain_columns_are_written_as_fastavro_writes_them(columns: Columns) -> None:
    block = block_of(columns)
    schema, record = record_of(avro.encode_block(block))
    values = {f"c{number}": column for number, column in enumerate(columns.values())}
    whole = {"batch": 7, "exchanged_at": -(1 << 63), "contract": 3, "rows": block.rows, "columns": values}
    assert record == written_by_fastavro(schema, whole)


def _both_times(column: list[Any]) -> bool:
    """Tell whether a column has times with and without a zone."""
    return len({value.tzinfo is None for value in column if isinstance(value, datetime)}) > 1


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(*VALUES.values(), ODD), min_size=1, max_size=7))
def test_a_value_is_the_same_alone_and_in_any_company(column: list[Any]) -> None:
    together = avro.decode_block(avro.encode_block(block_of({"x": column}))).columns["x"]
    alone = [
        avro.decode_block(avro.encode_block(block_of({"x": [value]}))).columns["x"][0] for value in column
    ]
    assert told([together]) == told([alone])


@settings(deadline=None, max_examples=150)
@given(tables())
def test_whatever_is_written_fastavro_reads_alike_and_writes_again(columns: Columns) -> None:
    data = avro.encode_block(block_of(columns))
    schema, record = record_of(data)
    known = by_fastavro(schema, record)
    if not any(_both_times(column) for column in columns.values()):  # fastavro writes both as the first
        assert written_by_fastavro(schema, known) == record
    found = block_decoding.read(schema, memoryview(record))
    assert found is not None
    assert list(found.columns) == list(columns)
    assert told(found.columns.values()) == told(known["columns"].values())
    assert told(container.read_strictly(data).columns.values()) == told(known["columns"].values())
    assert (found.batch, found.exchanged_at, found.contract) == (7, -(1 << 63), 3)


NOON = datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=HANOI)
LOCAL, ZONED = ({"type": "long", "logicalType": f"{kind}timestamp-micros"} for kind in ("local-", ""))
DAY = {"type": "int", "logicalType": "date"}
KINDS: list[tuple[list[Any], Any, list[Any]]] = [
    (["a", ""], "string", ["a", ""]),
    ([None, "Nguyễn"], ["null", "string"], [None, "Nguyễn"]),
    ([None, None], ["null", "string"], [None, None]),
    ([True, False], "boolean", [True, False]),
    ([None, False], ["null", "boolean"], [None, False]),
    ([1, -(1 << 63)], "long", [1, -(1 << 63)]),
    ([1, 1 << 63], ["null", "string", "long"], [1, str(1 << 63)]),
    ([0.5, -0.0], "double", [0.5, -0.0]),
    ([1, 1.0], ["null", "long", "double"], [1, 1.0]),
    ([1, True], ["null", "long", "boolean"], [1, True]),
    (["x", b"x"], ["null", "string", "bytes"], ["x", b"x"]),
    (["x", "\ud800"], ["null", "string", "bytes"], ["x", b"\xed\xa0\x80"]),
    ([date(1969, 12, 31)], {"type": "int", "logicalType": "date"}, [date(1969, 12, 31)]),
    ([NOON], {"type": "long", "logicalType": "timestamp-micros"}, [NOON.astimezone(UTC)]),
    ([LATE, None], ["null", {"type": "long", "logicalType": "local-timestamp-micros"}], [LATE, None]),
    ([LATE, NOON], ["null", LOCAL, ZONED], [LATE, NOON.astimezone(UTC)]),
    (
        [datetime.max.replace(tzinfo=timezone(timedelta(hours=-7))), NOON],
        ["null", "string", ZONED],
        ["9999-12-31T23:59:59.999999-07:00", NOON.astimezone(UTC)],
    ),
    ([Decimal("1E-10"), Decimal("1.50")], ["null", "string"], ["0.0000000001", "1.50"]),
    (
        [date.min, "x", 7, NOON],
        ["null", "string", "long", ZONED, DAY],
        [date.min, "x", 7, NOON.astimezone(UTC)],
    ),
    ([{"k": 1}, [2]], ["null", "string"], ["{'k': 1}", "[2]"]),
]


@pytest.mark.parametrize(("column", "items", "values"), KINDS, ids=lambda part: str(part)[:40])
def test_a_column_has_the_type_of_its_values(column: list[Any], items: Any, values: list[Any]) -> None:
    data = avro.encode_block(block_of({"x": column}))
    schema, _ = record_of(data)
    assert json.loads(schema)["fields"][-1]["type"]["fields"][0]["type"]["items"] == items
    assert told(avro.decode_block(data).columns.values()) == told([values])


def test_a_long_column_is_read_as_a_short_one() -> None:
    rows = 40_000
    columns: Columns = {
        "id": [f"{n:012d}" for n in range(rows)],
        "name": [f"Đặng {'x' * (n % 90)}" for n in range(rows)],
        "old": [None if n % 3 else f"{n}" for n in range(rows)],
        "n": [n**4 - 7 for n in range(rows)],
        "at": [
            datetime(1960, 1, 1, tzinfo=UTC) + n * timedelta(hours=3, microseconds=7) for n in range(rows)
        ],
        "seen": [None if n % 5 else LATE - timedelta(days=n) for n in range(rows)],
    }
    block = block_of(columns)
    assert block_decoding.read(*record_of_view(avro.encode_block(block))) == block


def record_of_view(data: bytes) -> tuple[bytes, memoryview]:
    schema, record = record_of(data)
    return schema, memoryview(record)


def agrees(schema: bytes, record: bytes) -> None:
    """Under a forged mark: no block, or the one that fastavro reads."""
    found = blocks._own(container.sealed(schema, record))
    if found is not None:
        known = by_fastavro(schema, record)
        assert told(found.columns.values()) == told(known["columns"].values())
        assert all(len(column) == found.rows == known["rows"] for column in found.columns.values())


BYTES = st.sampled_from([0, 1, 2, 3, 4, 0x7F, 0x80, 0x81, 0xC3, 0xFE, 0xFF]) | st.integers(0, 255)


@settings(deadline=None, max_examples=150)
@given(tables(), st.data())
def test_a_forged_record_is_refused_or_read_alike(columns: Columns, data: st.DataObject) -> None:
    schema, record = record_of(avro.encode_block(block_of(columns)))
    agrees(schema, record[: data.draw(st.integers(0, len(record)))])
    forged = bytearray(record)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(forged) - 1, 200)) | st.integers(0, len(forged) - 1))
        match data.draw(st.sampled_from(["flip", "put", "insert", "cut"])):
            case "flip":
                forged[at] ^= 1 << data.draw(st.integers(0, 7))
            case "put":
                forged[at] = data.draw(BYTES)
            case "insert":
                forged[at:at] = data.draw(st.lists(BYTES, max_size=12).map(bytes))
            case _:
                del forged[at : at + data.draw(st.integers(1, 9))]
        if not forged:
            break
    agrees(schema, bytes(forged))


BRANCHES = st.sampled_from(sorted(container._READ))


def _typed(branch: str) -> Any:
    kind, _, logical = branch.partition(".")
    return {"type": kind, "logicalType": logical} if logical else kind


def schema_of(*items: Any) -> bytes:
    """Give the schema of a block whose columns have these items."""
    schema = json.loads(record_of(avro.encode_block(block_of({"x": ["y"]})))[0])
    schema["fields"][-1]["type"]["fields"] = [
        {"name": f"c{n}", "column": f"x{n}", "type": {"type": "array", "items": item}}
        for n, item in enumerate(items)
    ]
    return json.dumps(schema).encode()


@settings(deadline=None, max_examples=150)
@given(
    BRANCHES.map(_typed) | st.lists(BRANCHES, min_size=1, max_size=4, unique=True).map(lambda b: list(map(_typed, b))),
    st.integers(1, 4),
    st.lists(BYTES | st.sampled_from([0, 2, 4]), max_size=30).map(bytes),
)  # fmt: skip
def test_any_bytes_of_any_type_are_refused_or_read_alike(items: Any, rows: int, values: bytes) -> None:
    agrees(schema_of(items), bytes((2, 4, 6, 2 * rows, 2 * rows)) + values + b"\0")


def zigzag(number: int) -> bytes:
    left, out = number << 1 if number >= 0 else ~(number << 1), []
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*out, left])


HEAD, TWO = zigzag(1) * 3 + zigzag(2), zigzag(2)
TIME = {"type": "long", "logicalType": "timestamp-micros"}
MALFORMED: dict[str, tuple[Any, bytes]] = {
    "a negative count": ("string", HEAD + zigzag(-2) + zigzag(4) + b"\2a\2b\0"),
    "two stretches": ("string", HEAD + b"\2\2a\2\2b\0"),
    "more values than rows": ("string", HEAD + zigzag(3) + b"\2a\2b\2c\0"),
    "a count without end": (["null", "string"], HEAD + zigzag(1 << 62)),
    "rows without end": (["null", "string"], zigzag(1) * 3 + zigzag((1 << 31) - 1) * 2),
    "no rows": ("string", zigzag(1) * 3 + b"\0\0"),
    "rows below none": ("string", zigzag(1) * 3 + zigzag(-2) + zigzag(-2) + b"\2a\2b\0"),
    "a contract beyond 32 bits": ("string", zigzag(1) * 2 + zigzag(1 << 40) + TWO * 2 + b"\2a\2b\0"),
    "a length beyond the end": ("string", HEAD + TWO + b"\2a" + zigzag(1 << 62) + b"b\0"),
    "a length just beyond the end": ("string", HEAD + TWO + b"\2a\4b\0"),
    "a negative length": ("string", HEAD + TWO + b"\2a\1b\0"),
    "a negative long length": ("string", HEAD + TWO + b"\2a" + zigzag(-300) + b"b" * 300 + b"\0"),
    "a length of eleven bytes": ("string", HEAD + TWO + b"\2a" + b"\x80" * 10 + b"\0\0"),
    "the length of bytes beyond the end": ("bytes", HEAD + TWO + b"\2a" + zigzag(1 << 62) + b"b\0"),
    "a branch beyond the union": (["null", "string"], HEAD + TWO + b"\0\4\2a\0"),
    "a negative branch": (["null", "string"], HEAD + TWO + b"\0\1\2a\0"),
    "a negative branch of many": (["null", "string", "long"], HEAD + TWO + b"\0\1\2\0"),
    "no UTF-8": ("string", HEAD + TWO + b"\2a\2\xff\0"),
    "a surrogate": ("string", HEAD + TWO + b"\2a\6\xed\xa0\x80\0"),
    "UTF-8 cut in two": ("string", HEAD + TWO + b"\2\xc3\2\xa9\0"),
    "what is dropped, in a text": (["null", "string"], HEAD + TWO + b"\2\4a\xff\0\0"),
    "a number of eleven bytes": ("long", HEAD + TWO + b"\2" + b"\x80" * 10 + b"\1\0"),
    "a number of 65 bits": ("long", HEAD + TWO + b"\2" + b"\x80" * 9 + b"\2\0"),
    "a number without end": ("long", HEAD + TWO + b"\2" + b"\x80" * 500),
    "a null number without end": (["null", "long"], HEAD + TWO + b"\0\2" + b"\x80" * 500),
    "a time after all": (TIME, HEAD + TWO + b"\0" + zigzag((1 << 63) - 1) + b"\0"),
    "a time that is none": (TIME, HEAD + TWO + b"\0" + zigzag(-(1 << 63)) + b"\0"),
    "a day after all": ({"type": "int", "logicalType": "date"}, HEAD + TWO + b"\0" + zigzag((1 << 63) - 1) + b"\0"),
    "a truth of two": ("boolean", HEAD + TWO + b"\1\2\0"),
    "half a double": ("double", HEAD + TWO + bytes(15)),
    "no end": ("string", HEAD + TWO + b"\2a\2b"),
    "more behind": ("string", HEAD + TWO + b"\2a\2b\0\0"),
}  # fmt: skip


@pytest.mark.parametrize(("items", "record"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_record_is_left_to_the_strict_reader(items: Any, record: bytes) -> None:
    schema = schema_of(items)
    sealed = container.sealed(schema, record)
    assert container.opened(sealed) is not None
    tracemalloc.start()
    try:
        assert blocks._own(sealed) is None
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_number_beyond_64_bits_is_no_batch() -> None:
    with pytest.raises(OverflowError):
        avro.encode_block(avro.Block(1 << 63, 1, 1, 1, {"x": ["y"]}))
