"""Rows 18, 19: clocks that are wrong, and data that is a month late."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from hubkit import Project

from pophub.ledger.checkpoint import Checkpoint, find, load, make
from pophub.ledger.growth import Scope, growth_as_of
from pophub.postgres import connect
from tests.faults.catalogue import Injected, fault
from tests.faults.rows_source import STEPS
from tests.faults.rows_stages import SMALL_BATCHES, People

if TYPE_CHECKING:
    from tests.faults.world import World

DAY_S = 86_400
DAY_MINUTES = 1440


@fault(
    18,
    fault="the clock of the workers' machine, and that of the source, is a day ahead or behind",
    promise="stamps and locks follow the database's clock; a source's future is judged with a bounded skew",
    bounded=True,
)
def a_wrong_clock_changes_no_stamp_and_lets_no_future_in(world: World, seed: int) -> Injected:
    chance = world.random(18, seed)
    ahead = chance.choice((-1, 1)) if seed > 2 else (1, -1)[seed % 2]
    project = world.project(SMALL_BATCHES)
    people = People(world, project, chance)
    world.journal.put(project, 83, DAY_MINUTES)  # a source's clock a day behind: late, not wrong
    people.write(chance.randint(11, 16))
    shifted = {
        "POPHUB_TEST_INSIDE": "tests.faults.inside:clock",
        "POPHUB_TEST_SHIFT_S": str(ahead * (DAY_S + 600)),
    }
    ran = world.run(project, **shifted)
    assert (ran.code, ran.error) == (0, None), ran.text
    ((off,),) = world.servers.query(
        "select count(*) from ledger.history where stem = %s and (abs(extract(epoch from now() - exchanged_at)) > 600 "
        "or abs(extract(epoch from now() - recorded_at)) > 600)", project.stem)  # fmt: skip
    assert off == 0, "a stamp follows the worker's clock"
    project.put(81, -DAY_MINUTES - 5)  # a source's clock more than a day ahead: live.future
    world.journal.put(project, 82, -4)  # within the skew
    ran = world.run(project, **shifted)
    assert (ran.code, ran.error) == (0, None), ran.text
    failed = {number: codes for number, (_, _, codes) in project.verdicts().items()}
    assert failed == {project.number_of(81): {"live.future"}}, failed
    world.settle(project)
    return Injected(f"clocks {ahead:+d} day", 2)


def _figures(checkpoint: Checkpoint, project: Project) -> dict[str, int]:
    rows = growth_as_of(checkpoint, "month", Scope(dataset=project.stem))
    found: dict[str, int] = {}
    for row in rows:
        found[row.period] = found.get(row.period, 0) + row.transactions
    return found


@fault(
    19,
    fault="data arrives a month after it was changed",
    promise="it counts in the period of its stamp; figures as of an earlier time stay as they were",
    bounded=True,
)
def late_data_counts_when_it_comes_and_changes_no_earlier_figure(world: World, seed: int) -> Injected:
    chance = world.random(19, seed)
    project = world.project(SMALL_BATCHES)
    people = People(world, project, chance)
    people.write(chance.randint(6, 12))
    project.pass_through()
    published = make(world.servers.settings)
    before = _figures(published, project)
    month = max(before)
    late = chance.randint(3, 8)
    for person in range(61, 61 + late):
        world.journal.put(project, person, 30 * DAY_MINUTES + person)
    stale = project.put(99, 46 * DAY_MINUTES)  # older than *live* lets through
    ran = project.run("mend", "judge", "share", **STEPS)
    assert (ran.error, ran.results[0]) == (None, late + 1), ran.text
    now = make(world.servers.settings)
    with closing(connect(world.servers.settings, "pophub_read")) as connection:
        restated = find(connection, published.at)
        assert published.id in {one.id for one in load(connection)}
    assert _figures(restated, project) == before, "a published figure changed"
    after = _figures(now, project)
    assert after == before | {month: before[month] + 2 * late}, (before, after)
    assert project.verdicts()[stale][2] == {"live.stale"}
    world.settle(project)
    return Injected("rows a month old", late)
