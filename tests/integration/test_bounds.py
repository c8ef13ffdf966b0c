"""Memory stays flat whatever waits: the same stage on a small and on a large load, each in a fresh process.

`POPHUB_BOUNDS_MB` sets the backlog on raw (120 by default), `POPHUB_BOUNDS_ROWS` the rows of a source
(500,000); the large form, 1024 and 10,000,000, takes half an hour.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest
from hubkit import Project
from outside import check

from pophub.settings import PROJECT

BACKLOG_MB = int(os.environ.get("POPHUB_BOUNDS_MB", "120"))
SOURCE_ROWS = int(os.environ.get("POPHUB_BOUNDS_ROWS", "500000"))
SLACK_KB = 48 << 10  # what an allocator keeps, and caches that fill once
pytestmark = pytest.mark.timeout(900 if SOURCE_ROWS <= 500_000 else 7200)
CHILD = """
import sys
from pophub.wiring import open_hub
with open_hub() as hub:
    for step in sys.argv[2:]:
        getattr(hub, step)(sys.argv[1], run="bounds")
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0])
"""


def peak_kb(project: Project, *steps: str) -> int:
    """Run steps in a fresh process; give the most memory that it held."""
    environment = os.environ | project.environment | {"POPHUB_HOME": str(project.servers.settings.home)}
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, project.stem, *steps],
        env=environment, cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    return int(ran.stdout.split()[-1])


def people(
    project: Project, first: int, rows: int, *, house: int = 8, name: str = "Nguyễn Văn An", year: int = 0
) -> None:
    """Insert so many rows at the agency; `house` is the length of the household code, `year` that of the births."""
    year = year or 30 + project.number % 40  # people of this project alone: one dataset says who exists
    project.sql(
        "insert into dancu.cong_dan (so_ddcn, ho_ten, ngay_sinh, gioi_tinh, ma_tinh, ma_ho, cap_nhat_luc) "
        "select %s || lpad(n::text, 6, '0'), %s, %s, 'Nam', '01', "
        "rpad(md5(n::text), %s, 'H'), %s - interval '1 second' * (%s - n) / 1000 "
        "from generate_series(%s, %s) n",
        f"0010{year}", name, f"15/03/19{year}", house, project.ago(60), first + rows, first, first + rows - 1,
    )  # fmt: skip


def count(project: Project) -> int:
    """Count what was read of the dataset."""
    return sum(project.states().values())


def test_a_source_of_many_rows_is_streamed(project: Project) -> None:
    people(project, 0, 50_000)
    small = peak_kb(project, "extract")
    people(project, 50_000, SOURCE_ROWS - 50_000)
    large = peak_kb(project, "extract")
    assert large < small + SLACK_KB, (small, large)


def test_a_backlog_on_raw_is_judged_in_the_same_memory(project: Project) -> None:
    # two kilobytes each; 80 MB fill the client's buffers and what is kept for share
    few, many = 80 * 500, BACKLOG_MB * 500
    people(project, 0, few, house=2_000)
    project.pass_through("extract")
    small = peak_kb(project, "judge")
    people(project, few, many, house=2_000)
    project.pass_through("extract")
    large = peak_kb(project, "judge")
    assert project.states() == {"shared": few + many}
    assert large < small + SLACK_KB, (small, large)


def test_fields_of_a_megabyte_fill_no_memory_and_are_set_aside(project: Project) -> None:
    people(project, 0, 1_000)
    small = peak_kb(project, "extract", "judge")
    people(project, 1_000, 600, name="Ạ" * (1 << 20) if BACKLOG_MB > 500 else "A" * (1 << 20))
    large = peak_kb(project, "extract", "judge")
    assert project.states() == {"shared": 1_000, "quarantined": 600}
    assert {codes == {"contract.size"} for _, _, codes in project.verdicts().values()} == {True}
    assert large < small + 600_000, (small, large)  # of 600 MB in the source, less than one reading of it
    project.pass_through("share")
    check(project)


def test_ten_thousand_rejected_in_a_row_take_the_memory_of_a_thousand(project: Project) -> None:
    people(project, 0, 5_000, name="An 2")
    project.pass_through("extract")
    small = peak_kb(project, "judge")
    people(project, 5_000, 10_000, name="An 2")
    project.pass_through("extract")
    large = peak_kb(project, "judge")
    assert project.states() == {"quarantined": 15_000}
    assert large < small + SLACK_KB, (small, large)


def held_kb(pid: int) -> int:
    """Give the memory that a process holds now."""
    return int(psutil.Process(pid).memory_info().rss) >> 10


def until_it_waits(project: Project) -> None:
    """Wait until judge waits for the lock of a lane."""
    deadline = time.monotonic() + 120
    asked = "select count(*) from pg_stat_activity where application_name = 'pophub_judge' and wait_event_type = 'Lock'"
    while project.servers.query(asked) == [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_slow_database_slows_judge_down_and_fills_no_memory(project: Project) -> None:
    people(project, 0, 5)
    project.pass_through()
    people(project, 5, 20_000, house=1_000)
    project.pass_through("extract")
    blocker = project.servers.superuser()
    blocker.autocommit = False
    with blocker.cursor() as cursor:
        cursor.execute("select from judge.lane where stem = %s for update", (project.stem,))
        started = project.start("judge")
        until_it_waits(project)
        before, seen = held_kb(started.pid), count(project)
        time.sleep(5)  # memory that grows while nothing moves would grow here
        assert held_kb(started.pid) < before + 4_096
        assert count(project) == seen
    blocker.close()
    assert started.wait().error is None
    assert project.states() == {"shared": 20_005}


def test_59_a_wrong_password_of_the_broker_is_named_so(project: Project) -> None:
    people(project, 0, 1)
    for stage in ("extract", "judge"):
        secret = {f"POPHUB_SECRET_KAFKA_POPHUB_{stage.upper()}": "wrong-and-secret"}
        ran = project.run(stage, **secret)
        assert ran.error == "kafka.password", ran.text
        assert "authentication failed" in ran.text
        assert "wrong-and-secret" not in ran.text
    project.pass_through()
    assert project.states() == {"shared": 1}
