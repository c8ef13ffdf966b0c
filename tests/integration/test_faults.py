"""The bounded part of the fault bench: one seed of each row that takes seconds; `make faults` runs all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hubkit import Servers

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.faults.catalogue import NOT_COVERED, Fault, NotHere, catalogue
from tests.faults.world import World

pytestmark = pytest.mark.timeout(240)
ROWS = set(range(1, 41))


@pytest.fixture(scope="module")
def world(servers: Servers) -> Iterator[World]:
    with closing(World(servers)) as found:
        yield found


@pytest.mark.parametrize("fault", [f for f in catalogue() if f.bounded], ids=lambda f: f"{f.row}-{f.name}")
def test_the_promise_of_a_row_holds(world: World, fault: Fault) -> None:
    try:
        injected = fault.run(world, 1)
    except NotHere as missing:
        pytest.skip(str(missing))
    finally:
        world.end_row()
    assert injected.times > 0


def test_each_row_of_the_matrix_is_covered_or_named_with_its_reason() -> None:
    assert {f.row for f in catalogue()} | set(NOT_COVERED) == ROWS
    assert not {f.row for f in catalogue()} & set(NOT_COVERED)
