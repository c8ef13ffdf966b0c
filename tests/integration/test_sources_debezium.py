"""The real Debezium under Kafka Connect fills a topic from PostgreSQL, and the hub reads it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from hubkit import GRANTED, SIGKILLED, Project
from outside import check

from benchmarks.connect import Connect
from pophub.domain.record import FLAWS, Columns
from pophub.kafka import BrokerAccess, ForeignTopic
from pophub.sources.connect_rows import Messages
from pophub.sources.topic import Topic

sys.path.insert(0, str(Path(__file__).parents[1]))

from topic_kit import SOURCE, by_changes, fresh
from types_page import connector, differences, reached, rows

pytestmark = pytest.mark.timeout(300)


class Captured:
    """A table of the project's database, whose changes Debezium writes to a topic."""

    def __init__(self, worker: Connect, project: Project, table: str, **more: str) -> None:
        settings = project.servers.settings
        endpoints = settings.endpoints
        self.worker, self.project = worker, project
        self.name = f"debezium_{project.agency}_{table.rpartition('.')[2]}"
        self.topic = f"{self.name}.{table}"
        self.secret = settings.secret("kafka.admin")
        self.brokers = endpoints.kafka_bootstrap
        worker.put(self.name, {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
            "database.hostname": endpoints.postgres_host, "database.port": str(endpoints.postgres_port),
            "database.user": endpoints.postgres_superuser,
            "database.password": settings.secret(f"postgres.{endpoints.postgres_superuser}"),
            "database.dbname": project.database, "topic.prefix": self.name, "table.include.list": table,
            "slot.name": self.name, "publication.name": self.name, "publication.autocreate.mode": "filtered",
            "snapshot.mode": "initial", "topic.creation.default.partitions": "2",
            "topic.creation.default.replication.factor": "1", **more,
        })  # fmt: skip

    def wait(self, messages: int) -> None:
        """Wait until so many messages stand on the topic."""
        consumer = Consumer({
            "bootstrap.servers": self.brokers, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "admin", "sasl.password": self.secret, "group.id": "looks",
        })  # fmt: skip

        def there() -> bool:
            known = consumer.list_topics(self.topic, timeout=10).topics[self.topic].partitions
            ends = [
                consumer.get_watermark_offsets(TopicPartition(self.topic, one), timeout=10) for one in known
            ]
            return sum(high for _, high in ends) >= messages

        self.worker.wait(there, f"{messages} messages on {self.topic}", [self.name])
        consumer.close()

    def forget(self) -> None:
        """End the connector, and what it left in the database."""
        self.worker.remove(self.name)
        asked = "select count(*) from pg_replication_slots where slot_name = %s and active"
        while self.project.servers.query(asked, self.name) != [(0,)]:
            time.sleep(0.1)
        self.project.servers.query(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s",
            self.name,
        )


@pytest.fixture
def captured(bare_project: Project, worker: Connect, request: pytest.FixtureRequest) -> Iterator[Captured]:
    project = bare_project
    project.sql("alter table dancu.cong_dan drop column id, add primary key (so_ddcn)")
    for number in range(5):
        project.put(number, 60)
    found = Captured(worker, project, "dancu.cong_dan", **getattr(request, "param", {}))
    project.declare(
        "mps.citizens", (r"(?ms)^source:.*?\n\n(?=live)", SOURCE.format(topic=found.topic)), fields=GRANTED
    )
    by_changes(project)
    project.environment |= {
        "POPHUB_SOURCE_TOPIC_URL": f"kafka://{found.brokers}",
        "POPHUB_SOURCE_TOPIC_USER": "admin", "POPHUB_SOURCE_TOPIC_SECRET": found.secret,
    }  # fmt: skip
    project.pass_through("prepare")
    yield found
    found.forget()


