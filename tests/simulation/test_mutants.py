"""The simulation finds things: each planted bug is caught by name, within a bounded number of seeds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .life import live
from .mutants import MUTANTS, Mutant
from .wires import plugged_in

MOST_SEEDS = 1_200


@pytest.fixture(scope="module", autouse=True)
def servers() -> Iterator[None]:
    """Plug the in-memory servers in."""
    with plugged_in():
        yield


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_caught(mutant: Mutant) -> None:
    with mutant.planted():
        for seed in range(MOST_SEEDS):
            try:
                live(seed, mood=mutant.mood, source=mutant.source)
            except AssertionError as broken:
                print(f"caught by seed {seed}: {broken}")
                return
    pytest.fail(f"{mutant.name}: survives {MOST_SEEDS} seeds")


def test_there_are_as_many_as_were_promised_and_each_has_a_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20
