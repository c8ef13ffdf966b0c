"""Row 26: a source that is away for a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubkit import Project

from pophub.live.circuit import FAILURES, MOST_S
from tests.faults.catalogue import Injected, fault
from tests.faults.rows_source import STEPS, command
from tests.faults.rows_stages import SMALL_BATCHES, People

if TYPE_CHECKING:
    from tests.faults.world import World

NOWHERE = {"POPHUB_SOURCE_MPS_URL": "postgresql+psycopg2://nobody:x@127.0.0.1:9/nothing"}


def _later(project: Project, seconds: int) -> None:
    """Let so much time pass for this source: what is known of it is so much older."""
    project.servers.query(
        "update live.heartbeat set first_at = first_at - %s * interval '1 s', at = at - %s * interval '1 s' "
        "where stem = %s", seconds, seconds, project.stem)  # fmt: skip


def _asked(project: Project) -> int:
    """Count how often the source was asked and did not answer."""
    ((times,),) = project.servers.query(
        "select coalesce(sum(times), 0) from live.heartbeat where stem = %s and outcome = 'unreachable'",
        project.stem,
    )
    return int(times)


def _alerts(project: Project) -> list[tuple[Any, ...]]:
    """Let the watcher look once; give each alert of the source and whether it is open."""
    assert project.run("watch_once", **STEPS).results is not None
    return project.servers.query(
        "select code, closed_at is null from live.alert where stem = %s order by alert", project.stem
    )


@fault(
    26,
    fault="a source is offline for a day",
    promise="told once; it is asked ever less often; back, it is caught up without a gap; others are not affected",
)
def a_source_that_was_away_is_caught_up_without_a_gap(world: World, seed: int) -> Injected:
    chance = world.random(26, seed)
    away, other = world.project(SMALL_BATCHES), world.project(SMALL_BATCHES)
    people, neighbours = People(world, away, chance), People(world, other, chance)
    for crowd in (people, neighbours):
        crowd.write(5)
    away.pass_through()
    other.pass_through()
    failures = FAILURES + chance.randint(0, 3)
    for number in range(failures):
        if number >= FAILURES:
            _later(away, MOST_S)
        assert world.run(away, "extract", **NOWHERE).error == "source.unreachable"
    ran = world.run(away, "extract", **NOWHERE)
    assert (ran.error, _asked(away)) == ("source.resting", failures), ran.text
    _later(away, 86_400)
    assert world.run(away, "extract", **NOWHERE).error == "source.unreachable", "it was given up"
    assert _alerts(away) == [("alert.offline", True)]
    neighbours.write(chance.randint(4, 8))
    other.pass_through()
    assert _alerts(other) == []
    people.write(chance.randint(15, 40))
    _tell_since(away)
    assert world.run(away, "extract").error == "source.resting"
    _later(away, MOST_S)
    away.pass_through()
    assert _alerts(away) == [("alert.offline", False)]
    world.settle(away)
    world.settle(other)
    return Injected("extracts that did not reach their source", failures + 1)


def _tell_since(project: Project) -> None:
    """`pophub status` must say that the source is down, since a day, and when it is asked again."""
    code, status = command(project, "status")
    assert code == 0
    (told,) = [row for row in status["held_up"] if "failed" in row["what"]]
    ((days,),) = project.servers.query(
        "select extract(epoch from now() - %s::timestamptz) / 86400", told["since"]
    )
    assert 1 <= float(days) < 2, told
    assert told["next"].startswith("asked by the next run from"), told
