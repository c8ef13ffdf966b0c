"""Rows 5, 12, 13, 14, 38: what PostgreSQL does to the hub, and what its superuser does."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from hubkit import Project, Servers

from pophub.ledger.checkpoint import load, make
from pophub.ledger.signing import public_key
from pophub.ledger.verify import Broken, Evidence, verify
from pophub.ledger.witness import Witness
from pophub.postgres import connect
from tests.faults.catalogue import Injected, fault
from tests.faults.database import Copy, commits_hang, fill, restart_at_once, small_disk, until, waiting
from tests.faults.rows_stages import SMALL_BATCHES, People

if TYPE_CHECKING:
    from tests.faults.world import World

STAGES = ("extract", "judge", "share")
BEFORE: dict[str, tuple[str, ...]] = {"extract": (), "judge": ("extract",), "share": ("extract", "judge")}
LOST = {"postgres.unreachable", "postgres.connection_lost"}


@fault(
    5,
    fault="a COMMIT whose answer never comes: the backend is ended while it waits for a standby",
    promise="the stage reads where it stands before it decides; each record counts once",
    bounded=True,
)
def a_commit_whose_answer_is_lost_counts_once(world: World, seed: int) -> Injected:
    stage = STAGES[seed % 3]
    project = world.project(SMALL_BATCHES)
    people = People(world, project, world.random(5, seed))
    people.write(8)
    project.pass_through()
    people.write(7)
    if BEFORE[stage]:
        project.pass_through(*BEFORE[stage])
    role = f"pophub_{stage}"
    with commits_hang(world.servers):
        started = project.start(stage)
        until(lambda: waiting(world.servers, role, "SyncRep"), f"{stage} waits for its commit")
        for pid in waiting(world.servers, role, "SyncRep"):
            world.servers.query("select pg_terminate_backend(%s)", pid)
    ran = world.journal.ran(project, stage, started.wait())
    assert ran.error in LOST, ran.text
    world.settle(project)
    return Injected(f"answer of a COMMIT of {stage} lost", 1)


@fault(
    12,
    fault="PostgreSQL's disk is full while judge writes heads",
    promise="the micro-batch is rolled back whole and an alert is told; with space again nothing is missing",
)
def a_full_disk_rolls_the_batch_back_and_alerts(world: World, seed: int) -> Injected:
    chance = world.random(12, seed)
    limits = ("(?m)^live: .*$", "limits: {batch_rows: 400}\nlive: {lag_s: 1}")
    project = world.project(limits)
    people = People(world, project, chance)
    people.write(20)
    project.pass_through()
    servers, space = world.servers, f"small_{project.agency}"
    with small_disk(24) as folder:
        servers.query(f"create tablespace {space} location '{folder}'")
        servers.query(f"alter table population.citizen set tablespace {space}")
        ballast = fill(folder)
        try:
            people.write(chance.randint(400, 600))
            project.pass_through("extract")
            before = project.states()
            ran = world.run(project, "judge")
            assert ran.error == "postgres.disk_full", ran.text
            assert project.states() == before, "a part of the batch was kept"
            until(lambda: _alerts(project), "the unread batch is told", 90)
        finally:
            ballast.unlink()
            project.pass_through()
            servers.query("alter table population.citizen set tablespace pg_default")
            servers.query(f"drop tablespace {space}")
    assert not _alerts(project), "the alert is still open"
    world.settle(project)
    return Injected("disk filled to the last byte under judge", 1)


def _alerts(project: Project) -> list[tuple[Any, ...]]:
    """Let the watcher look once, then give the open alerts of batches that were not read."""
    project.run("watch_once", POPHUB_TEST_INSIDE="tests.faults.inside:steps")
    return project.servers.query(
        "select code from live.alert where stem = %s and code = 'alert.unbalanced' and closed_at is null",
        project.stem,
    )


@fault(
    13,
    fault="PostgreSQL ends at once and restarts under a stage; a standby that is behind is promoted",
    promise="the stage ends, the next reconnects; an older database is told, and rebuilt from Kafka",
)
def a_restart_is_made_good_and_an_older_database_is_told(world: World, seed: int) -> Injected:
    project = world.project(SMALL_BATCHES)
    people = People(world, project, world.random(13, seed))
    people.write(12)
    project.pass_through()
    restarts = 0
    for stage in STAGES[seed % 3 :] + STAGES[: seed % 3]:
        people.write(12)
        if BEFORE[stage]:
            project.pass_through(*BEFORE[stage])
        started = project.start(stage)
        role = f"pophub_{stage}"
        until(lambda role=role: _backends(world.servers, role), f"{stage} works")  # type: ignore[misc]
        restart_at_once(world.servers, project)
        ran = world.journal.ran(project, stage, started.wait())
        assert ran.error in {None, *LOST, "source.unreachable"}, ran.text
        restarts += 1
        project.pass_through()
    world.settle(project)
    _promote(world, project, people)
    world.settle(project, resent=True)
    return Injected("immediate restarts; an older copy promoted", restarts + 1)


def _backends(servers: Servers, role: str) -> list[tuple[Any, ...]]:
    return servers.query("select pid from pg_stat_activity where application_name = %s", role)


def _heads(servers: Servers, schema: str, stem: str) -> list[tuple[Any, ...]]:
    return servers.query(
        f"select key, marker, encode(content, 'hex'), contract, lane, sequence from {schema}.head "
        "where stem = %s order by key", stem)  # fmt: skip


def _promote(world: World, project: Project, people: People) -> None:
    """Let the hub find itself on an older database: share refuses, the topics give back what is missing."""
    copy = Copy(world.servers)
    try:
        copy.take()
        people.write(12)
        project.pass_through()
        copy.promote()
        stale = {"POPHUB_POSTGRES_PORT": str(copy.port)}
        rebuilt = f"again_{project.agency}"
        ran = project.run("rebuild", POPHUB_TEST_INSIDE="tests.faults.inside:steps", **stale)
        assert ran.error is None, ran.text
        endpoints = world.servers.settings.endpoints.model_copy(update={"postgres_port": copy.port})
        older = Servers(world.servers.settings.model_copy(update={"endpoints": endpoints}), "")
        now = _heads(world.servers, "population", project.stem)
        assert _heads(older, "population", project.stem) != now, "the copy is not behind"
        assert _heads(older, rebuilt, project.stem) == now, "the topics did not give back every head"
        ran = world.run(project, **stale)  # what it lacks is read and accepted again: other digests
        assert ran.error == "share.diverged", f"an older database was not told: {ran.text or ran.results}"
    finally:
        copy.end()


@fault(
    14,
    fault="judge loses a deadlock (40P01)",
    promise="its whole transaction is repeated; the run ends green",
    bounded=True,
)
def a_lost_deadlock_is_repeated_as_a_whole(world: World, seed: int) -> Injected:
    chance = world.random(14, seed)
    project = world.project()
    people = People(world, project, chance)
    people.write(chance.randint(8, 30))
    project.pass_through()
    known = set(people.present)
    people.write(5)
    changed = chance.choice(sorted(people.present & known))
    world.journal.update(project, changed, 5)
    project.pass_through("extract")
    other = world.servers.superuser()
    other.autocommit = False
    with closing(other), other.cursor() as cursor:
        cursor.execute("set deadlock_timeout = '1min'")  # so that judge is the one who finds it
        number = project.number_of(changed)
        cursor.execute("select from population.citizen where citizen_id = %s for update", (number,))
        deadlocks = _deadlocks(world.servers)
        started = project.start("judge")
        until(lambda: waiting(world.servers, "pophub_judge", "Lock"), "judge waits for the citizen")
        cursor.execute("select from judge.lane where stem = %s for update", (project.stem,))
        other.rollback()
    ran = world.journal.ran(project, "judge", started.wait())
    until(lambda: _deadlocks(world.servers) == deadlocks + 1, "the server counts one deadlock")
    assert (ran.code, ran.error) == (0, None), ran.text
    world.settle(project)
    return Injected("deadlock that judge lost", 1)


def _deadlocks(servers: Servers) -> int:
    database = servers.settings.endpoints.database
    return int(servers.query("select deadlocks from pg_stat_database where datname = %s", database)[0][0])


NAMED_BY = {"ledger.history": "sequence", "ledger.stretch": "first"}
TAMPERS = (
    ("ledger.history", "update {t} set recorded_at = recorded_at + interval '1 s' where {place}", "changed"),
    ("ledger.history", "update {t} set payload = payload || '\\x00'::bytea where {place}", "changed"),
    ("ledger.stretch", "delete from {t} where {place}", "removed"),
    ("ledger.stretch", "update {t} set granted = granted + 1 where {place}", "changed"),
)


@fault(
    38,
    fault="a superuser changes or removes rows of history and of the ledger",
    promise="verify names the first row that is not what was written",
    bounded=True,
)
def a_row_that_a_superuser_touches_is_named(world: World, seed: int) -> Injected:
    chance = world.random(38, seed)
    project = world.project(SMALL_BATCHES)
    People(world, project, chance).write(chance.randint(20, 30))
    project.pass_through()
    make(world.servers.settings)
    assert not _broken(project), "an untouched ledger does not verify"
    tampers = [TAMPERS[seed % 4], TAMPERS[(seed + 1) % 4]]
    for table, change, word in tampers:
        (lane, sequences), *_ = project.servers.query(
            f"select lane, array_agg({NAMED_BY[table]} order by 1) from {table} where stem = %s group by 1 "
            "order by count(*) desc",
            project.stem,
        )
        first, second = sorted(chance.sample(sorted(sequences)[1:], 2))
        found = _tampered(project, table, change, lane, (first, second))
        assert [(b.table, b.sequence) for b in found] == [(table, first)], found
        assert word in found[0].what
    assert not _broken(project), "what was put back does not verify"
    world.settle(project)
    return Injected("rows changed or removed, two at a time", 2 * len(tampers))


def _tampered(
    project: Project, table: str, change: str, lane: int, sequences: tuple[int, int]
) -> list[Broken]:
    """Let a superuser change rows, verify, and put them back."""
    place = f"stem = '{project.stem}' and lane = {lane} and {NAMED_BY[table]} in {sequences}"
    with closing(project.servers.superuser()) as connection, connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        cursor.execute(f"create temp table kept as select * from {table} where {place}")
        cursor.execute(change.format(t=table, place=place))
        try:
            return _broken(project)
        finally:
            cursor.execute(f"delete from {table} where {place}")
            cursor.execute(f"insert into {table} select * from kept")


def _broken(project: Project) -> list[Broken]:
    settings = project.servers.settings
    with closing(connect(settings, "pophub_owner")) as connection:
        evidence = Evidence(load(connection), public_key(settings), Witness(settings))
        return [b for b in verify(connection, evidence=evidence).broken if project.stem in b.lane]
