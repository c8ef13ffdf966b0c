"""Row 27: the slot by which a source's log is read is lost, while the source goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubkit import SIGKILLED
from log_kit import LOSSES, declare_logged, drop_slot

from tests.faults.catalogue import Injected, fault
from tests.faults.checker import GRANTED
from tests.faults.rows_source import command
from tests.faults.rows_stages import People

if TYPE_CHECKING:
    from hubkit import Project

    from tests.faults.world import World

HELD = "select code from extract.hold where stem = %s and released_at is null"
LEFT_AT = ("slot.named", "slot.taken", "extract.acknowledged")
SNAPSHOT_AT = ("scan.claimed", "slot.made", "scan.kept")


class LoggedPeople(People):
    """People whose rows are deleted as rows: a log tells that, and no column has to."""

    seen: frozenset[int] = frozenset()

    def read(self) -> None:
        """Run all stages, which see everybody who is present."""
        self.project.pass_through()
        self.seen = frozenset(self.present)

    def write(self, count: int) -> None:
        """Insert people; change some of those before, delete some that were seen: of others nobody hears."""
        journal, before = self.world.journal, sorted(self.present)
        for person in range(self.count + 1, self.count + 1 + count):
            journal.put(self.project, person, self._next())
            self.present.add(person)
        self.count += count
        for person in self.chance.sample(before, min(2, len(before))):
            journal.update(self.project, person, self._next())
        known = sorted(self.present & self.seen)
        for person in self.chance.sample(known, min(2, len(known))):
            journal.remove(self.project, person, self._next())
            self.present.discard(person)


@fault(
    27,
    fault="a slot is dropped, lost by the source's own bound, or its publication made anew, while rows change",
    promise="held and told; the next run's snapshot brings what the log did not tell, deletes too; nothing comes twice",
    bounded=True,
)
def a_lost_slot_is_told_and_made_good_by_a_snapshot(world: World, seed: int) -> Injected:
    chance = world.random(27, seed)
    project = world.bare_project()
    declare_logged(project, GRANTED)
    try:
        return _lose(world, project, LoggedPeople(world, project, chance), seed)
    finally:
        drop_slot(project)


def _lose(world: World, project: Project, people: LoggedPeople, seed: int) -> Injected:
    people.write(people.chance.randint(10, 14))
    people.read()
    people.write(4)
    assert world.run(project, "extract", fail=LEFT_AT[seed % 3]).code == SIGKILLED
    people.write(5)
    way, lose = list(LOSSES.items())[(seed - 1) % len(LOSSES)]
    lose(project)
    people.write(3)
    before = project.states()
    ran = world.run(project)
    assert ran.error == "source.slot_lost", ran.text or str(ran.results)
    assert project.servers.query(HELD, project.stem) == [("source.slot_lost",)]
    assert "alert.held" in world.alerts(project)
    assert world.run(project, "extract", fail=SNAPSHOT_AT[seed % 3]).code == SIGKILLED
    people.write(3)
    people.read()
    assert project.servers.query(HELD, project.stem) == []
    assert project.states()["shared"] > before["shared"]
    shared = project.states()
    project.pass_through()
    assert project.states() == shared, "what was sent before came again"
    people.write(3)
    world.settle(project)
    _, found = command(project, "reconcile", project.stem)
    assert found["findings"] == []
    return Injected(f"a slot {way}", 1)
