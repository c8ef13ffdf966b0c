"""The plain model: what is promised of each row on raw, in the order in which transactions committed.

It knows the promises of docs/data-model.md and nothing of the code that keeps them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from life_model import CONTRADICTS, GRACE_S, LANES, TAKEN, UNKNOWN

from .source import Row

UNREADABLE = "contract"
Place = tuple[int, int, int]
Identity = tuple[int, bool, int]
"""Valid from, present, known to the hub since: times in microseconds UTC."""
State = str


@dataclass(eq=False)
class Version:
    """One row on raw and what became of it; `row` is None for bytes that are no block.

    `changed`: when it was changed, where its log tells, in microseconds UTC; a marker tells for itself.
    """

    place: Place
    key: str
    marker: int
    row: Row | None
    batch: int
    stamp: int
    moment: int = 0
    changed: int | None = None
    state: State = "sent"
    first: State = ""
    stub: bool = False
    mended: bool = False
    waits: bool = False

    @property
    def gone(self) -> bool:
        """Say whether it is a delete."""
        return self.row is not None and self.row.gone

    @property
    def whole(self) -> bool:
        """Say whether key and marker could be read."""
        return self.row is not None and self.row.marker is not None

    @property
    def number(self) -> str | None:
        """Give the value that must be unique."""
        return self.row.number if self.row is not None and not self.gone else None

    @property
    def content(self) -> tuple[Any, ...]:
        """Give what makes two versions of one marker equal; a delete has nothing to say."""
        if self.row is None or not self.whole:
            return (self.key,)
        return (True,) if self.gone else (False, self.row.value, self.row.person, self.row.number)

    def fields(self) -> dict[str, str | None]:
        """Give the record that is accepted: repaired, where a repair was approved."""
        assert self.row is not None
        value = "mended" if self.mended else self.row.value
        return {"key": self.row.key, "value": value, "person": self.row.person, "number": self.row.number}


@dataclass
class Model:
    """The world as it is promised. Shape: `holders` and `people` have one entry behind each commit."""

    versions: list[Version] = field(default_factory=list)
    by_key: dict[str, list[Version]] = field(default_factory=dict)
    heads: dict[str, Version] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    holders: list[dict[str, str]] = field(default_factory=lambda: [{}])
    people: list[dict[str, list[Identity]]] = field(default_factory=lambda: [{}])
    history: dict[int, list[Version]] = field(default_factory=lambda: {lane: [] for lane in range(LANES)})
    forgiven: set[str] = field(default_factory=set)

    def passed(self, holders: dict[str, str] | None = None) -> None:
        """Note a commit and who holds which number behind it."""
        self.holders.append(self.holders[-1] if holders is None else holders)
        self.people.append(self.people[-1])

    def people_change(self, changes: Iterable[tuple[str, int, bool, int]]) -> None:
        """Note a commit that tells of people."""
        self.passed()
        for person, *identity in changes:
            known = [*self.people[-1].get(person, ()), (identity[0], identity[1], identity[2])]
            self.people[-1] = self.people[-1] | {person: sorted(known)}

    def judge(
        self, stretch: list[Version], saw: tuple[int, int], claimed: dict[str, int], again: bool
    ) -> None:
        """Decide a stretch that is one transaction; it saw people and claims as of the commits `saw`."""
        if not again:
            self.versions += stretch
            for version in stretch:
                self.by_key.setdefault(version.key, []).append(version)
        codes = {v: self._reasons(v, self.people[saw[0]]) for v in stretch}
        numbers = {v.number for v in stretch}
        holders = {n: self.holders[claimed.get(n, saw[1])].get(n) for n in numbers if n}
        first, present, heads = self._states(stretch, codes, holders, again)
        self._settle(first, present, codes, again)
        self.heads |= heads
        self.passed(self._left(heads))

    def _left(self, heads: dict[str, Version]) -> dict[str, str]:
        """Say who holds which number now that these are heads: each one's own number, and none else."""
        holders = {n: k for n, k in self.holders[-1].items() if k not in heads}
        return holders | {v.number: key for key, v in heads.items() if v.number}

    def _states(
        self,
        stretch: list[Version],
        codes: dict[Version, set[str]],
        holders: dict[str, str | None],
        again: bool,
    ) -> tuple[dict[Version, State], dict[Version, State], dict[str, Version]]:
        first: dict[Version, State] = {}
        present: dict[Version, State] = {}
        heads: dict[str, Version] = {}
        for version in stretch:
            if version in first:
                continue
            head = heads.get(version.key) or self.heads.get(version.key)
            here = [v for v in first if v.key == version.key and first[v] == "quarantined"]
            rivals = [v for v in self.waiting_of(version.key) if v not in stretch or (again and v in here)]
            rivals += [v for v in here if v not in rivals] + ([head] if head else [])
            newest = max(head.marker, self.seen.get(version.key, head.marker)) if head else 0
            if head and version.marker < newest:
                state = "superseded"
            elif any(
                (newest if v is head else v.marker, v.content) == (version.marker, version.content)
                for v in rivals
                if v is not version
            ):
                state = "duplicate"
            else:
                if version.whole and holders.get(version.number or "") not in (None, version.key):
                    codes[version].add(TAKEN)
                state = "quarantined" if codes[version] else "shared"
                if state == "shared" and head and head.content == version.content:
                    state = "duplicate"  # says nothing new, but that the source says it still
                    self.seen[version.key] = version.marker
                    for older in [v for v in [*rivals, *here] if v is not head and v.marker < version.marker]:
                        present[older] = "superseded"
            first[version] = present[version] = state
            if state == "shared":
                heads[version.key] = version
                for number in [n for n, k in holders.items() if k == version.key]:
                    holders[number] = None
                if version.number:
                    holders[version.number] = version.key
                for older in [v for v in [*rivals, *here] if v is not head and v.marker < version.marker]:
                    present[older] = "superseded"
        return first, present, heads

    def _settle(
        self,
        first: dict[Version, State],
        present: dict[Version, State],
        codes: dict[Version, set[str]],
        again: bool,
    ) -> None:
        for version, state in present.items():
            if again and version.state != "quarantined":
                continue  # another replay decided it meanwhile
            version.state = state
            version.waits = state == "quarantined" and codes.get(version, {UNKNOWN}) == {UNKNOWN}
        for version, state in first.items():
            version.first = version.first or state
            if state == "shared":
                self.history[lane_of(version.key)].append(version)

    def _reasons(self, version: Version, people: dict[str, list[Identity]]) -> set[str]:
        if not version.whole or version.stub:
            return {UNREADABLE}
        row = version.row
        assert row is not None
        earlier = next(v for v in self.by_key[version.key] if v.marker == version.marker)
        codes = {CONTRADICTS} if earlier.content != version.content else set()
        if version.gone:
            return codes
        bad = (row.value or "").removeprefix("bad:")
        if bad != (row.value or "") and not version.mended and bad not in self.forgiven:
            codes.add(f"{bad}.bad")
        if row.person and not known_at(people.get(row.person, []), version.moment):
            codes.add(UNKNOWN)
        return codes

    def waiting_of(self, key: str) -> list[Version]:
        """Give what waits of a key in quarantine, oldest first."""
        return [v for v in self.by_key.get(key, ()) if v.state == "quarantined"]

    def ready(self) -> list[Version]:
        """Give what waits for nothing but people who came in time."""
        found = []
        for version in self.versions:
            if version.state == "quarantined" and version.waits and version.row:
                identities = self.people[-1].get(version.row.person or "", [])
                in_time = any(i[1] and i[2] <= version.stamp + GRACE_S * 1_000_000 for i in identities)
                if in_time and known_at(identities, version.moment):
                    found.append(version)
        return found

    def first_verdicts(self, versions: Iterable[Version]) -> Counter[str]:
        """Count first verdicts."""
        return Counter(v.first for v in versions)


def known_at(identities: list[Identity], moment: int) -> bool:
    """Say whether a person is known as present at a moment; before the first identity the first one counts."""
    before = [i for i in identities if i[0] <= moment]
    return (before[-1] if before else identities[0])[1] if identities else False


def lane_of(key: str) -> int:
    """Give the lane of a key."""
    return crc32(key.encode()) % LANES
