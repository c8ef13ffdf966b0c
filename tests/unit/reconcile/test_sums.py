"""Sums of key ranges find what differs, whatever it is, and name exactly that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from pophub.commands.reconcile import moment
from pophub.reconcile.findings import key_digest
from pophub.reconcile.sums import DRILLED_RANGES, Entry, Store, compare


def entry(number: int, content: int = 0) -> Entry:
    return Entry(f"key {number}", str(number), bytes([content]) + number.to_bytes(15, "big"), f"{number:x}")


def store(entries: list[Entry]) -> Store:
    def read() -> Iterator[Entry]:
        return iter(entries)

    return read


@given(
    st.sets(st.integers(0, 5000), max_size=60),
    st.sets(st.integers(0, 5000), max_size=5),
    st.sets(st.integers(0, 5000), max_size=5),
    st.sets(st.integers(0, 5000), max_size=5),
    st.sets(st.integers(6000, 7000), max_size=5),
)
def test_each_difference_is_named_and_nothing_else(
    sound: set[int], missing: set[int], doubled: set[int], altered: set[int], foreign: set[int]
) -> None:
    missing, doubled, altered = missing - sound, doubled - sound - missing, altered - sound - missing
    altered -= doubled
    expected = [entry(n) for n in sorted(sound | missing | doubled | altered)]
    found = [entry(n) for n in sorted(sound | doubled | foreign)] + [entry(n) for n in doubled]
    found += [entry(n, 1) for n in altered]
    done = compare(store(expected), store(found[::-1]))
    told = {(d.code, d.entry.item) for d in done.differences}
    assert told == (
        {("reconcile.missing", str(n)) for n in missing}
        | {("reconcile.doubled", str(n)) for n in doubled}
        | {("reconcile.altered", str(n)) for n in altered}
        | {("reconcile.unknown", str(n)) for n in foreign}
    )
    assert (done.expected, done.found, done.left_out) == (len(expected), len(found), 0)


def test_three_copies_are_two_too_many() -> None:
    done = compare(store([entry(1)]), store([entry(1)] * 3))
    assert [d.code for d in done.differences] == ["reconcile.doubled"] * 2


def test_a_lost_store_is_counted_whole_and_named_in_part() -> None:
    done = compare(store([entry(n) for n in range(20_000)]), store([]))
    assert done.ranges_differing > DRILLED_RANGES
    assert len(done.differences) + done.left_out == 20_000
    assert len(done.differences) <= 1000


def test_equal_stores_are_read_once() -> None:
    reads = []

    def read() -> Iterator[Entry]:
        reads.append(1)
        return iter([entry(1)])

    assert compare(read, read).differences == []
    assert len(reads) == 2


def test_a_key_is_named_by_a_digest_that_needs_the_secret() -> None:
    assert key_digest("a", "001090000001") != key_digest("b", "001090000001")


def test_a_time_without_a_zone_is_of_the_country() -> None:
    assert moment("2024-12-31T07:00:00").astimezone(UTC).hour == 0
