"""Access on the broker begins and ends with the right, and is told; a slip of the pen takes nobody's."""

from __future__ import annotations

from contextlib import closing

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from hubkit import Project
from outside import read_topic

from pophub.commands.held_up import held_up
from pophub.commands.reconcile import examine
from pophub.contracts.load import load_all
from pophub.kafka import Administrator
from pophub.live.run import watch_once
from pophub.wiring import Hub

pytestmark = pytest.mark.timeout(300)


def read_as_subscriber(project: Project) -> int:
    """Count the messages of the subscriber's topic by its own rights.

    Errors: KafkaException where the login or the topic is refused.
    """
    settings, user = project.servers.settings, f"subscriber-{project.subscriber}"
    refused: list[KafkaError] = []
    consumer = Consumer({
        "bootstrap.servers": settings.endpoints.kafka_bootstrap, "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": user, "sasl.password": settings.secret(f"kafka.{user}"),
        "group.id": f"{project.subscriber}.look", "isolation.level": "read_committed", "enable.auto.commit": False,
        "enable.partition.eof": True, "log_level": 0, "error_cb": refused.append,
    })  # fmt: skip
    topic = f"sub.{project.subscriber}.{project.stem}"
    with closing(consumer):
        try:
            told = consumer.list_topics(topic, timeout=5).topics[topic]
        except KafkaException:
            consumer.poll(0)  # tells the error of the login
            raise KafkaException(refused[0]) from None
        if told.error is not None:
            raise KafkaException(told.error)
        open_lanes = set(told.partitions)
        consumer.assign([TopicPartition(topic, lane, OFFSET_BEGINNING) for lane in open_lanes])
        count = 0
        while open_lanes:
            message = consumer.poll(30)
            assert message is not None
            error = message.error()
            if error is None:
                count += 1
            elif error.code() == KafkaError._PARTITION_EOF:
                open_lanes.discard(message.partition())
            else:
                raise KafkaException(error)
        return count


def refusal(project: Project) -> int:
    with pytest.raises(KafkaException) as caught:
        read_as_subscriber(project)
    return int(caught.value.args[0].code())


def terms(project: Project, version: int, **more: str) -> None:
    """Write the grant anew, under a version of its own."""
    path = project.folder / f"subscriptions/{project.subscriber}.yaml"
    plain = path.read_text().split("    version:")[0]
    if starts := more.pop("starts", None):
        plain = plain.replace("starts: 2022-01-01", f"starts: {starts}")
    path.write_text(plain + f"    version: {version}\n" + "".join(f"    {k}: {v}\n" for k, v in more.items()))


def findings(project: Project, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    settings = project.servers.settings.model_copy(update={"project": project.folder})
    return [f.code for f in examine(Hub(settings), project.stem, deep=True).findings]


def shared_once(project: Project) -> None:
    project.put(1, 30)
    project.put(2, 30)
    project.pass_through()
    assert read_as_subscriber(project) == 2


def test_access_ends_with_the_right_and_comes_back_with_it(project: Project) -> None:
    shared_once(project)
    terms(project, 2, ends="2023-01-01")
    project.pass_through("prepare")
    assert refusal(project) == KafkaError._AUTHENTICATION
    assert len(read_topic(project.servers, f"sub.{project.subscriber}.{project.stem}")) == 2, "kept"
    settings = project.servers.settings.model_copy(update={"project": project.folder})
    connectors = {c.stem: c for c in load_all(project.folder)[0]}
    for _ in range(2):
        watch_once(settings, connectors, [(project.stem, "shared")])
    told = project.servers.query(
        "select code, subject from live.alert where stem = %s and code = 'alert.access_ended'", project.stem
    )
    assert told == [("alert.access_ended", f"recipient {project.subscriber}")], "told once"
    assert any("can read no more" in row["what"] for row in held_up(settings) if row["stem"] == project.stem)
    terms(project, 3, ends="2999-01-01")
    project.pass_through("prepare")
    assert read_as_subscriber(project) == 2


def test_a_right_that_begins_later_gives_no_access_before(project: Project) -> None:
    shared_once(project)
    terms(project, 2, starts="2999-01-01")
    project.pass_through("prepare")
    assert refusal(project) == KafkaError._AUTHENTICATION


def test_a_removed_file_ends_access_and_a_broken_one_does_not(project: Project) -> None:
    shared_once(project)
    path = project.folder / f"subscriptions/{project.subscriber}.yaml"
    sound = path.read_text()
    path.write_text(sound.replace("legal_basis", "legal_bassis"))
    settings = project.servers.settings.model_copy(update={"project": project.folder})
    assert Hub(settings).settle_access() == []
    assert read_as_subscriber(project) == 2
    path.unlink()
    assert Hub(settings).settle_access() == [(project.subscriber, project.stem)]
    assert refusal(project) == KafkaError._AUTHENTICATION
    with closing(Administrator(settings)) as administrator:
        assert f"subscriber-{project.subscriber}" not in administrator.users()
    path.write_text(sound)
    Hub(settings).settle_access()
    assert read_as_subscriber(project) == 2


def test_what_an_ended_right_leaves_goes_where_its_terms_say_so(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_once(project)
    terms(project, 2, ends="2023-01-01", after_end="remove")
    project.pass_through("prepare")
    topic = f"sub.{project.subscriber}.{project.stem}"
    assert read_topic(project.servers, topic) == []
    assert findings(project, monkeypatch) == []
    terms(project, 3, ends="2999-01-01", after_end="remove")
    project.put(3, 20)
    project.pass_through("prepare", "extract", "judge", "share")
    assert read_as_subscriber(project) == 1, "what was removed does not come again"
    assert findings(project, monkeypatch) == []
