"""Rows 6, 7, 20, 34: a commit to Kafka whose answer is lost or late, a zombie, a transaction left open."""

from __future__ import annotations

import os
import signal
import struct
from typing import TYPE_CHECKING

from tests.faults import checker
from tests.faults.catalogue import Injected, fault
from tests.faults.proxy import Proxy, Rule

if TYPE_CHECKING:
    from command_kit import Started
    from hubkit import Project

    from tests.faults.world import World

PRODUCER_FENCED = {47, 90}  # INVALID_PRODUCER_EPOCH, PRODUCER_FENCED


def judged_people(world: World, seed: int, row: int) -> Project:
    """Give a project whose people are judged and wait for share, some of them twice."""
    project, chance = world.project(), world.random(row, seed)
    for person in range(1, 12 + chance.randrange(6)):
        world.journal.put(project, person, 400 - person)
    project.pass_through()
    for person in range(30, 40 + chance.randrange(6)):
        world.journal.put(project, person, 200 - person)
    world.journal.update(project, 1, 30)
    world.journal.delete(project, 2, 20)
    project.pass_through("extract", "judge")
    return project


def through(world: World) -> Proxy:
    """Give a proxy in front of the hub's broker."""
    return world.proxy(int(world.servers.settings.endpoints.kafka_bootstrap.rsplit(":", 1)[1]))


def share_through(project: Project, proxy: Proxy) -> Started:
    """Start share in a process of its own that sees the broker through the proxy."""
    return project.start("share", POPHUB_KAFKA_BOOTSTRAP=proxy.bootstrap)


@fault(
    6,
    fault="Kafka commit response lost",
    promise="one copy on the topic, whether the client tries again, dies or gives up",
    bounded=True,
)
def a_lost_answer_to_a_commit_leaves_one_copy(world: World, seed: int) -> Injected:
    """The reply to EndTxn vanishes: with the connection, with the process, or alone."""
    project, proxy = judged_people(world, seed, 6), through(world)
    nth = 1 + world.random(6, seed).randrange(4)  # the hub's own topic or the subscriber's, either lane
    rule = proxy.rule("EndTxn", "swallow" if seed % 3 == 0 else "lose", nth)
    project.limits["pophub.kafka.client.CALL_S"] = (
        15  # so that the client that waits for ever gives up sooner
    )
    started = share_through(project, proxy)
    rule.await_hit(started)
    assert rule.answered.wait(60)
    if seed % 3 == 2:
        os.kill(started.pid, signal.SIGKILL)
    world.journal.ran(project, "share", started.wait())
    world.settle(project)
    how = ("alone; the client's time ran out", "with the connection", "and the client was killed")[seed % 3]
    return Injected(f"the broker's reply to EndTxn lost {how}", rule.hits)


@fault(
    7,
    fault="EndTxn delayed",
    promise="the old frame is fenced after re-init; before it, it counts once",
    bounded=True,
)
def a_late_commit_of_a_dead_publisher_changes_nothing(world: World, seed: int) -> Injected:
    """The killed publisher's EndTxn arrives after, before, or while its successor publishes."""
    project, proxy = judged_people(world, seed, 7), through(world)
    old = proxy.rule("EndTxn", "hold", 1 + world.random(7, seed).randrange(4))
    started = share_through(project, proxy)
    old.await_hit(started)
    os.kill(started.pid, signal.SIGKILL)
    world.journal.ran(project, "share", started.wait())
    if seed % 3 == 2:
        old.release()
        assert old.answered.wait(60)
        assert error_of(old) == 0, "nobody fenced it yet"
    elif seed % 3 == 0:
        second = through(world)
        meanwhile = second.rule("EndTxn", "hold")
        successor = share_through(project, second)
        meanwhile.await_hit(successor)
        release_and_expect_fenced(old)
        meanwhile.release()
        assert world.journal.ran(project, "share", successor.wait()).error is None
    project.pass_through("share")
    if seed % 3 == 1:
        release_and_expect_fenced(old)
    world.settle(project)
    when = ("while its successor's transaction was open", "after its successor ended", "before any successor")
    return Injected(f"EndTxn of a killed publisher held, released {when[seed % 3]}", old.hits)


def release_and_expect_fenced(rule: Rule) -> None:
    """Let the late commit go to the broker, which must refuse it."""
    rule.release()
    assert rule.answered.wait(60)
    assert error_of(rule) in PRODUCER_FENCED, f"the late commit got the answer {error_of(rule)}"


def error_of(rule: Rule) -> int:
    """Read the error code of an EndTxn reply; from version 3 on a byte of tags comes before and after."""
    at = 8 if len(rule.reply) == 10 else 9
    return int(struct.unpack(">h", rule.reply[at : at + 2])[0])


@fault(
    20,
    fault="Zombie publisher",
    promise="its token is rejected and it says so; nothing doubles",
    bounded=True,
)
def a_stage_frozen_and_replaced_wakes_up_to_a_refusal(world: World, seed: int) -> Injected:
    """SIGSTOP in the midst of a publication, its session lost, a successor, SIGCONT."""
    project, proxy = judged_people(world, seed, 20), through(world)
    api = ("EndTxn", "TxnOffsetCommit", "Produce")[seed % 3]
    rule = proxy.rule(api, "hold")
    zombie = share_through(project, proxy)
    rule.await_hit(zombie)
    os.kill(zombie.pid, signal.SIGSTOP)
    rule.release()
    if api == "EndTxn":
        assert rule.answered.wait(60)  # committed: the successor must see that
    ended = world.servers.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pophub_share'"
    )
    assert ended, "the zombie holds no session"
    project.pass_through("share")
    os.kill(zombie.pid, signal.SIGCONT)
    ran = world.journal.ran(project, "share", zombie.wait())
    assert ran.error is not None, f"the zombie does not say that it was replaced: {ran}"
    world.settle(project)
    return Injected(f"share frozen before the reply to {api}, replaced, woken: {ran.error}", 1)


@fault(
    34,
    fault="Open transaction",
    promise="readers wait at most for the time-out, then all is there once; the delay is alarmed",
    bounded=True,
)
def a_transaction_left_open_is_resolved_by_the_next_publisher(world: World, seed: int) -> Injected:
    """A publisher dies with its transaction open; a subscriber waits at the last stable offset."""
    project = judged_people(world, seed, 34)
    point = ("share.positioned:2", "share.sent", "share.sent:3")[seed % 3]
    if seed % 3 == 0:
        project.limits["pophub.kafka.client.COMMIT_S"] = 10  # the time-out of the transaction
    ran = world.run(project, "share", fail=point)
    assert ran.code == -signal.SIGKILL, f"{point} was not reached"
    topics = [f"shared.{project.stem}", f"sub.{project.subscriber}.{project.stem}"]
    held = [topic for topic in topics if checker.held_back(world.servers, topic)]
    assert held, "no transaction is open"
    assert "alert.lag" in world.alerts(project, later_s=24 * 3600), "nothing tells that a recipient waits"
    if seed % 3 == 0:
        checker.await_stable(world.servers, held[0])  # nobody helps: the broker ends it by itself
        project.limits.clear()
    world.settle(project)
    assert not any(checker.held_back(world.servers, topic) for topic in topics)
    until = "its time-out" if seed % 3 == 0 else "the next publisher"
    return Injected(f"SIGKILL at {point.partition(':')[0]}: a transaction open until {until}", 1)
