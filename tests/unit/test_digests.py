"""Digests can be derived by anyone, and name one thing each."""

from __future__ import annotations

import hashlib
import json
import zlib
from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from pophub.domain import digests

plain = st.one_of(st.none(), st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.text(max_size=8))


@given(st.lists(plain, min_size=1, max_size=4))
def test_a_row_digest_is_blake2b_of_its_json(row: list[object]) -> None:
    columns = [[value] for value in row]
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    if "\x7f" in text or any(0xD800 <= ord(c) < 0xE000 for c in text):
        return  # escaped otherwise by json
    found, sizes = digests.row_digests(columns, 1)
    assert found == [hashlib.blake2b(text.encode(), digest_size=16).digest()]
    assert sizes == [len(text.encode())]


def test_values_that_look_alike_have_digests_of_their_own() -> None:
    values = [None, "", "null", 0, "0", False, b"", b"0", Decimal("0.5"), date(1970, 1, 1), 1 << 70,
              datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1), "\ud800", "\udfff"]  # fmt: skip
    found, _ = digests.row_digests([values], len(values))
    assert len(set(found)) == len(values)


def test_neighbouring_columns_are_not_confused() -> None:
    one, _ = digests.row_digests([["ab"], ["c"]], 1)
    other, _ = digests.row_digests([["a"], ["bc"]], 1)
    assert one != other


@given(
    st.lists(
        st.sampled_from(["a", "],[", '","', "]", "[", "\ud800", b"],[", None, 1 << 70, 1.5]), max_size=12
    ),
    st.integers(1, 3),
)
def test_rows_digested_together_have_the_digests_of_each_alone(values: list[object], width: int) -> None:
    rows = len(values) // width
    columns = [values[place * rows : (place + 1) * rows] for place in range(width)]
    together = digests.row_digests(columns, rows)
    apart = [digests.row_digests([[value] for value in row], 1) for row in zip(*columns, strict=True)]
    assert together == ([one for (one,), _ in apart], [size for _, (size,) in apart])


def test_an_event_id_depends_on_all_four_parts() -> None:
    base = digests.event_ids("a.b", ["k"], [1], [b"c" * 16])
    others = [
        digests.event_ids("a.c", ["k"], [1], [b"c" * 16]),
        digests.event_ids("a.b", ["K"], [1], [b"c" * 16]),
        digests.event_ids("a.b", ["k"], [2], [b"c" * 16]),
        digests.event_ids("a.b", ["k"], [1], [b"d" * 16]),
    ]
    assert base not in others
    assert len({other[0] for other in others}) == 4
    assert digests.event_ids("a.b", ["k"], [1], [b"c" * 16]) == base


@given(st.text(max_size=20), st.integers(1, 64))
def test_a_lane_is_the_crc_of_the_key(key: str, lanes: int) -> None:
    assert digests.lane_of(key, lanes) == zlib.crc32(key.encode("utf-8", "surrogatepass")) % lanes


def test_the_chain_of_history_can_be_derived_with_hashlib_alone() -> None:
    numbers = (1, 7, 1_700_000_000_000_000, 1, 1_700_000_000_000_001, 1_700_000_000_000_002)
    packed = b"".join(n.to_bytes(8, "big", signed=True) for n in numbers)
    body = hashlib.sha256(b"payload").digest()
    parts = (b"a.b", packed, b"e" * 16, "khóa".encode(), b"u", b"c" * 16, body)
    text = b"before" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    lane, sequence, marker, contract, exchanged, recorded = numbers
    link = digests.history_link(b"before", "a.b", lane, sequence, b"e" * 16, "khóa", marker, "u", b"c" * 16,
                                b"payload", contract, exchanged, recorded)  # fmt: skip
    assert link == hashlib.sha256(text).digest()


def test_parts_of_a_chain_are_not_confused() -> None:
    assert digests.chain(b"", b"ab", b"c") != digests.chain(b"", b"a", b"bc")
    assert digests.chain(b"", b"a") != digests.chain(b"", b"a", b"")


def test_a_delete_and_an_empty_payload_differ_in_the_chain() -> None:
    rest = (1, 1, 1)
    deleted = digests.history_link(b"", "a.b", 0, 1, b"e", "k", 1, "u", b"c", None, *rest)
    empty = digests.history_link(b"", "a.b", 0, 1, b"e", "k", 1, "u", b"c", b"", *rest)
    assert deleted != empty
