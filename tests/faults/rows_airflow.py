"""Row 35: Airflow's API server or its database is away while a task publishes."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from tests.faults.airflow import AirflowHub
from tests.faults.catalogue import Injected, fault
from tests.faults.checker import uncommitted
from tests.faults.database import until, waiting
from tests.faults.rows_stages import SMALL_BATCHES, People

if TYPE_CHECKING:
    from hubkit import Project

    from tests.faults.world import World

DOWN_S = 12
_hubs: dict[int, tuple[AirflowHub, People]] = {}


def _hub(world: World) -> tuple[AirflowHub, People]:
    """Give the hub with Airflow, started once for all seeds."""
    if id(world) not in _hubs:
        found = AirflowHub(world, SMALL_BATCHES)
        world._ends.callback(found.end)
        _hubs[id(world)] = found, People(world, found.project, world.random(35, 0))
    return _hubs[id(world)]


def _published(project: Project) -> int:
    """Count every record of the subscriber's topic, those of aborted transactions too."""
    return uncommitted(project.servers, f"sub.{project.subscriber}.{project.stem}")


@fault(
    35,
    fault="Airflow's API server, its database, or both are down while share is between topic and ledger",
    promise="whatever Airflow tries again, nothing is published twice; the run ends by itself",
)
def an_airflow_that_is_away_publishes_nothing_twice(world: World, seed: int) -> Injected:
    found, people = _hub(world)
    project, servers = found.project, found.project.servers
    people.write(world.random(35, seed).randint(8, 16))
    project.pass_through()
    people.write(12)
    with closing(servers.superuser()) as blocker, blocker.cursor() as cursor:
        blocker.autocommit = False
        cursor.execute("select from ledger.lane where stem = %s for update", (project.stem,))
        run = found.trigger()
        until(lambda: waiting(servers, "pophub_share", "Lock"), "share has published and waits", 120)
        with ExitStack() as down:
            if seed % 3 != 1:
                down.enter_context(found.database_down())
            if seed % 3 != 2:
                down.enter_context(found.api_down())
            time.sleep(DOWN_S)
            blocker.rollback()
    found.await_well()
    state = found.wait(run)
    assert state == "success", f"the run ended as {state}"
    history = servers.query("select count(*) from ledger.history where stem = %s", project.stem)
    assert _published(project) == history[0][0], "a record was published more than once"
    world.check(project)
    return Injected(f"Airflow away for {DOWN_S} s under a running share", 1)
