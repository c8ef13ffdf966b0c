"""What the servers refuse comes back by pophub's code: each is brought about on the real server."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from hubkit import Project, Servers

from pophub.contracts.load import load_all
from pophub.kafka import Administrator, Publisher, TopicLog
from pophub.kafka.client import MAX_REQUEST_BYTES, librdkafka
from pophub.live.alerts import AlertStore
from pophub.live.run import late_readers
from pophub.ports import Message, Position
from pophub.postgres import connect, only_row, transaction
from pophub.quarantine import repair
from pophub.quarantine.feedback import feed, topic_of
from pophub.reconcile.rebuild import Rebuild
from pophub.runtime import hub
from pophub.sharing.registry import schema_id
from pophub.sharing.subscription import user_of
from pophub.simulation import apply
from tests.refused import refused

pytestmark = pytest.mark.timeout(240)


def test_postgresql_that_does_not_let_a_role_in_is_told_apart(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = project.servers
    with refused("postgres.missing"):
        connect(servers.settings, "pophub_read", database="no_such_database")
    monkeypatch.setenv("POPHUB_SECRET_POSTGRES_POPHUB_READ", "secret-and-wrong")
    with refused("postgres.password") as raised:
        connect(servers.settings, "pophub_read")
    assert "secret-and-wrong" not in str(raised.value)
    monkeypatch.setenv("POPHUB_SECRET_POSTGRES_POPHUB_NOBODY", "x")
    with refused("postgres.missing") as raised:
        connect(servers.settings, "pophub_nobody")
    assert "pophub up" in raised.value.remedy, "PostgreSQL says of it that the password is wrong"


def test_a_statement_that_is_refused_tells_no_value_and_a_missing_row_is_a_broken_promise(
    project: Project,
) -> None:
    with closing(connect(project.servers.settings, "pophub_read")) as connection:
        with refused("postgres.refused") as raised, transaction(connection, "test") as cursor:
            cursor.execute("select %s::int", ("Trần Thị B",))
        assert "Trần" not in str(raised.value) and raised.value.__cause__ is None
        with refused("postgres.row_missing"), transaction(connection, "test") as cursor:
            cursor.execute("select 1 where false")
            only_row(cursor)


def test_transactions_that_meet_are_to_be_tried_again(project: Project) -> None:
    settings = project.servers.settings
    user = settings.endpoints.postgres_superuser
    project.put(1, 10)
    change = "update dancu.cong_dan set ma_ho = ma_ho"
    with (
        closing(connect(settings, user, database=project.database)) as connection,
        refused("postgres.deadlock") as raised,
        transaction(connection, "test") as cursor,
    ):
        cursor.execute("set transaction isolation level repeatable read")
        cursor.execute("select count(*) from dancu.cong_dan")
        project.sql(change)
        cursor.execute(change)
    assert raised.value.retry_after_s is not None


def test_a_source_that_answers_too_late_is_tried_again(project: Project) -> None:
    """A query that is canceled ends as one whose time is up: SQLSTATE 57014."""
    project.put(1, 10)
    user = project.servers.settings.endpoints.postgres_superuser
    waiting = (
        "select pg_cancel_backend(pid) from pg_stat_activity where datname = %s and wait_event_type = 'Lock'"
    )
    with (
        closing(connect(project.servers.settings, user, database=project.database)) as connection,
        transaction(connection, "test") as cursor,
    ):
        cursor.execute("lock table dancu.cong_dan in access exclusive mode")
        started = project.start("extract")
        while not project.servers.query(waiting, project.database):
            time.sleep(0.05)
        ran = started.wait()
    assert ran.error == "source.timeout", ran.text
    project.pass_through()
    assert project.states() == {"shared": 1}


def test_rights_topics_and_records_that_the_broker_refuses_are_told_apart(project: Project) -> None:
    settings = project.servers.settings
    with (
        closing(Publisher(settings, f"raw.{project.stem}", 0)) as publisher,
        refused("kafka.denied"),
    ):
        publisher.publish([Message(b"k", b"v", [])], Position(1, ""))
    with refused("kafka.topic_missing"):
        late_readers(settings, [("no.such", project.subscriber)])
    topic = f"shared.{project.stem}"
    with closing(Publisher(settings, topic, 0)) as publisher, refused("kafka.refused"):
        publisher.publish([Message(b"k", os.urandom(MAX_REQUEST_BYTES + 1), [])], Position(1, ""))
    with closing(Publisher(settings, topic, 0)) as first, closing(Publisher(settings, topic, 0)) as second:
        with refused("kafka.fenced"):
            first.publish([Message(b"k", b"v", [])], Position(1, ""))
        assert second.position() == Position(0, "")
        second.publish([Message(b"k", b"v", [])], Position(1, "known"))
        assert second.position() == Position(1, "known")
    with closing(Publisher(settings, topic, 0)) as third:
        assert third.position() == Position(1, "known")


def test_a_project_without_connectors_is_prepared(bare_project: Project) -> None:
    bare_project.pass_through("prepare")


def test_users_and_rules_that_the_broker_refuses_are_told(servers: Servers) -> None:
    with closing(Administrator(servers.settings)) as administrator:
        with refused("kafka.user"):
            administrator.ensure_users([""])
        with refused("kafka.rules"):
            administrator.ensure_rules([("reader", "READ", "CLUSTER", "no-such-cluster")])


def test_what_is_not_there_is_told_by_its_number_or_name(project: Project) -> None:
    settings = project.servers.settings
    (connector,) = load_all(project.folder)[0]
    with closing(connect(settings, "pophub_judge")) as connection:
        with refused("repair.version"):
            repair.propose(connection, connector, 0, ["full_name=Trần Văn An"], "letter 12", "Lan")
        with refused("repair.unknown"):
            repair.approve(connection, 0, "Minh")
    with closing(connect(settings, "pophub_live")) as connection, refused("alert.unknown"):
        AlertStore(connection, {}).close(0, "Minh")
    with closing(connect(settings, "pophub_share")) as connection, refused("registry.missing"):
        schema_id(connection, f"history.{project.stem}", '{"type": "record", "name": "x", "fields": []}')


def test_feedback_ahead_of_the_hubs_numbers_stops(project: Project) -> None:
    settings = project.servers.settings
    with closing(Publisher(settings, topic_of(project.agency), 0)) as publisher:
        publisher.publish([], Position(7, ""))
    with closing(connect(settings, "pophub_judge")) as connection, refused("feedback.diverged"):
        feed(settings, connection, project.agency)


def test_a_rebuild_stops_where_the_topic_is_not_the_whole_history(project: Project) -> None:
    settings = project.servers.settings
    connectors = load_all(project.folder)[0]
    with refused("rebuild.name"):
        Rebuild(settings, connectors, "Not plain").check()
    project.put(1, 10)
    project.pass_through("extract", "judge")
    rebuild = Rebuild(settings, connectors, f"rebuilt_{project.agency}")
    with refused("rebuild.moving"):
        rebuild.run()
    project.pass_through("share")
    project.servers.query(f"drop schema rebuilt_{project.agency} cascade")
    log = TopicLog(settings, f"shared.{project.stem}")
    (first,) = log.read(log.ends())
    for lane, value in ((1 - first.lane, b"no block"), (first.lane, first.value)):
        with closing(Publisher(settings, log.topic, lane)) as publisher:
            publisher.publish([Message(None, value, [])], publisher.position())
        with refused("rebuild.gap"):
            rebuild.run()


@pytest.fixture
def short(project: Project) -> Iterator[str]:
    """The topic of the project's subscriber, with a record, kept for two seconds."""
    project.put(1, 10)
    project.pass_through()
    topic = f"sub.{project.subscriber}.{project.stem}"
    entry = ConfigEntry("retention.ms", "2000", incremental_operation=AlterConfigOpType.SET)
    change = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient(librdkafka(project.servers.settings, "admin"))
    for done in admin.incremental_alter_configs([change]).values():
        done.result()
    yield topic


