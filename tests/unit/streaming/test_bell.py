"""What a source sends wakes the processes of its lanes, and those alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pophub.streaming.bell import Bell
from pophub.streaming.worker import parts


def test_it_wakes_who_waits_and_is_heard_once() -> None:
    bell = Bell()
    assert not bell.wait(0)
    for _ in range(3):
        bell.ring()
    assert bell.wait(60)
    assert not bell.wait(0)


def test_each_source_has_the_bells_of_its_own_lanes() -> None:
    lanes = {"a.one": 1, "a.two": 2, "b.three": 1}
    hub: Any = SimpleNamespace(
        connector=lambda stem: SimpleNamespace(file=SimpleNamespace(lanes=lanes[stem]))
    )
    found = parts(hub, list(lanes), ["extract", "judge", "share"], None, 3)
    judging = [part for part in found if part.lanes]
    rung = 0
    for part in found:
        for stem in part.sources:
            for bell in part.wakes[stem]:
                bell.ring()
            rung += 1
            assert {p.name for p in judging if p.bell.wait(0)} == {
                p.name for p in judging if stem in {s for s, _ in p.lanes}
            }
    assert rung == len(lanes)
    assert not [part for part in parts(hub, list(lanes), ["judge"], None, 3) if part.wakes]
