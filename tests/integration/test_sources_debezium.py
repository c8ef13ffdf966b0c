"""The real Debezium under Kafka Connect fills a topic from PostgreSQL, and the hub reads it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from hubkit import GRANTED, SIGKILLED, Project, Servers
from outside import check

from benchmarks import registry
from benchmarks.connect import Connect
from pophub.contracts.kafka_source import KafkaRegistry, KafkaSource
from pophub.domain.record import FLAWS, Columns
from pophub.kafka import BrokerAccess, ForeignTopic
from pophub.sources.connect_rows import Messages
from pophub.sources.open_topic import schemas_of
from pophub.sources.topic import Topic

sys.path.insert(0, str(Path(__file__).parents[1]))

from topic_kit import SOURCE, by_changes, fresh
from types_page import PAGE, connector, differences, reached, rows, table

pytestmark = pytest.mark.timeout(300)


class Captured:
    """A table of the project's database, whose changes Debezium writes to a topic."""

    def __init__(
        self, worker: Connect, project: Project, table: str, *, suffix: str = "", **more: str
    ) -> None:
        settings = project.servers.settings
        endpoints = settings.endpoints
        self.worker, self.project = worker, project
        self.name = f"debezium_{project.agency}_{table.rpartition('.')[2]}{suffix}"
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
            try:
                known = consumer.list_topics(self.topic, timeout=10).topics[self.topic].partitions
                ends = [
                    consumer.get_watermark_offsets(TopicPartition(self.topic, one), timeout=10)
                    for one in known
                ]
            except KafkaException:  # a topic that is just being made has no leader
                return False
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
    """A table whose primary key is the contract's key, with five people."""
    bare_project.sql("alter table dancu.cong_dan drop column id, add primary key (so_ddcn)")
    yield from _flowing(bare_project, worker, 5, getattr(request, "param", {}))


@pytest.fixture(scope="module")
def schemas(apicurio: None, servers: Servers) -> Iterator[str]:
    """The address of Apicurio's registry."""
    with registry.running(servers.settings) as url:
        yield url


def in_avro(schemas: str) -> dict[str, str]:
    """Give what a connector's configuration says so that its messages are in Avro."""
    told = registry.converter(schemas, "key") | registry.converter(schemas, "value")
    return told | {"schema.name.adjustment.mode": "avro", "field.name.adjustment.mode": "avro"}


@pytest.fixture
def captured_unkeyed(bare_project: Project, worker: Connect) -> Iterator[Captured]:
    """A table whose primary key is a number of its own, with four people."""
    yield from _flowing(bare_project, worker, 4, {})


def _flowing(
    project: Project, worker: Connect, people: int, more: dict[str, str], *, registry: str | None = None
) -> Generator[Captured]:
    for number in range(people):
        project.put(number, 60)
    found = Captured(worker, project, "dancu.cong_dan", **more)
    source = SOURCE.format(topic=found.topic)
    if registry is not None:
        source = source.replace(
            "  marker:", '  registry: {url: "${POPHUB_SOURCE_TOPIC_REGISTRY}"}\n  marker:'
        )
        project.environment["POPHUB_SOURCE_TOPIC_REGISTRY"] = registry
    project.declare("mps.citizens", (r"(?ms)^source:.*?\n\n(?=live)", source), fields=GRANTED)
    by_changes(project)
    project.environment |= {
        "POPHUB_SOURCE_TOPIC_URL": f"kafka://{found.brokers}",
        "POPHUB_SOURCE_TOPIC_USER": "admin", "POPHUB_SOURCE_TOPIC_SECRET": found.secret,
    }  # fmt: skip
    project.pass_through("prepare")
    try:
        yield found
    finally:
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


