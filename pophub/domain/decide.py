"""What becomes of a record: the one place where a verdict is made. Pure, over columns.

The four verdicts and their order stand in docs/data-model.md, "What becomes of a record".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

State = Literal["shared", "quarantined", "duplicate", "superseded"]
Claim = tuple[str, str]
"""A unique field, and one value of it."""


class Head(NamedTuple):
    """The accepted version of a key; `seen`: the newest marker under which its content came again."""

    marker: int
    content: bytes
    contract: int
    seen: int | None = None

    @property
    def newest(self) -> int:
        """The newest marker under which the source has shown this content."""
        return self.marker if self.seen is None else max(self.marker, self.seen)


class Quarantined(NamedTuple):
    """A version that waits in quarantine; `id` is its row there."""

    id: int
    marker: int
    content: bytes
    contract: int


@dataclass(frozen=True)
class Batch:
    """Record versions in lane order, as columns of one length.

    Shape: `failed[i]` is true where at least one rule failed. `unique` has, for each field whose
    values must be unique, the value of each version as text, None where it claims none.
    """

    keys: Sequence[str]
    markers: Sequence[int]
    contents: Sequence[bytes]
    contracts: Sequence[int]
    failed: Sequence[bool]
    unique: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdicts:
    """The outcome of a batch.

    Shape: `first[i]` is the verdict at this judging, `present[i]` the state after the whole
    batch (a version quarantined here may be superseded by a later one here). `superseded` are
    ids of earlier quarantine rows that a newer accepted version has made void. `taken` are (version,
    field) whose unique value another key held when its turn came; `given_up` and `claimed` are what
    the whole batch changes of who holds which (field, value). `renewed` are those of the duplicates that
    have a newer marker over the head's content, and `seen` tells the newest such marker of each key.
    """

    first: list[State]
    present: list[State]
    superseded: list[int] = field(default_factory=list)
    taken: list[tuple[int, str]] = field(default_factory=list)
    given_up: list[Claim] = field(default_factory=list)
    claimed: dict[Claim, str] = field(default_factory=dict)
    renewed: list[int] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def count(self, state: State) -> int:
        """Count the first verdicts of one kind."""
        return self.first.count(state)


def decide(
    batch: Batch,
    heads: Mapping[str, Head],
    quarantine: Mapping[str, Sequence[Quarantined]],
    claims: Mapping[Claim, str] | None = None,
) -> Verdicts:
    """Give each record version its verdict, in lane order.

    Duplicate and superseded come before the rules; a failed rule quarantines, and so does a unique
    value that another key holds by then. What passes with the head's own content under a newer marker
    says nothing new: a duplicate, from which on nothing older is taken. The rest is shared and becomes
    the head that later rows meet.

    Shape: `claims` tells the key that holds each unique value of the batch, and each that a key with
    a head in it holds.
    """
    first: list[State] = []
    present: list[State] = []
    superseded: list[int] = []
    holders = _Holders(batch.unique, claims or {})
    taken: list[tuple[int, str]] = []
    moved: dict[str, Head] = {}
    waiting: dict[str, list[tuple[int, bytes, int, int]]] = {}
    renewed: list[int] = []
    seen: dict[str, int] = {}
    for row, (key, marker, content, contract, failed) in enumerate(
        zip(batch.keys, batch.markers, batch.contents, batch.contracts, batch.failed, strict=True)
    ):
        head = moved.get(key) or heads.get(key)
        state: State
        if head is not None and marker < head.newest:
            state = "superseded"
        elif (
            head is not None
            and marker == head.newest
            and _same(content, contract, head.content, head.contract)
        ) or (
            (key in quarantine or key in waiting)
            and _waits(marker, content, contract, quarantine.get(key, ()), waiting.get(key, ()))
        ):
            state = "duplicate"
        elif (found := holders.rivals(row, key)) or failed:
            state = "quarantined"
            taken += found
            waiting.setdefault(key, []).append((marker, content, contract, row))
        else:
            if head is not None and (content, contract) == (head.content, head.contract):
                state = "duplicate"
                moved[key] = head._replace(seen=marker)
                renewed.append(row)
                seen[key] = marker
            else:
                state = "shared"
                moved[key] = Head(marker, content, contract)
                seen.pop(key, None)
                holders.take(row, key)
            if key in quarantine:
                superseded += [q.id for q in quarantine[key] if q.marker < marker]
            for earlier in waiting.get(key, ()):
                if earlier[0] < marker:
                    present[earlier[3]] = "superseded"
        first.append(state)
        present.append(state)
    given_up, claimed = holders.changes()
    return Verdicts(first, present, sorted(set(superseded)), taken, given_up, claimed, renewed, seen)


class _Holders:
    """Who holds which unique value, version by version: what a key gives up is free from there on."""

    def __init__(self, unique: Mapping[str, Sequence[str | None]], claims: Mapping[Claim, str]) -> None:
        self._unique = list(unique.items())
        self._before = claims
        self._now: dict[Claim, str | None] = dict(claims)
        self._held = {(name, key): value for (name, value), key in claims.items()}

    def rivals(self, row: int, key: str) -> list[tuple[int, str]]:
        """Give (version, field) for each of its values that another key holds."""
        found = []
        for name, values in self._unique:
            value = values[row]
            if value is not None and self._now.get((name, value)) not in (None, key):
                found.append((row, name))
        return found

    def take(self, row: int, key: str) -> None:
        """Let a shared version's key hold its values, and no earlier ones."""
        for name, values in self._unique:
            value, old = values[row], self._held.get((name, key))
            if value == old:
                continue
            if old is not None:
                self._now[name, old] = None
                del self._held[name, key]
            if value is not None:
                self._now[name, value] = key
                self._held[name, key] = value

    def changes(self) -> tuple[list[Claim], dict[Claim, str]]:
        """Give the values whose holder gave them up, and who holds those that have another holder now."""
        changed = [place for place, key in self._now.items() if self._before.get(place) != key]
        given_up = [place for place in changed if place in self._before]
        return given_up, {place: key for place in changed if (key := self._now[place]) is not None}


def _same(content: bytes, contract: int, other: bytes, other_contract: int) -> bool:
    """Compare contents within one contract version; under another one the marker alone decides."""
    return contract != other_contract or content == other


def _waits(
    marker: int,
    content: bytes,
    contract: int,
    earlier: Sequence[Quarantined],
    here: Sequence[tuple[int, bytes, int, int]],
) -> bool:
    return any(
        marker == q.marker and _same(content, contract, q.content, q.contract) for q in earlier
    ) or any(marker == m and _same(content, contract, c, k) for m, c, k, _ in here)
