"""In a hub that holds simulated agencies, the simulation's ticks stamp these alone; all others the clock stamps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hubkit import Project

TICK = datetime(2023, 1, 31, 17, tzinfo=UTC)


@pytest.fixture
def ticking(project: Project) -> Iterator[Project]:
    """A hub with a tick of the past; no other test's dataset is a simulated agency's."""
    project.servers.query("insert into extract.tick (at) values (%s) on conflict do nothing", TICK)
    yield project
    project.servers.query("delete from extract.tick where at = %s", TICK)
    project.servers.query("delete from extract.setting where name = %s", f"simulation.stem.{project.stem}")


def before_the_tick(project: Project) -> None:
    for person in (1, 2):
        project.put(person, 0, cap_nhat_luc=TICK - timedelta(days=person))


def stamps(project: Project) -> set[datetime]:
    query = "select distinct exchanged_at from extract.batch where stem = %s"
    return {at for (at,) in project.servers.query(query, project.stem)}


def test_rows_of_the_past_of_an_agency_of_ones_own_are_stamped_by_the_clock(ticking: Project) -> None:
    before_the_tick(ticking)
    ticking.pass_through()
    (stamp,) = stamps(ticking)
    assert datetime.now(UTC) - stamp < timedelta(minutes=10)
    assert ticking.states() == {"quarantined": 2}, "too old when they were exchanged: live.stale"


def test_rows_of_a_simulated_agency_are_stamped_by_its_ticks(ticking: Project) -> None:
    name = f"simulation.stem.{ticking.stem}"
    ticking.servers.query("insert into extract.setting (name, value) values (%s, 'clock')", name)
    before_the_tick(ticking)
    ticking.pass_through()
    assert stamps(ticking) == {TICK}
    assert ticking.states() == {"shared": 2}


def test_rows_of_a_simulated_agency_that_is_read_by_its_log_are_stamped_by_the_clock(
    ticking: Project,
) -> None:
    name = f"simulation.stem.{ticking.stem}"
    ticking.servers.query("insert into extract.setting (name, value) values (%s, 'log')", name)
    before_the_tick(ticking)
    ticking.pass_through()
    (stamp,) = stamps(ticking)
    assert datetime.now(UTC) - stamp < timedelta(minutes=10)
