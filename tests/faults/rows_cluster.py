"""Rows 8-11: brokers that die, bounce, are too few, or have no room left."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.catalogue import Injected, NotHere, fault
from tests.faults.cluster import Cluster

if TYPE_CHECKING:
    from hubkit import Project

    from tests.faults.world import World

QUICK = {
    "pophub.kafka.client.CALL_S": 15,
    "pophub.kafka.client.COMMIT_S": 20,
    "pophub.stages.lanes.LANE_WAIT_S": 30,
}
SMALL_BATCHES = ("(?m)^key: ", "limits: {batch_rows: 20}\nkey: ")
BROKEN = {
    None,
    "kafka.unreachable",
    "kafka.fenced",
    "kafka.topic_missing",
    "lane.busy",
    "postgres.unreachable",
}
STUCK = 75
TRIES = 12


class Flow:
    """A project on the cluster that is written to, and whose stages run again and again."""

    def __init__(self, world: World, row: int, seed: int, cluster: Cluster) -> None:
        self.world, self.cluster = world, cluster
        self.chance = world.random(row, seed)
        self.project: Project = world.project(SMALL_BATCHES, servers=cluster.servers)
        self.project.limits.update(QUICK)
        self.person = 0
        self.stuck = 0

    def write(self, count: int = 60) -> None:
        """Insert people and change one of those before."""
        journal = self.world.journal
        if self.person:
            journal.update(self.project, self.chance.randrange(1, self.person), 900 - self.person)
        for _ in range(count):
            self.person += 1
            journal.put(self.project, self.person, 900 - self.person)

    def under(self, attack: Callable[[], None], *steps: str) -> None:
        """Run stages while something is done to the brokers; whatever comes of it is indefinite."""
        started = self.project.start(*steps)
        attack()
        ran = self.world.journal.ran(self.project, " ".join(steps), started.wait())
        assert ran.error in BROKEN and ran.code in (0, STUCK), ran
        self.stuck += ran.code == STUCK

    def mend(self) -> None:
        """Run all stages until they come through, then look from outside."""
        self.cluster.await_ready()
        self.mend_stage("extract", "judge", "share")
        self.world.check(self.project)

    def mend_stage(self, *steps: str) -> None:
        """Run stages until they come through, as the supervisor or Airflow would."""
        for _ in range(TRIES):
            ran = self.world.run(self.project, *steps)
            if (ran.code, ran.error) == (0, None):
                return
            assert ran.error in BROKEN and ran.code in (0, STUCK), ran
            self.stuck += ran.code == STUCK
        raise AssertionError(f"the stages did not come through in {TRIES} tries: {ran}")


@fault(8, fault="Leader kill -9 x3", promise="what was acknowledged is read, in order, once")
def three_killed_leaders_lose_and_double_nothing(world: World, seed: int) -> Injected:
    """Kill the leader of a raw lane under extract, then those of what share writes."""
    cluster = world.cluster()
    flow = Flow(world, 8, seed, cluster)
    stem, reader = flow.project.stem, flow.project.subscriber
    targets = [(f"raw.{stem}", "extract"), (f"shared.{stem}", "share"), (f"sub.{reader}.{stem}", "share")]
    for topic, stage in targets:
        flow.write()
        if stage == "share":
            flow.mend_stage("extract", "judge")
        pause, lane = flow.chance.uniform(0.1, 2.0), flow.chance.randrange(2)

        def attack(topic: str = topic, lane: int = lane, pause: float = pause) -> None:
            node = cluster.leader(topic, lane)
            time.sleep(pause)
            cluster.kill(node)

        flow.under(attack, stage)
        cluster.await_ready()
    flow.mend()
    return Injected("SIGKILL of the leader of raw, shared and sub lanes under their writers", 3)


@fault(
    9, fault="Brokers bounced under transactions", promise="a hung client is ended by its watchdog; I holds"
)
def brokers_that_bounce_under_transactions_leave_one_copy(world: World, seed: int) -> Injected:
    """Each broker in turn is stopped, killed or frozen while share publishes."""
    cluster = world.cluster()
    flow = Flow(world, 9, seed, cluster)
    how = ("stopped in order", "killed", "frozen, all at once, until the watchdog ended the client")[
        (seed + 2) % 3
    ]
    flow.write(150)
    flow.mend_stage("extract", "judge")

    def bounce() -> None:
        for node in flow.chance.sample(cluster.nodes, 3):
            (cluster.stop if seed % 3 == 1 else cluster.kill)(node)
            cluster.start(node)
            time.sleep(flow.chance.uniform(0.5, 2))

    def freeze() -> None:
        time.sleep(flow.chance.uniform(0.2, 0.8))
        for node in cluster.nodes:
            cluster.freeze(node)

    if seed % 3:
        flow.under(bounce, "share")
    else:
        try:
            flow.under(freeze, "share")
        finally:
            for node in cluster.nodes:
                cluster.thaw(node)
        told = flow.world.journal.operations[-1]
        assert flow.stuck or told.outcome == "indefinite", "share came through before the brokers froze"
    flow.mend()
    return Injected(f"three brokers {how} under share", 3)


@fault(10, fault="2 of 3 brokers down", promise="the publisher pauses and it is alarmed; one copy later")
def two_dead_brokers_pause_the_publisher_until_they_are_back(world: World, seed: int) -> Injected:
    """With one broker of three nothing is acknowledged and nothing lost; when they are back, it goes on."""
    cluster = world.cluster()
    flow = Flow(world, 10, seed, cluster)
    stem = flow.project.stem
    flow.write()
    flow.mend_stage("extract", "judge")
    dead = flow.chance.sample(cluster.nodes, 2)

    def two_down() -> None:
        if seed % 3 == 0:
            time.sleep(1)  # in the midst of the work
        for node in dead:
            cluster.kill(node)

    if seed % 3 == 0:
        flow.under(two_down, "share")
    else:
        two_down()
        before = shared(world, stem)
        for stage in ("share", "extract") if seed % 3 == 1 else ("extract", "share"):
            flow.write(5)
            ran = world.run(flow.project, stage)
            assert ran.error == "kafka.unreachable" or ran.code == STUCK, ran
        assert shared(world, stem) == before
        assert "alert.lag" in world.alerts(flow.project, later_s=3600 * 24), (
            "nothing tells that nothing is shared"
        )
    flow.mend()
    return Injected(
        f"SIGKILL of two brokers {'under share' if seed % 3 == 0 else 'before share and extract'}", 2
    )


def shared(world: World, stem: str) -> int:
    """Count what the ledger tells as shared."""
    return int(
        world.servers.query("select coalesce(sum(granted), 0) from ledger.stretch where stem = %s", stem)[0][
            0
        ]
    )


@contextmanager
def small_disk(place: Path, mebibytes: int) -> Iterator[Callable[[int], None]]:
    """Mount a file system of so many MiB; give what changes its size."""
    place.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        raise NotHere("mounting a small file system needs the right to mount")
    try:
        yield (
            lambda size: (
                subprocess.run(["mount", "-o", f"remount,size={size}m", str(place)], check=True) and None
            )
        )
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


@fault(11, fault="Broker disk full", promise="the broker halts; nothing acknowledged is lost")
def a_full_disk_halts_the_broker_and_loses_nothing(world: World, seed: int) -> Injected:
    """A broker on a small file system fills up under extract, gets room, and goes on."""
    place = Path(str(world.folder)) / f"disk{seed}"
    with (
        small_disk(place / "mount", 40) as resize,
        Cluster(world.servers, place / "cluster", 1, [place / "mount" / "data"]) as cluster,
    ):
        flow = Flow(world, 11, seed, cluster)
        flow.write(40)
        flow.mend()
        acknowledged = batches(world, flow.project.stem)
        pad = place / "mount" / "other.files"
        free = room(place / "mount")
        keep = 40_000 + flow.chance.randrange(60_000)
        pad.write_bytes(b"x" * max(0, free - keep))
        tries = 0
        while not cluster.ended(1):
            tries += 1
            assert tries < TRIES, "the broker did not notice that its disk is full"
            flow.write(40)
            ran = world.run(flow.project, "extract", "judge", "share")
            assert ran.error in BROKEN and ran.code in (0, STUCK), ran
        assert any(told in cluster.log(1) for told in ("No space left", "SIGBUS", "InternalError"))
        assert batches(world, flow.project.stem) >= acknowledged
        resize(200)
        flow.mend()
    return Injected("a file system of 40 MiB filled up under a broker, enlarged later", 1)


def room(place: Path) -> int:
    """Give the bytes that are free on a file system."""
    return shutil.disk_usage(place).free


def batches(world: World, stem: str) -> int:
    """Count the batches that the broker acknowledged whole."""
    return int(
        world.servers.query("select count(*) from extract.batch where stem = %s and state = 'sent'", stem)[0][
            0
        ]
    )
