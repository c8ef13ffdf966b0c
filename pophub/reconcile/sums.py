"""Compare two stores by hash sums of key ranges; look into the ranges that differ and name records.

Each side is read once and keeps one count and one sum of 128-bit digests a range, so memory does
not grow with the records. Sums, unlike XOR, also see a record that is there three times.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from pophub.reconcile.findings import ALTERED, DOUBLED, MISSING, UNKNOWN

RANGES = 4096
MODULUS = 1 << 128
DRILLED_RANGES = 64
MOST_NAMED = 1000


class Entry(NamedTuple):
    """One record of a store.

    Shape: `spread` chooses its range, `item` is its name within the store, `digest` (16 bytes)
    covers all that must be equal.
    """

    spread: str
    item: str
    digest: bytes
    event_id: str | None = None
    lane: int | None = None
    sequence: int | None = None
    key: str | None = None


Store = Callable[[], Iterator[Entry]]


class Difference(NamedTuple):
    """A record for which the two stores differ, and how."""

    code: str
    entry: Entry


@dataclass
class Comparison:
    """What comparing two stores gave."""

    expected: int
    found: int
    ranges_differing: int
    differences: list[Difference]
    left_out: int


def range_of(spread: str) -> int:
    """Give the range of a key: CRC-32 of its UTF-8 modulo 4,096."""
    return zlib.crc32(spread.encode("utf-8", "surrogatepass")) % RANGES


class Sums:
    """Count and sum of digests of each range."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.counts = [0] * RANGES
        self.sums = [0] * RANGES
        for entry in entries:
            place = range_of(entry.spread)
            self.counts[place] += 1
            self.sums[place] = (self.sums[place] + int.from_bytes(entry.digest, "big")) % MODULUS

    def differing(self, other: Sums) -> list[int]:
        """Give the ranges whose count or sum differ."""
        mine, theirs = zip(self.counts, self.sums, strict=True), zip(other.counts, other.sums, strict=True)
        return [place for place, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b]


def compare(expected: Store, found: Store) -> Comparison:
    """Compare two stores; each is read a second time only when a range differs.

    At most 64 differing ranges are looked into at a time: what is left out shows when these are
    mended, and the counts of both sides tell how much it is.
    """
    left, right = Sums(expected()), Sums(found())
    places = left.differing(right)
    totals = sum(left.counts), sum(right.counts)
    if not places:
        return Comparison(*totals, 0, [], 0)
    chosen = set(places[:DRILLED_RANGES])
    named = list(differences(_within(expected(), chosen), _within(found(), chosen)))
    beyond = sum(max(left.counts[p], right.counts[p]) for p in places[DRILLED_RANGES:])
    left_out = beyond + max(0, len(named) - MOST_NAMED)
    return Comparison(*totals, len(places), named[:MOST_NAMED], left_out)


def _within(entries: Iterator[Entry], chosen: Container[int]) -> Iterator[Entry]:
    return (entry for entry in entries if range_of(entry.spread) in chosen)


def differences(expected: Iterable[Entry], found: Iterable[Entry]) -> Iterator[Difference]:
    """Name each record that differs: missing, doubled, altered, or unknown to the expected side.

    >>> a, b, c = (Entry(n, n, n.encode() * 16) for n in "abc")
    >>> [(d.code, d.entry.item) for d in differences([a, b], [a, a, c])]
    [('reconcile.missing', 'b'), ('reconcile.doubled', 'a'), ('reconcile.unknown', 'c')]
    """
    there: dict[str, list[Entry]] = {}
    for entry in found:
        there.setdefault(entry.item, []).append(entry)
    doubled: list[Difference] = []
    for entry in expected:
        copies = there.pop(entry.item, [])
        if not copies:
            yield Difference(MISSING, entry)
        if any(copy.digest != entry.digest for copy in copies):
            yield Difference(ALTERED, entry)
        doubled += [Difference(DOUBLED, entry) for _ in islice(copies, 1, None)]
    yield from doubled
    yield from (Difference(UNKNOWN, copies[0]) for copies in there.values())