def test_messages_in_avro_flow_by_the_schemas_of_a_registry(
    bare_project: Project, worker: Connect, schemas: str
) -> None:
    project = bare_project
    project.sql("alter table dancu.cong_dan drop column id, add primary key (so_ddcn)")
    flowing = _flowing(project, worker, 5, in_avro(schemas), registry=f"{schemas}/apis/ccompat/v7")
    captured = next(flowing)
    try:
        captured.wait(5)
        assert project.run("extract", fail="extract.acknowledged").code == SIGKILLED
        project.pass_through()
        assert fresh(project) == {"shared": 5}
        project.update(0, 30, ma_tinh="79")
        project.sql("delete from dancu.cong_dan where so_ddcn = %s", project.number_of(1))
        project.sql("alter table dancu.cong_dan add column ghi_chu text")  # a new version of the schema
        project.put(7, 5, ghi_chu="mới")
        captured.wait(5 + 1 + 2 + 1)
        wrong = project.run("extract", POPHUB_SOURCE_TOPIC_REGISTRY="http://127.0.0.1:9")
        assert wrong.error == "source.unreachable"
        wrong = project.run("extract", POPHUB_SOURCE_TOPIC_REGISTRY=f"{schemas}/apis/nothing")
        assert wrong.error == "source.table_missing", "no registry answers there: no message is to blame"
        project.pass_through()
        assert fresh(project) == {"shared": 8}
        check(project)
    finally:
        flowing.close()


SECTION = "Debezium's messages of PostgreSQL"
MODES_PAGE, MODES_SECTION = PAGE.with_name("source-kafka.md"), "What each mode makes of a type"
MODES = {  # by the head of a column of the page
    "double, connect": {"decimal.handling.mode": "double", "time.precision.mode": "connect"},
    "string, adaptive_time_microseconds": {
        "decimal.handling.mode": "string", "time.precision.mode": "adaptive_time_microseconds",
    },
    "isostring": {"time.precision.mode": "isostring"},
}  # fmt: skip
OWN_TYPES = (
    "create extension if not exists hstore; create domain dancu.so as int check (value > 0); "
    "create type dancu.mau as enum ('đỏ', 'xanh')"
)


def typed(project: Project, told: Sequence[tuple[str, str]]) -> list[str]:
    """Make a table with a column of each type and a row of the values; give the columns' names."""
    project.sql(OWN_TYPES)
    columns = ", ".join(f"v{at} {kind}" for at, (kind, _) in enumerate(told))
    project.sql(f"create table dancu.kieu (k text primary key, {columns})")
    put(project, "snapshot", told)
    return ["k", *(f"v{at}" for at in range(len(told)))]


def put(project: Project, key: str, told: Sequence[tuple[str, str]]) -> None:
    """Insert a row of the values."""
    project.sql(f"insert into dancu.kieu values (%s, {', '.join(value for _, value in told)})", key)


def test_the_page_of_types_tells_what_reaches_a_subscriber_in_json_and_in_avro(
    bare_project: Project, worker: Connect, schemas: str
) -> None:
    project, told = bare_project, rows(SECTION)
    values = [(row.kind, row.value) for row in told]
    names = typed(project, values)
    captured = Captured(worker, project, "dancu.kieu", **{"interval.handling.mode": "string"})
    more = in_avro(schemas)
    avro = Captured(
        worker, project, "dancu.kieu", suffix="_avro", **{"interval.handling.mode": "string"}, **more
    )
    try:
        for one in (captured, avro):
            one.wait(1)
        put(project, "stream", values)
        for one in (captured, avro):
            one.wait(2)
        found = _reached(captured, names, [row.field for row in told])
        by_schema = _reached(avro, names, [row.field for row in told], f"{schemas}/apis/ccompat/v7")
    finally:
        for one in (captured, avro):
            one.forget()
    came = {
        f"{form}, {key}": values
        for form, kind in (("JSON", found), ("Avro", by_schema))
        for key, values in kind.items()
    }
    assert came.keys() == {"JSON, snapshot", "JSON, stream", "Avro, snapshot", "Avro, stream"}
    wrong = [f"{form}: {line}" for form, values in came.items() for line in differences(SECTION, values)]
    assert "\n".join(wrong) == ""


