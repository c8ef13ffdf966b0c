"""Row 36: Great Expectations raises, says nothing, judges too little, or has nothing to judge by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hubkit import Project

from tests.faults.catalogue import Injected, fault
from tests.faults.rows_stages import SMALL_BATCHES, People

if TYPE_CHECKING:
    from tests.faults.world import World

INSIDE = {
    "check_raises": "gate.expectation_raised",
    "validator_raises": "gate.expectation_raised",
    "says_nothing": "gate.rows_short",
    "judges_too_few": "gate.rows_short",
    "column_missing": "gate.column_missing",
    "suite_empty": "gate.suite_empty",
}


def _empty_suite(world: World, project: Project) -> str | None:
    """Run judge once with a suite without rules, and put the suite back."""
    path = project.folder / "expectations" / project.agency / "citizens.json"
    sound = path.read_text()
    path.write_text(json.dumps(json.loads(sound) | {"expectations": []}))
    try:
        return world.run(project, "judge").error
    finally:
        path.write_text(sound)


@fault(
    36,
    fault="Great Expectations raises, gives no result, judges too few rows; a column is missing; the suite is empty",
    promise="nothing is decided, nothing is shared; judged again, nothing is missing",
    bounded=True,
)
def gates_that_cannot_judge_let_nothing_through(world: World, seed: int) -> Injected:
    chance = world.random(36, seed)
    project = world.project(SMALL_BATCHES)
    people = People(world, project, chance)
    people.write(6)
    project.pass_through()
    before = project.states()
    people.write(chance.randint(6, 12))
    project.put(90, 3, gioi_tinh="khác")
    project.pass_through("extract")
    mine = sorted(INSIDE)[(seed - 1) % 3 :: 3]  # three seeds take all of them
    for name in mine:
        inside = f"tests.faults.inside:gates_{name}"
        ran = world.run(project, "judge", "share", POPHUB_TEST_INSIDE=inside)
        assert ran.error == INSIDE[name], f"{name}: {ran.text or ran.results}"
        assert "Nguyễn" not in ran.text
    assert (told := _empty_suite(world, project)) == "suite.gate_uncovered", told
    assert project.states() == before, "something was decided"
    project.pass_through("judge", "share")
    assert project.states()["quarantined"] == 1
    world.settle(project)
    return Injected("runs whose gates could not judge", len(mine) + 1)
