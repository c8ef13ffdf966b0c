"""What becomes of a record: the one place where a verdict is made. Pure, over columns.

Source: design.md, "What becomes of a record: exactly one of four verdicts".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

State = Literal["shared", "quarantined", "duplicate", "superseded"]


@dataclass(frozen=True, slots=True)
class Head:
    """The accepted version of a key."""

    marker: int
    content: bytes
    contract: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A version that waits in quarantine; `id` is its row there."""

    id: int
    marker: int
    content: bytes
    contract: int


@dataclass(frozen=True)
class Batch:
    """Record versions in lane order, as columns of one length.

    Shape: `failed[i]` is true where at least one rule failed.
    """

    keys: Sequence[str]
    markers: Sequence[int]
    contents: Sequence[bytes]
    contracts: Sequence[int]
    failed: Sequence[bool]


@dataclass(frozen=True)
class Verdicts:
    """The outcome of a batch.

    Shape: `first[i]` is the verdict at this judging, `present[i]` the state after the whole
    batch (a version quarantined here may be superseded by a later one here). `superseded` are
    ids of earlier quarantine rows that a newer accepted version has made void.
    """

    first: list[State]
    present: list[State]
    superseded: list[int] = field(default_factory=list)

    def count(self, state: State) -> int:
        """Count the first verdicts of one kind."""
        return self.first.count(state)


def decide(
    batch: Batch,
    heads: Mapping[str, Head],
    quarantine: Mapping[str, Sequence[Quarantined]],
) -> Verdicts:
    """Give each record version its verdict, in lane order.

    Duplicate and superseded come before the rules; a failed rule quarantines; the rest is shared
    and becomes the head that later rows meet.
    """
    first: list[State] = []
    present: list[State] = []
    superseded: list[int] = []
    moved: dict[str, Head] = {}
    waiting: dict[str, list[tuple[int, bytes, int, int]]] = {}
    for row, (key, marker, content, contract, failed) in enumerate(
        zip(batch.keys, batch.markers, batch.contents, batch.contracts, batch.failed, strict=True)
    ):
        head = moved.get(key) or heads.get(key)
        state: State
        if head is not None and marker < head.marker:
            state = "superseded"
        elif (
            head is not None
            and marker == head.marker
            and _same(content, contract, head.content, head.contract)
        ) or (
            (key in quarantine or key in waiting)
            and _waits(key, marker, content, contract, quarantine.get(key, ()), waiting.get(key, ()))
        ):
            state = "duplicate"
        elif failed:
            state = "quarantined"
            waiting.setdefault(key, []).append((marker, content, contract, row))
        else:
            state = "shared"
            moved[key] = Head(marker, content, contract)
            if key in quarantine:
                superseded += [q.id for q in quarantine[key] if q.marker < marker]
            for earlier in waiting.get(key, ()):
                if earlier[0] < marker:
                    present[earlier[3]] = "superseded"
        first.append(state)
        present.append(state)
    return Verdicts(first, present, sorted(set(superseded)))


def _same(content: bytes, contract: int, other: bytes, other_contract: int) -> bool:
    """Compare contents within one contract version; under another one the marker alone decides."""
    return contract != other_contract or content == other


def _waits(
    key: str,
    marker: int,
    content: bytes,
    contract: int,
    earlier: Sequence[Quarantined],
    here: Sequence[tuple[int, bytes, int, int]],
) -> bool:
    return any(
        marker == q.marker and _same(content, contract, q.content, q.contract) for q in earlier
    ) or any(marker == m and _same(content, contract, c, k) for m, c, k, _ in here)
