"""Thousands of seeded lives of the real stages over in-memory servers; nothing lost, doubled or wrong in any.

`POPHUB_SEEDS=n` runs n seeds, `POPHUB_SEED=n` replays one and prints its history.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .life import live
from .wires import plugged_in

SEEDS = int(os.environ.get("POPHUB_SEEDS", "2000"))
PART = 250
ONE = os.environ.get("POPHUB_SEED")
PARTS = (
    [range(int(ONE), int(ONE) + 1)]
    if ONE
    else [range(n, min(n + PART, SEEDS)) for n in range(0, SEEDS, PART)]
)


@pytest.fixture(scope="module", autouse=True)
def servers() -> Iterator[None]:
    """Plug the in-memory servers in."""
    with plugged_in():
        yield


@pytest.mark.parametrize("seeds", PARTS, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_no_seed_loses_doubles_or_lets_in_what_is_wrong(seeds: range) -> None:
    for seed in seeds:
        try:
            life = live(seed)
        except AssertionError as broken:
            again = f"POPHUB_SEED={seed} .venv/bin/pytest -s tests/simulation/test_seeds.py"
            print(f"seed {seed} breaks a promise: {broken}\nreplay it: {again}")
            life = broken.life  # type: ignore[attr-defined]
            if ONE:
                print(*(" ".join(each) for each in life.simulation.story), sep="\n")
            raise
        if ONE:
            print(*(" ".join(each) for each in life.simulation.story), sep="\n")


def test_no_seed_of_inventories_loses_doubles_or_deletes_what_is_there() -> None:
    for seed in range(min(SEEDS, PART)):
        live(seed, source="inventory")


def test_a_seed_is_a_history() -> None:
    assert live(7).simulation.story == live(7).simulation.story