def test_a_reader_behind_half_of_the_retention_is_told(project: Project, short: str) -> None:
    settings = project.servers.settings
    lanes = TopicLog(settings, short).ends()
    login = librdkafka(settings, user_of(project.subscriber))
    with closing(
        Consumer(login | {"group.id": f"{project.subscriber}.slow", "enable.auto.commit": False})
    ) as consumer:
        places = [TopicPartition(short, lane, 0) for lane in lanes]
        consumer.assign(places)
        consumer.committed(places, timeout=30)  # waits for the group's coordinator, as a commit does not
        consumer.commit(offsets=places, asynchronous=False)
    time.sleep(1.5)
    (condition,) = late_readers(settings, [(project.stem, project.subscriber)])
    assert (condition.code, condition.subject) == ("alert.reader_slow", f"group {project.subscriber}.slow")


def test_a_running_hub_is_not_erased(servers: Servers) -> None:
    with refused("runtime.running"):
        hub.erase(servers.settings)


def test_two_simulations_do_not_write_at_once(servers: Servers) -> None:
    user = servers.settings.endpoints.postgres_superuser
    with closing(connect(servers.settings, user)) as one, closing(connect(servers.settings, user)) as other:
        apply._own(one)
        with refused("simulation.busy"):
            apply._own(other)
