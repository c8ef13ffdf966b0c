"""Rows 39, 40: connections and processes: none shared over a fork, none left behind by any number of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.faults.catalogue import Injected, fault
from tests.faults.rows_stages import SMALL_BATCHES, People

if TYPE_CHECKING:
    from tests.faults.world import World

NOWHERE = "postgresql+psycopg2://nobody:x@127.0.0.1:9/nothing"


@fault(
    39,
    fault="a process that has run stages, and holds a connection of its own, forks stages and they end",
    promise="each process connects for itself: no backend and no socket is shared, the parent's session lives",
    bounded=True,
)
def a_fork_shares_no_connection(world: World, seed: int) -> Injected:
    chance = world.random(39, seed)
    project = world.project(SMALL_BATCHES)
    people = People(world, project, chance)
    people.write(chance.randint(6, 12))
    project.pass_through("extract")
    ran = world.run(project, "fork", POPHUB_TEST_INSIDE="tests.faults.inside:forking")
    assert (ran.code, ran.error) == (0, None), ran.text
    (told,) = ran.results
    assert told["ended"] == [0] * 4, told
    assert told["parent_lives"], "the parent's session died with a child"
    backends = [pid for child in told["backends"] for pid in child]
    assert len(told["backends"]) == 4 and all(told["backends"]), told
    assert len({*backends, told["parent"]}) == len(backends) + 1, "a backend served two processes"
    assert told["shared"] == [], "a socket to a server is open in two processes"
    world.settle(project)
    return Injected("forks of a process that had run stages", 4)


@fault(
    40,
    fault="many runs in one process, a part of them failing",
    promise="as many connections, sockets and open files after the last run as after the first ones",
)
def any_number_of_runs_leaves_no_connection_behind(world: World, seed: int) -> Injected:
    project = world.project(SMALL_BATCHES)
    people = People(world, project, world.random(40, seed))
    people.write(12)
    ran = world.run(
        project, "soak", POPHUB_TEST_INSIDE="tests.faults.inside:soaking",
        POPHUB_TEST_RUNS="34", POPHUB_TEST_NOWHERE=NOWHERE,
    )  # fmt: skip
    assert (ran.code, ran.error) == (0, None), ran.text
    (told,) = ran.results
    _flat(told["early"], told["late"])
    world.settle(project)
    return Injected("runs of a stage in one process, a fourth of them failing", told["runs"])


def _flat(early: dict[str, Any], late: dict[str, Any]) -> None:
    for what, count in early.items():
        assert late[what] <= count, f"{what} grew from {count} to {late[what]}"
