"""A raw topic that is gone, or made anew: told, not passed over, and taken up by a person without loss or double."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hubkit import SIGKILLED, Project, Servers, hub_of
from kafka import KafkaAdminClient
from outside import check
from test_bad_world import until

from pophub.commands.servers import prepared
from pophub.kafka.client import client_settings

pytestmark = pytest.mark.timeout(240)


def broker_of(project: Project) -> Any:
    """Open the broker as its administrator."""
    return closing(KafkaAdminClient(**client_settings(project.servers.settings, "admin")))


def lose(project: Project, *, anew: bool) -> None:
    """Delete the raw topic, and make it anew by hand."""
    topic = f"raw.{project.stem}"
    with broker_of(project) as broker:
        broker.delete_topics([topic])
        until(lambda: topic not in broker.list_topics())
        if anew:
            broker.create_topics({topic: {"num_partitions": 2, "replication_factor": 1}})
            until(lambda: topic in broker.list_topics())


def losses(project: Project) -> list[tuple[Any, ...]]:
    """Give who took up what, and whether it has ended."""
    return project.servers.query(
        "select by, why, batches > 0, ended_at is not null from extract.loss where stem = %s order by loss",
        project.stem,
    )


def test_a_raw_topic_that_was_lost_is_told_and_one_made_anew_by_hand_stops_judge(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = f"raw.{project.stem}"
    for person in range(1, 7):
        project.put(person, 30)
        project.pass_through("extract", "judge", "share")
    before = project.states()
    lose(project, anew=False)
    for _ in range(2):
        (lost,) = prepared(hub_of(project, monkeypatch).settings)
        assert (lost.code, lost.where) == ("raw.lost", topic) and "6 batches" in lost.what
        assert f"take-loss {project.stem}" in lost.remedy
    assert project.run("prepare").error == "raw.lost"
    project.servers.query("delete from extract.batch where stem = %s", project.stem)
    assert project.run("prepare").error == "raw.lost", "judge's own place says that it had records"
    with broker_of(project) as broker:
        assert topic not in broker.list_topics(), "it is not made anew in silence"
        broker.create_topics({topic: {"num_partitions": 2, "replication_factor": 1}})
    project.pass_through("prepare")
    project.put(11, 20)
    project.pass_through("extract")
    for _ in range(2):
        assert project.run("judge").error == "raw.rewound"
    assert project.states() == before == {"shared": 6}


def test_stages_tell_at_once_that_the_raw_topic_is_not_there(project: Project) -> None:
    project.put(1, 30)
    project.pass_through()
    lose(project, anew=False)
    project.put(2, 20)
    for stage in ("extract", "judge"):
        began = time.monotonic()
        assert project.run(stage).error == "kafka.topic_missing"
        assert time.monotonic() - began < 20, "it waited for a topic that nobody makes"
    assert project.states() == {"shared": 1}


@pytest.mark.parametrize(
    ("anew", "point"),
    [(False, ""), (True, "")] + [(True, f"loss.{step}") for step in ("begun", "filled", "ending", "ended")],
)
def test_a_loss_that_is_taken_up_loses_and_doubles_nothing_wherever_it_is_killed(
    project: Project, point: str, anew: bool
) -> None:
    for person in range(1, 13):
        project.put(person, 400 - person)
        if person == 6:
            project.pass_through()
    project.pass_through("extract")
    lose(project, anew=anew)
    if anew:
        project.put(21, 20)
        project.pass_through("extract")  # to the new topic, below what was judged
        assert project.run("judge").error == "raw.rewound"
    if point:
        killed = project.run("take_loss", fail=point)
        assert killed.code == SIGKILLED, killed.text
    if point not in ("", "loss.ended"):
        assert project.run("extract").error == "raw.loss_open"
    if point != "loss.ended":
        project.pass_through("take_loss")
    assert project.run("take_loss").error == "raw.nothing_lost"
    assert losses(project) == [("Lan", "the topic was deleted", True, True)]
    project.pass_through()
    assert project.run("prepare").error is None
    states = project.states()
    assert states["shared"] == 12 + anew, states
    check(project, lost=True)


def test_what_was_judged_whole_is_not_read_again(project: Project) -> None:
    for person in range(1, 7):
        project.put(person, 400 - person)
    project.pass_through()
    assert project.run("take_loss").error == "raw.nothing_lost"
    lose(project, anew=False)
    (told,) = project.pass_through("take_loss")
    assert (told["batches"], told["first"]) == (0, None)
    project.put(7, 20)
    counts, *_ = project.pass_through()
    assert counts["rows"] == 1, "the source was read from further back than what was lost"
    assert project.states() == {"shared": 7}
    check(project, lost=True)


def test_of_a_source_without_a_marker_deletes_that_were_lost_are_told_again(
    servers: Servers, tmp_path: Path
) -> None:
    project = Project(servers, tmp_path)
    project.declare("mps.citizens", (
        r"(?s)key: \[so_ddcn, id\]\n  marker:.*?mapping:",
        "key: [so_ddcn]\n  marker: {kind: scan}\n  gone_at_most: 1\nmapping:"), fields=("citizen_id", "full_name"),
    )  # fmt: skip
    suite = project.folder / f"expectations/{project.agency}/citizens.json"
    suite.write_text(suite.read_text().replace("hub_marker", "hub_changed_at"))
    project.pass_through("prepare")
    for person in range(1, 7):
        project.put(person, 30)
    project.pass_through()
    project.sql("delete from dancu.cong_dan where so_ddcn = %s", project.number_of(3))
    project.put(7, 20)
    project.pass_through("extract")
    lose(project, anew=True)
    assert project.run("judge").error == "raw.rewound"
    (told,) = project.pass_through("take_loss")
    assert told["untold"] == 0
    project.pass_through()
    present = project.servers.query(
        "select citizen_id from population.citizen where present and citizen_id like %s order by 1",
        project.number_of(0)[:-3] + "%",
    )
    assert present == [(project.number_of(person),) for person in (1, 2, 4, 5, 6, 7)]
    check(project, lost=True)
    project.close()