def test_the_page_of_modes_tells_what_each_makes_of_a_type(bare_project: Project, worker: Connect) -> None:
    project = bare_project
    head, *told = table(MODES_PAGE, MODES_SECTION)
    assert head[3:] == list(MODES)
    names = typed(project, [(kind, value) for kind, value, *_ in told])
    all_captured = [
        Captured(worker, project, "dancu.kieu", suffix=f"_{at}", **more)
        for at, more in enumerate(MODES.values())
    ]
    try:
        for captured in all_captured:
            captured.wait(1)
        found = [_reached(one, names, [row[2] for row in told])["snapshot"] for one in all_captured]
    finally:
        for captured in all_captured:
            captured.forget()
    came = [[*row[:3], *reached] for row, *reached in zip(told, *found, strict=True)]
    assert "\n".join(_line(now) for row, now in zip(told, came, strict=True) if row != now) == ""


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(f"`{cell}`" for cell in cells) + " |"


def _raw(captured: Captured, columns: Sequence[str], registry_url: str | None = None) -> list[Columns]:
    access = BrokerAccess(captured.brokers, mechanism="scram-sha-512", user="admin", secret=captured.secret)
    source = connector("kafka", "string").file.source
    assert isinstance(source, KafkaSource)
    if registry_url is not None:
        source = source.model_copy(update={"registry": KafkaRegistry(url="${POPHUB_SOURCE_LAB_REGISTRY}")})
        os.environ["POPHUB_SOURCE_LAB_REGISTRY"] = registry_url
    messages = Messages(schemas_of(source, captured.project.servers.settings, "lab.types"))
    topic = Topic(
        source, ForeignTopic(access, captured.topic, "lab.types"), messages, columns=columns, key=["k"]
    )
    return list(topic.read(None, 100))


def _reached(
    captured: Captured, names: Sequence[str], fields: Sequence[str], registry_url: str | None = None
) -> dict[str, list[str]]:
    """Give of each row, by its key, what reaches a subscriber of each column."""
    found: dict[str, list[str]] = {}
    for raw in _raw(captured, names, registry_url):
        for key in raw["k"]:
            found[key] = []
        for at, field in enumerate(fields):
            for key, value in zip(raw["k"], _of_column(at, field, raw), strict=True):
                found[key].append(value)
    return found


def _of_column(at: int, field: str, raw: Columns) -> list[str]:
    flaws = [json.loads(one or "{}") for one in raw[FLAWS]]
    told = [json.dumps({"v": one[f"v{at}"]}) if f"v{at}" in one else None for one in flaws]
    own = {name: values for name, values in raw.items() if name[0] != "v"}
    return reached([own | {"v": raw[f"v{at}"], FLAWS: told}], connector("kafka", field))


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


def test_a_key_that_is_not_the_tables_own_is_told_by_the_row_before_or_refused(
    captured_unkeyed: Captured,
) -> None:
    project = captured_unkeyed.project
    captured_unkeyed.wait(4)
    project.pass_through()
    assert fresh(project) == {"shared": 4}
    one, two, three = (project.number_of(at) for at in range(3))
    moved = "update dancu.cong_dan set so_ddcn = %s where so_ddcn = %s"
    project.sql(moved, project.number_of(11), one)
    project.sql("update dancu.cong_dan set ma_ho = 'H9' where so_ddcn = %s", two)
    project.sql("delete from dancu.cong_dan where so_ddcn = %s", three)
    captured_unkeyed.wait(4 + 1 + 1 + 2)
    project.pass_through()
    assert fresh(project) == {"shared": 4, "quarantined": 3}
    codes = sorted(code for _, _, found in project.verdicts().values() for code in found)
    assert set(codes) == {"contract.key.untold", "contract.key.unmappable"}
    project.sql("alter table dancu.cong_dan replica identity full")
    project.sql(moved, project.number_of(12), project.number_of(3))
    project.sql("update dancu.cong_dan set ma_ho = 'H10' where so_ddcn = %s", two)
    captured_unkeyed.wait(8 + 2)
    project.pass_through()
    assert fresh(project) == {"shared": 7, "quarantined": 3}
    gone = project.servers.query(
        "select key from ledger.history where stem = %s and operation = 'd'", project.stem
    )
    assert gone == [(project.number_of(3),)]
    check(project)
