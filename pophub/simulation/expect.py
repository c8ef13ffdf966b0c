"""What the hub should make of a plan: a small model of its verdicts, for exact growth.

It never looks into rows; it believes the labels. `detect` compares with what the hub decided.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from functools import cache

from pophub.simulation.clock import DAY_US, from_us, ticks_us
from pophub.simulation.model import GRACE_DAYS, Step, Version

RECIPIENTS = {
    "laocai.parties": 2,
    "mof.einvoices": 2,
    "moit.ecommerce_sales": 2,
    "mps.citizens": 2,
    "portal.parties": 2,
}  # the others have one
YEARS: tuple[Step, ...] = ("2023", "2024")


class Expectation:
    """Accepted versions of every stem, by the stamp that their batch gets."""

    def __init__(self) -> None:
        self.accepted: Counter[tuple[str, int]] = Counter()
        self._first_stamp: dict[str, int] = {}

    def transactions(self, year: int) -> int:
        """Give the share transactions of a calendar year, over all recipients."""
        return sum(
            number * RECIPIENTS.get(stem, 1)
            for (stem, stamped), number in self.accepted.items()
            if stamped == year
        )

    def read(self, versions: Iterable[Version]) -> None:
        """Judge all versions of one stem, both years, as its runs would."""
        versions = list(versions)
        heads: dict[str, int] = {}
        waiting: list[tuple[Version, int]] = []
        last = 0
        for step in YEARS:
            last = self._run([v for v in versions if v.step == step], step, last, heads, waiting)
        for version, stamp in waiting:
            arrived = self._first_stamp.get(version.waits_for or "")
            if arrived is not None and arrived - stamp <= GRACE_DAYS * DAY_US:
                self._accept(version, stamp)

    def _run(
        self,
        versions: list[Version],
        step: Step,
        last: int,
        heads: dict[str, int],
        waiting: list[tuple[Version, int]],
    ) -> int:
        ordered = reading_order(versions)
        stamps = stamps_of(ordered, step, last)
        for version, stamp in zip(ordered, stamps, strict=True):
            head = heads.get(version.key)
            if version.label in ("duplicate", "superseded") or (head is not None and version.marker < head):
                continue
            if not version.sound:
                continue
            if version.waits_for is not None:
                waiting.append((version, stamp))
                continue
            heads[version.key] = version.marker
            self._accept(version, stamp)
        return stamps[-1] if stamps else last

    def _accept(self, version: Version, stamp: int) -> None:
        self.accepted[version.stem, _year(stamp)] += 1
        if version.stem == "mps.citizens":
            self._first_stamp.setdefault(version.key, stamp)


@cache
def _year(stamp_us: int) -> int:
    return from_us(stamp_us).year


def reading_order(versions: list[Version]) -> list[Version]:
    """Sort as the source is read: files by name, rows as written; tables by marker and key."""
    if versions and versions[0].file:
        return sorted(versions, key=lambda v: v.file)
    return sorted(versions, key=lambda v: (v.marker, v.key))


def stamps_of(ordered: list[Version], step: Step, last: int) -> list[int]:
    """Give each version the stamp of its batch: the first tick not before its newest change.

    Shape: one a version, never falling, never before `last`; a file is one batch.
    """
    ticks = ticks_us(step)
    if step == "2024":
        ticks = ticks_us("2023") + ticks
    newest: dict[str, int] = {}
    for version in ordered:
        newest[version.file] = max(newest.get(version.file, 0), version.changed)
    stamps = []
    for version in ordered:
        changed = newest[version.file] if version.file else version.changed
        last = max(last, ticks[bisect_left(ticks, changed)])
        stamps.append(last)
    return stamps
