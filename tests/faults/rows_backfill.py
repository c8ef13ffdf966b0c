"""Row 31: a backfill that is killed on its way, while the source lives on."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil
from hubkit import SIGKILLED, Project

from tests.faults.catalogue import Injected, fault
from tests.faults.database import until
from tests.faults.rows_stages import SMALL_BATCHES

if TYPE_CHECKING:
    from tests.faults.world import World

POINTS = ("extract.opened", "extract.acknowledged", "backfill.moved")


def _backfilled(project: Project) -> list[tuple[object, ...]]:
    return project.servers.query(
        "select rows, finished_at is not null from extract.backfill where stem = %s order by backfill",
        project.stem,
    )


@fault(
    31,
    fault="a backfill is killed at a chunk, stopped at another, while the source changes what it has read",
    promise="it goes on at its chunk; what live extract brought meanwhile wins",
    bounded=True,
)
def a_backfill_that_is_killed_goes_on_and_the_live_value_wins(world: World, seed: int) -> Injected:
    chance, journal = world.random(31, seed), world.journal
    project = world.project(SMALL_BATCHES)
    count = chance.randint(23, 29)
    for person in range(1, count + 1):
        journal.put(project, person, 600 - 10 * person)
    project.pass_through()
    before = project.states()
    chunk = chance.randint(2, 3)
    ran = world.run(project, "backfill", fail=f"{POINTS[seed % 3]}:{chunk}")
    assert ran.code == SIGKILLED, ran.text
    ((rows, finished),) = _backfilled(project)
    assert finished is False
    stopped = project.start("backfill", POPHUB_TEST_INSIDE="tests.faults.inside:stop_before_sending")
    process = psutil.Process(stopped.pid)
    until(lambda: process.status() == psutil.STATUS_STOPPED, "the backfill has read a chunk")
    for person in range(1, count + 1):  # newer than what the stopped backfill holds in its hands
        journal.update(project, person, 5 + person / 100)
    project.pass_through()
    os.kill(stopped.pid, signal.SIGCONT)
    ran = journal.ran(project, "backfill", stopped.wait())
    assert (ran.code, ran.error) == (0, None), ran.text
    assert ran.results[0]["resumed"] is True
    assert rows > 0 and _backfilled(project) == [(count + _read_twice(rows), True)]
    project.pass_through()
    after = project.states()
    assert after["shared"] == before["shared"] + count, after
    assert after.get("superseded", 0) > 0, "no older version came behind its newer one"
    world.settle(project)
    return Injected(f"backfill killed at chunk {chunk}, stopped before another", 2)


def _read_twice(rows: int) -> int:
    """The last row of the chunk that it came to is read again: its marker may go on in the next chunk."""
    return 1 if rows else 0
