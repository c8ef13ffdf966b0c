"""Nothing is lost and nothing doubled, wherever a stage is killed: counted from outside."""

from __future__ import annotations

import itertools
import os
import signal

import pytest
from hubkit import SIGKILLED, Project
from outside import check, read_log, read_topic

pytestmark = pytest.mark.timeout(240)

POINTS = {
    "extract": ("opened", "acknowledged", "moving", "moved"),
    "judge": ("judged", "written", "committed"),
    "share": ("read", "sent", "positioned", "published", "recorded", "completed"),
}
LATER = {"extract": ":2", "judge": "", "share": ":3"}  # the next batch, the next lane, the subscriber
KILLS = [f"{stage}.{point}" for stage, points in POINTS.items() for point in points]
_person = itertools.count(1)


def put_people(project: Project, count: int) -> list[int]:
    """Write people, and change and delete two of those before them."""
    people = [next(_person) for _ in range(count)]
    for person in people:
        project.put(person, 400 - person)
    if people[0] > count:
        project.update(people[0] - count, 400 - people[-1], ho_ten="Trần Văn Đổi")
        project.update(people[1] - count, 400 - people[-1], da_xoa=True)
    return people


@pytest.mark.parametrize("point", KILLS)
def test_two_kills_at_any_point_neither_lose_nor_double(long_project: Project, point: str) -> None:
    project, stage = long_project, point.split(".")[0]
    people = put_people(project, 12)  # three batches of five, both lanes
    before = {"extract": (), "judge": ("extract",), "share": ("extract", "judge")}[stage]
    if before:
        project.pass_through(*before)
    for kill in (point, point + LATER[stage]):
        assert project.run(stage, fail=kill).code == SIGKILLED, f"{kill} was not reached"
    project.pass_through()
    check(project)
    names = [project.number_of(person) for person in people]
    present = project.servers.query(
        "select count(*) from population.citizen where present and citizen_id = any(%s)", names
    )
    assert present == [(len(people),)]


@pytest.mark.parametrize("stage", ["extract", "judge", "share"])
def test_two_workers_at_once_share_the_work_or_one_gives_way(long_project: Project, stage: str) -> None:
    project = long_project
    put_people(project, 12)
    before = {"extract": (), "judge": ("extract",), "share": ("extract", "judge")}[stage]
    if before:
        project.pass_through(*before)
    ended = [started.wait() for started in [project.start(stage), project.start(stage), project.start(stage)]]
    assert {ran.error for ran in ended} <= {None, "lane.busy"}, [ran.text for ran in ended]
    assert any(ran.error is None for ran in ended)
    project.pass_through()
    check(project)


def test_a_worker_killed_at_no_named_point_is_made_good_by_the_next(long_project: Project) -> None:
    put_people(long_project, 12)
    started = long_project.start("extract", "judge", "share")
    os.kill(started.pid, signal.SIGKILL)
    assert started.wait().code == SIGKILLED
    long_project.pass_through()
    check(long_project)


def test_fields_not_granted_are_nowhere_in_a_subscribers_bytes(project: Project) -> None:
    project.put(1, 30, ma_ho="HIDDENHOUSE", so_cmnd="987654321")
    project.put(
        2,
        30,
        ma_ho="HIDDENHOUSE",
        ho_ten="Lê Thị Hiện",
        gioi_tinh="Nữ",
        so_ddcn=f"0011{project.number_of(2)[4:]}",
    )
    project.pass_through()
    shared = b"".join(row.payload or b"" for row in read_log(project.servers, project.stem))
    assert b"HIDDENHOUSE" in shared and b"987654321" in shared
    told = read_topic(project.servers, f"sub.{project.subscriber}.{project.stem}")
    assert len(told) == 2
    bytes_told = b"".join((m.key or b"") + (m.value or b"") + repr(m.headers).encode() for m in told)
    assert b"HIDDENHOUSE" not in bytes_told and b"987654321" not in bytes_told
    assert "Lê Thị Hiện".encode() in bytes_told
    check(project)