@pytest.mark.parametrize(
    "captured", [{}, {"value.converter": "org.apache.kafka.connect.json.JsonConverter",
                      "value.converter.schemas.enable": "false"}], indirect=True, ids=["with schema", "without"],
)  # fmt: skip
def test_snapshot_changes_deletes_keys_and_columns_reach_the_subscriber_once(captured: Captured) -> None:
    project = captured.project
    captured.wait(5)
    assert project.run("extract", fail="extract.acknowledged").code == SIGKILLED
    project.pass_through()
    assert fresh(project) == {"shared": 5}
    project.update(0, 30, ma_tinh="79")
    project.sql("delete from dancu.cong_dan where so_ddcn = %s", project.number_of(1))
    project.sql(
        "update dancu.cong_dan set so_ddcn = %s where so_ddcn = %s",
        project.number_of(9),
        project.number_of(2),
    )
    project.sql("alter table dancu.cong_dan add column ghi_chu text")
    project.put(7, 5, ghi_chu="mới")
    project.put(8, 5, ngay_sinh="30/02/1990")
    captured.wait(5 + 1 + 2 + 3 + 2)
    project.pass_through()
    assert fresh(project) == {"shared": 10, "quarantined": 1}
    assert {codes for _, _, found in project.verdicts().values() for codes in found} == {
        "contract.dob.invalid"
    }
    gone = project.servers.query(
        "select key from ledger.history where stem = %s and operation = 'd' order by key", project.stem
    )
    assert [key for (key,) in gone] == [project.number_of(1), project.number_of(2)]
    check(project)
    project.pass_through()
    assert fresh(project) == {"shared": 10, "quarantined": 1}


SECTION = "Debezium's messages of PostgreSQL"


def test_the_page_of_types_tells_what_reaches_a_subscriber(bare_project: Project, worker: Connect) -> None:
    project, told = bare_project, rows(SECTION)
    columns = ", ".join(f"v{at} {row.kind}" for at, row in enumerate(told))
    project.sql(f"create table dancu.kieu (k text primary key, {columns})")
    project.sql(f"insert into dancu.kieu values ('1', {', '.join(row.value for row in told)})")
    names = ["k", *(f"v{at}" for at in range(len(told)))]
    captured = Captured(worker, project, "dancu.kieu", **{"interval.handling.mode": "string"})
    try:
        captured.wait(1)
        found = [_reached(at, row.field, raw) for raw in _raw(captured, names) for at, row in enumerate(told)]
    finally:
        captured.forget()
    assert "\n".join(differences(SECTION, found)) == ""


def _raw(captured: Captured, columns: Sequence[str]) -> list[Columns]:
    access = BrokerAccess(captured.brokers, mechanism="scram-sha-512", user="admin", secret=captured.secret)
    source = connector("kafka", "string").file.source
    topic = Topic(
        source, ForeignTopic(access, captured.topic, "lab.types"), Messages(None), columns=columns, key=["k"]
    )  # type: ignore[arg-type]
    return list(topic.read(None, 100))


def _reached(at: int, field: str, raw: Columns) -> str:
    flaws = json.loads(raw[FLAWS][0] or "{}")
    told = json.dumps({"v": flaws[f"v{at}"]}) if f"v{at}" in flaws else None
    own = {name: values for name, values in raw.items() if name[0] != "v"}
    (found,) = reached([own | {"v": raw[f"v{at}"], FLAWS: [told]}], connector("kafka", field))
    return found


def test_a_large_value_that_did_not_change_is_refused_unless_the_whole_row_is_sent(
    bare_project: Project, worker: Connect
) -> None:
    project = bare_project
    project.sql("create table dancu.lon (k text primary key, v text, n int)")
    project.sql("alter table dancu.lon alter column v set storage external")
    project.sql("insert into dancu.lon values ('1', repeat('x', 20000), 1)")
    captured = Captured(worker, project, "dancu.lon")
    try:
        captured.wait(1)
        project.sql("update dancu.lon set n = 2")
        captured.wait(2)
        project.sql("alter table dancu.lon replica identity full")
        project.sql("update dancu.lon set n = 3")
        captured.wait(3)
        found: Sequence[Any] = [
            (n, flaws, len(v or ""))
            for raw in _raw(captured, ["k", "v", "n"])
            for n, flaws, v in zip(raw["n"], raw[FLAWS], raw["v"], strict=True)
        ]
    finally:
        captured.forget()
    assert found == [(1, None, 20000), (2, '{"v":"contract.value.unavailable"}', 0), (3, None, 20000)]
