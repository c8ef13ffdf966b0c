"""Messages of a log become whole transactions in bounded stretches; bytes that are none are refused, never guessed."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Iterable, Sequence
from contextlib import suppress
from types import EllipsisType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pophub.contracts.source_model import CdcSource
from pophub.ports import WalStretch
from pophub.postgres import LogMessage
from pophub.sources import pgoutput
from pophub.sources.postgres_values import printed_reader
from pophub.sources.wal_standing import _no_log
from pophub.sources.wal_stretches import Stretches
from pophub.sources.wal_table import WalTable
from tests.refused import refused

OID, OTHER = 20_000, 20_001
Values = Sequence[bytes | EllipsisType | None]


def values(row: Values) -> bytes:
    """Write a row as the plugin does; an ellipsis is a value that did not change and is left out."""
    cells = [b"n" if v is None else b"u" if v is ... else b"t" + struct.pack(">i", len(v)) + v for v in row]
    return struct.pack(">H", len(row)) + b"".join(cells)


def relation(*names: str, oid: int = OID, kind: int = 25) -> bytes:
    columns = b"".join(b"\0" + name.encode() + b"\0" + struct.pack(">Ii", kind, -1) for name in names)
    return b"R" + struct.pack(">I", oid) + b"public\0t\0d" + struct.pack(">H", len(names)) + columns


BEGIN = b"B" + struct.pack(">QqI", 99, 0, 7)


def commit(end: int) -> bytes:
    return b"C\0" + struct.pack(">QQq", end - 1, end, 0)


def put(
    *row: bytes | EllipsisType | None, old: Values | None = None, part: bytes = b"K", oid: int = OID
) -> bytes:
    if old is None:
        return b"I" + struct.pack(">I", oid) + b"N" + values(row)
    return b"U" + struct.pack(">I", oid) + part + values(old) + b"N" + values(row)


def gone(*row: bytes | None) -> bytes:
    return b"D" + struct.pack(">I", OID) + b"K" + values(row)


EMPTY = b"T" + struct.pack(">IBI", 1, 0, OID)


def told(messages: Iterable[bytes | int], most: int = 10, base: int = 0) -> list[WalStretch]:
    """Give the stretches of messages at the places 1, 2, 3; a number is the server's word that all was told."""
    made = Stretches(
        OID, ("k",), base, lambda oids: [printed_reader(oid, None) for oid in oids], most, ("k", "v")
    )
    found: list[WalStretch] = []
    for at, message in enumerate(messages, 1):
        if isinstance(message, int):
            found += made.told(message)
        elif (read := pgoutput.decode(message)) is not None:
            found += made.add(at, read)
    return found


def shape(found: list[WalStretch]) -> list[tuple[list[Any], int | None]]:
    return [(stretch.columns.get("k", []), stretch.upto) for stretch in found]


def test_small_transactions_stay_together_and_a_large_one_ends_with_its_last_stretch() -> None:
    small = [
        relation("k", "v"),
        BEGIN,
        put(b"a", b"1"),
        put(b"b", b"1"),
        commit(5),
        BEGIN,
        put(b"c", b"1"),
        commit(8),
    ]
    assert shape(told([*small, 9])) == [(["a", "b", "c"], 8), ([], 9)]
    assert shape(told([*small, 9], most=2)) == [(["a", "b"], 5), (["c"], 8), ([], 9)]
    large = [relation("k", "v"), BEGIN, *(put(b"%d" % n, None) for n in range(5)), commit(9)]
    assert shape(told([*large, 10], most=2)) == [(["0", "1"], None), (["2", "3"], None), (["4"], 9), ([], 10)]


def test_the_servers_word_within_a_transaction_says_nothing() -> None:
    assert told([relation("k", "v"), BEGIN, put(b"a", b"1"), 3]) == []


def test_a_change_of_the_columns_ends_a_stretch() -> None:
    found = told(
        [
            relation("k", "v"),
            BEGIN,
            put(b"a", b"1"),
            relation("v", "k", "n"),
            put(b"2", b"b", b"3"),
            commit(6),
            7,
        ]
    )
    assert [(stretch.header, stretch.columns["k"]) for stretch in found[:2]] == [
        (("k", "v"), ["a"]),
        (("v", "k", "n"), ["b"]),
    ]
    lost = told([relation("v"), BEGIN])
    assert lost == [WalStretch({}, ("v",), None)]


def test_other_tables_are_passed_over() -> None:
    found = told([relation("x", oid=OTHER), BEGIN, put(b"1", oid=OTHER), commit(4), 5])
    assert shape(found) == [([], 5)]


