"""Sources that are logs, and long: killed at any moment, read in memory that does not grow with a transaction."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hubkit import SIGKILLED, Project
from log_kit import at_source, declare_logged, drop_slot
from outside import check
from test_bounds import SLACK_KB, peak_kb, people
from test_sources_kafka import AgencyTopic, topic, upsert

__all__ = ["topic"]  # its fixture
pytestmark = pytest.mark.timeout(600)
ROWS = 60_000


@pytest.fixture
def long_log(bare_project: Project) -> Iterator[Project]:
    """A project whose citizens are read by their log, in batches of a thousand; nobody is there yet."""
    declare_logged(bare_project, ("citizen_id", "full_name"), batch_rows=1000)
    yield bare_project
    drop_slot(bare_project)


def kill_some(project: Project, times: int) -> int:
    """Begin to extract so many times, each killed after a moment, the first ones soon; give how many were still at it."""
    chance, killed = random.Random(project.number), 0
    for number in range(1, times + 1):
        started = project.start("extract")
        time.sleep(chance.uniform(0.02, 0.8 * number / times))
        with suppress(ProcessLookupError):
            os.kill(started.pid, signal.SIGKILL)
        killed += started.wait().code == SIGKILLED
    return killed


def test_kills_at_any_moment_of_snapshot_and_log_lose_and_double_nothing(long_log: Project) -> None:
    project = long_log
    people(project, 0, 4_000, year=year(project))
    assert kill_some(project, 4)
    project.pass_through()
    project.sql("update dancu.cong_dan set ma_ho = 'H1'")
    people(project, 4_000, 1_000, year=year(project))
    project.sql("delete from dancu.cong_dan where right(so_ddcn, 1) = '7'")
    assert kill_some(project, 4)
    project.pass_through()
    there = project.servers.query(
        "select citizen_id, full_name from population.citizen where present and citizen_id like %s",
        f"0010{year(project)}%",
    )
    assert dict(there) == at_source(project)
    check(project)


def test_a_kill_at_any_moment_of_a_topic_loses_and_doubles_nothing(topic: AgencyTopic) -> None:
    project = topic.project
    topic.send(*(upsert("r", _person(project, at)) for at in range(4_000)))
    assert kill_some(project, 5)
    topic.send(*(upsert("u", _person(project, at) | {"ma_ho": "X1"}) for at in range(1_000)))
    assert kill_some(project, 3)
    project.pass_through()
    states = project.states()
    assert states["shared"] == 5_000 and not states.keys() - {"shared", "duplicate"}
    check(project)


def test_a_transaction_of_many_rows_is_read_by_the_log_in_the_memory_of_one_of_few(long_log: Project) -> None:
    project = long_log
    people(project, 0, 10, year=year(project))
    project.pass_through("extract")
    people(project, 10, ROWS // 10, year=year(project))
    small = peak_kb(project, "extract")
    people(project, ROWS, ROWS, year=year(project))
    large = peak_kb(project, "extract")
    assert large < small + SLACK_KB, (small, large)
    sent = project.servers.query("select sum(rows) from extract.batch where stem = %s", project.stem)
    assert sent == [(10 + ROWS // 10 + ROWS,)]


def test_a_topic_of_many_messages_is_read_in_the_memory_of_one_of_few(topic: AgencyTopic) -> None:
    project = topic.project
    topic.send(*(upsert("r", _person(project, at)) for at in range(ROWS // 4)))
    small = peak_kb(project, "extract")
    topic.send(*(upsert("u", _person(project, at)) for at in range(ROWS)))
    large = peak_kb(project, "extract")
    assert large < small + SLACK_KB, (small, large)


def year(project: Project) -> int:
    """Give the year in which this project's people are born, as others' are not."""
    return 70 + project.number % 20


def _person(project: Project, at: int) -> dict[str, str | None]:
    """Give a sound row of one of many people."""
    return {
        "so_ddcn": f"0010{year(project)}{at:06}", "ho_ten": "Nguyễn Văn An", "ngay_sinh": f"15/03/19{year(project)}",
        "gioi_tinh": "Nam", "ma_tinh": "01", "ma_ho": f"H{at}", "so_cmnd": None,
    }  # fmt: skip
