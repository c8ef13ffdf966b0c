"""decide against a model that is plain, slow, and written apart from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pophub.domain.decide import Batch, Head, Quarantined, Verdicts, decide

KEYS, CONTENTS, NUMBERS = ("a", "b"), (b"x", b"y", b"z"), (None, "1", "2")


@dataclass(frozen=True)
class Version:
    """One record version as the model sees it."""

    key: str
    marker: int
    content: bytes
    contract: int
    failed: bool
    number: str | None = None
    other: str | None = None


@dataclass
class World:
    """The model: each version in turn meets everything that is there by then."""

    heads: dict[str, Version] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, list[Version]] = field(default_factory=dict)

    @property
    def claims(self) -> dict[tuple[str, str], str]:
        """Give who holds which unique value: each head its own, and nothing else."""
        return {
            (name, value): key
            for key, head in self.heads.items()
            for name, value in (("number", head.number), ("other", head.other))
            if value is not None
        }

    def meet(self, version: Version) -> str:
        """Give a version's verdict and change the world by it."""
        head = self.heads.get(version.key)
        if head:
            head = replace(head, marker=max(head.marker, self.seen.get(version.key, head.marker)))
        if head and version.marker < head.marker:
            return "superseded"
        known = [*([head] if head else []), *self.waiting.get(version.key, [])]
        if any(same(version, other) for other in known):
            return "duplicate"
        claims = self.claims
        taken = [
            claims.get(place, version.key) != version.key
            for place in (("number", version.number), ("other", version.other))
        ]
        if version.failed or any(taken):
            self.waiting.setdefault(version.key, []).append(version)
            return "quarantined"
        again = head and (head.content, head.contract) == (version.content, version.contract)
        if again:
            self.seen[version.key] = version.marker
        else:
            self.heads[version.key] = version
        left = [w for w in self.waiting.get(version.key, []) if w.marker >= version.marker]
        self.waiting[version.key] = left
        return "duplicate" if again else "shared"


def same(one: Version, other: Version) -> bool:
    """Tell whether two versions of a key are one: under two contracts the marker alone decides."""
    if one.marker != other.marker:
        return False
    return one.contract != other.contract or one.content == other.content


versions = st.lists(
    st.builds(
        Version,
        st.sampled_from(KEYS),
        st.integers(0, 3),
        st.sampled_from(CONTENTS),
        st.integers(1, 2),
        st.booleans(),
        st.sampled_from(NUMBERS),
        st.sampled_from(NUMBERS),
    ),
    max_size=14,
)


def judged(
    batch: list[Version],
    heads: dict[str, Version],
    waiting: dict[str, list[tuple[int, Version]]],
    claims: dict[tuple[str, str], str] | None = None,
    seen: dict[str, int] | None = None,
) -> Verdicts:
    """Ask decide."""
    return decide(
        Batch([v.key for v in batch], [v.marker for v in batch], [v.content for v in batch],
              [v.contract for v in batch], [v.failed for v in batch],
              {"number": [v.number for v in batch], "other": [v.other for v in batch]}),
        {key: Head(v.marker, v.content, v.contract, (seen or {}).get(key)) for key, v in heads.items()},
        {key: [Quarantined(number, v.marker, v.content, v.contract) for number, v in found]
         for key, found in waiting.items()},
        claims,
    )  # fmt: skip