def test_a_key_that_changes_is_a_delete_and_a_row_with_one_marker_above_the_base() -> None:
    found = told(
        [relation("k", "v"), BEGIN, put(b"b", b"1", old=(b"a", None)), gone(b"c", None), commit(5), 6],
        base=100,
    )
    columns = found[0].columns
    assert columns["k"] == ["a", "b", "c"] and columns["v"] == [None, "1", None]
    assert columns["_gone"] == [True, False, True] and columns["_scan"] == [103, 103, 104]
    assert found[0].upto == 105


def test_an_update_that_tells_the_same_key_deletes_nothing() -> None:
    columns = told([relation("k", "v"), BEGIN, put(b"a", b"2", old=(b"a", b"1"), part=b"O"), commit(4), 5])[
        0
    ].columns
    assert columns["k"] == ["a"] and columns["_gone"] == [False]


def test_a_value_that_is_left_out_is_the_old_one_or_a_flaw_and_never_a_null() -> None:
    whole = put(b"a", ..., old=(b"a", b"long"), part=b"O")
    alone = put(b"a", ..., old=(b"a", None))
    columns = told([relation("k", "v"), BEGIN, whole, alone, put(b"b", None), commit(6), 7])[0].columns
    assert columns["v"] == ["long", None, None]
    assert columns["_flaws"] == [None, '{"v":"contract.value.unavailable"}', None]


def test_an_emptied_table_ends_what_came_before_and_its_transaction_ends_a_stretch() -> None:
    found = told(
        [
            relation("k", "v"),
            BEGIN,
            put(b"a", b"1"),
            EMPTY,
            put(b"b", b"1"),
            commit(6),
            BEGIN,
            put(b"c", b"1"),
            commit(9),
            10,
        ]
    )
    assert [(s.columns["k"], s.upto, s.emptied) for s in found] == [
        (["a"], None, None), ([], None, 4), (["b"], 6, None), (["c"], 9, None), ([], 10, None),
    ]  # fmt: skip


def test_memory_does_not_grow_with_a_transaction() -> None:
    def peak(count: int) -> int:
        def stream() -> Iterable[bytes]:
            yield relation("k", "v")
            yield BEGIN
            yield from (put(b"%d" % n, b"x" * 50) for n in range(count))
            yield commit(count + 9)

        made = Stretches(
            OID, ("k",), 0, lambda oids: [printed_reader(oid, None) for oid in oids], 500, ("k", "v")
        )
        tracemalloc.start()
        for at, message in enumerate(stream()):
            read = pgoutput.decode(message)
            assert read is not None
            for _ in made.add(at, read):
                pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(1_000)
    assert peak(40_000) < 1.2 * peak(5_000)


def test_long_values_end_a_stretch_by_their_bytes() -> None:
    long = b"x" * (9 << 20)
    found = told(
        [relation("k", "v"), BEGIN, *(put(b"%d" % n, long) for n in range(4)), commit(9), 10], most=1000
    )
    assert [len(stretch.columns["k"]) for stretch in found] == [2, 2, 0]


@pytest.mark.parametrize(
    "message",
    [put(b"a", b"1"), relation("k", "v") + b"x", BEGIN[:5], b"Z", b"D" + struct.pack(">I", OID) + b"N"],
)
def test_bytes_that_are_no_message_are_refused(message: bytes) -> None:
    with pytest.raises(pgoutput.BadMessage):
        told([message])


@given(st.binary(max_size=60), st.sampled_from([b"", *(bytes([kind]) for kind in b"BCRIUDTYO")]))
@example(struct.pack(">I", 1 << 31), b"T")
def test_any_bytes_are_a_message_or_refused(data: bytes, kind: bytes) -> None:
    with suppress(pgoutput.BadMessage):
        pgoutput.decode(kind + data)


def test_a_server_without_a_log_is_told_what_to_set() -> None:
    quiet = _no_log({"wal_level": "replica", "replica": False}, "a.b")
    replica = _no_log({"wal_level": "logical", "replica": True}, "a.b")
    assert quiet.code == replica.code == "source.wal_level"
    assert "wal_level = logical" in quiet.remedy and "primary" in replica.remedy


def test_a_message_that_cannot_be_read_is_told_without_its_bytes() -> None:
    source = CdcSource.model_validate({"kind": "cdc", "url": "${X}", "table": "t", "key": ["k"]})
    table = WalTable(source, "postgresql://u:p@h/d", columns=("k", "v"), where="a.b")
    made = Stretches(OID, ("k",), 0, lambda oids: [], 10, ("k", "v"))
    with refused("source.log_unreadable") as found:
        list(table._stretched(made, LogMessage(1, b"Zsecret")))
    assert "secret" not in str(found.value)
    assert table.slot == "pophub_a_b"


def test_only_postgresql_has_a_log_that_can_be_read() -> None:
    source = CdcSource.model_validate({"kind": "cdc", "url": "${X}", "table": "t", "key": ["k"]})
    with refused("source.url"):
        WalTable(source, "mysql://u:p@h/d", columns=("k",), where="a.b")
