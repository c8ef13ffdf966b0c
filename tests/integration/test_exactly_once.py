"""Nothing is lost and nothing doubled, wherever a stage is killed: counted from outside."""

from __future__ import annotations

import itertools

import pytest
from hubkit import SIGKILLED, Project
from outside import check

pytestmark = pytest.mark.timeout(240)

POINTS = {
    "extract": ("opened", "acknowledged", "moving", "moved"),
    "judge": ("judged", "written", "committed"),
    "share": ("read", "sent", "positioned", "published", "recorded", "completed"),
}
KILLS = [
    f"{stage}.{point}{nth}"
    for stage, points in POINTS.items()
    for point, nth in itertools.product(points, ("", ":2"))
]
_person = itertools.count(1)


@pytest.mark.parametrize("kill", KILLS)
def test_a_kill_at_any_point_neither_loses_nor_doubles(long_project: Project, kill: str) -> None:
    project, stage = long_project, kill.split(".")[0]
    people = [next(_person) for _ in range(7)]  # two batches, both lanes
    for place, person in enumerate(people):
        project.put(person, 400 - person)
    if people[0] > 7:
        project.update(people[0] - 7, 400 - people[-1], ho_ten="Trần Thị Đổi")
        project.update(people[1] - 7, 400 - people[-1], da_xoa=True)
    before = {"extract": (), "judge": ("extract",), "share": ("extract", "judge")}[stage]
    if before:
        project.pass_through(*before)
    assert project.run(stage, fail=kill).code == SIGKILLED, f"{kill} was not reached"
    project.pass_through()
    check(project)
    present = project.servers.query(
        "select citizen_id from population.citizen where present and citizen_id = any(%s)",
        [project.number_of(person) for person in people],
    )
    assert len(present) == len(people)
