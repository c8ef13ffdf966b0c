"""A stretch counts each granted version once and nothing else, and no figure has to look inside of one."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pophub.domain.history import AcceptedVersion
from pophub.domain.stretches import SharedStretch, as_multirange, cut, of_multirange

START = 50


def version(sequence: int, stamp: int) -> AcceptedVersion:
    event_id = sequence.to_bytes(16, "big")
    return AcceptedVersion(sequence, event_id, f"k{sequence}", 1, "u", b"", 1, stamp, stamp, b"", b"")


def counted(one: SharedStretch) -> list[int]:
    left_out = {n for first, last in one.omitted for n in range(first, last + 1)}
    return [n for n in range(one.first, one.last + 1) if n not in left_out]


@given(st.lists(st.tuples(st.sampled_from([40, 60, 70]), st.booleans()), max_size=30), st.integers(1, 5))
def test_stretches_unroll_to_what_was_granted(rows: list[tuple[int, bool]], first: int) -> None:
    history = [version(first + at, stamp) for at, (stamp, _) in enumerate(rows)]
    granted = [row for row, (_, wanted) in zip(history, rows, strict=True) if wanted]
    found = cut(granted, START)
    stamps = {row.sequence: row.exchanged_us for row in granted}
    assert [n for one in found for n in counted(one)] == [row.sequence for row in granted]
    for one in found:
        assert one.granted == len(counted(one)) and {stamps[n] for n in counted(one)} == {one.stamp_us}
        assert one.events == b"".join(n.to_bytes(16, "big") for n in counted(one))
        assert one.exchanged_us == max(one.stamp_us, START)
        assert of_multirange(as_multirange(one.omitted)) == list(one.omitted)
    assert all(a.stamp_us != b.stamp_us for a, b in pairwise(found)), "cut for nothing"


def test_in_the_usual_case_a_batch_is_one_stretch() -> None:
    (one,) = cut([version(n, 60) for n in range(3, 1003)], START)
    assert one[:6] == (3, 1002, (), 1000, 60, 60)
    assert as_multirange(one.omitted) is None and of_multirange(None) == []
    assert cut([], START) == []