@settings(max_examples=400)
@given(versions, versions)
def test_verdicts_are_those_of_the_model(earlier: list[Version], batch: list[Version]) -> None:
    world = World()
    for version in earlier:
        world.meet(version)
    heads = dict(world.heads)
    numbers = iter(range(100))
    waiting = {key: [(next(numbers), v) for v in found] for key, found in world.waiting.items()}
    claims, seen = world.claims, dict(world.seen)
    verdicts = judged(batch, heads, waiting, claims, seen)
    assert verdicts.first == [world.meet(version) for version in batch]
    kept = seen | verdicts.seen
    for key, head in world.heads.items():  # a seen marker that is not newer than the head's means nothing
        assert max(kept.get(key, 0), head.marker) == max(world.seen.get(key, 0), head.marker)
    left = {id(v) for found in world.waiting.values() for v in found}
    assert {p: k for p, k in claims.items() if p not in verdicts.given_up} | verdicts.claimed == world.claims
    gone = [n for found in waiting.values() for n, v in found if id(v) not in left]
    assert verdicts.superseded == sorted(gone)
    for first, present, version in zip(verdicts.first, verdicts.present, batch, strict=True):
        if first == "quarantined":
            assert present == ("quarantined" if id(version) in left else "superseded")
        else:
            assert present == first


@settings(max_examples=200)
@given(versions, st.integers(0, 14))
def test_where_a_batch_is_cut_changes_no_verdict(batch: list[Version], cut: int) -> None:
    whole = judged(batch, {}, {}).first
    world = World()
    first = judged(batch[:cut], {}, {}).first
    for version in batch[:cut]:
        world.meet(version)
    waiting = {key: list(enumerate(found)) for key, found in world.waiting.items()}
    assert first + judged(batch[cut:], world.heads, waiting, world.claims, world.seen).first == whole


@settings(max_examples=200)
@given(versions)
def test_a_repeated_batch_without_contradictions_shares_and_quarantines_nothing(batch: list[Version]) -> None:
    batch = [Version(v.key, v.marker, b"x", v.contract, v.failed, v.number, v.other) for v in batch]
    world = World()
    for version in batch:
        world.meet(version)
    waiting = {key: list(enumerate(found)) for key, found in world.waiting.items()}
    verdicts = judged(batch, world.heads, waiting, seen=world.seen)
    assert (verdicts.count("shared"), verdicts.count("quarantined")) == (0, 0)


@settings(max_examples=200)
@given(versions)
def test_markers_of_a_key_rise_with_each_share_or_stand_under_another_contract(batch: list[Version]) -> None:
    sound = [Version(v.key, v.marker, b"x", v.contract, v.failed) for v in batch]
    last: dict[str, int] = {}
    for state, version in zip(judged(sound, {}, {}).first, sound, strict=True):
        if state == "shared":
            assert version.marker > last.get(version.key, -1)
            last[version.key] = version.marker


def test_every_row_has_one_verdict_and_an_empty_batch_none() -> None:
    assert judged([], {}, {}) == Verdicts([], [], [])


def test_what_a_nightly_job_touches_is_shared_once_and_what_comes_back_again() -> None:
    nights = [Version("a", marker, b"x", 1, False) for marker in (1, 2, 3)]
    found = judged(nights, {}, {})
    assert (found.first, found.renewed, found.seen) == (
        ["shared", "duplicate", "duplicate"],
        [1, 2],
        {"a": 3},
    )
    between = judged([Version("a", 2, b"y", 1, False)], {"a": nights[0]}, {}, seen={"a": 3})
    assert between.first == ["superseded"], "older than what the source has said since"
    back = [Version("a", marker, content, 1, False) for marker, content in ((1, b"x"), (2, b"y"), (3, b"x"))]
    assert judged(back, {}, {}).first == ["shared"] * 3


def test_an_unchanged_content_that_fails_moves_nothing_and_one_that_passes_voids_what_waits_before_it() -> (
    None
):
    head = Version("a", 1, b"x", 1, False)
    far = judged([Version("a", 99, b"x", 1, True)], {"a": head}, {})
    assert (far.first, far.seen) == (["quarantined"], {}), "a marker of the future would shut the key"
    waiting = {"a": [(7, Version("a", 2, b"y", 1, True))]}
    found = judged([Version("a", 3, b"x", 1, False)], {"a": head}, waiting)
    assert (found.first, found.superseded) == (["duplicate"], [7])
