"""An agency's topic flows through all stages: kills, hostile messages, lost and new topics, counted from outside."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    NewPartitions,
    NewTopic,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from hubkit import GRANTED, SIGKILLED, Project, hub_of
from outside import check
from refused import refused
from test_new import pophub

from pophub.gates.mapping import ContractMapper
from pophub.kafka import Administrator
from pophub.postgres import connect
from pophub.reconcile.examine import Examination
from pophub.stores.reading import reset as forget
from pophub.streaming.sources import SourceWorker

sys.path.insert(0, str(Path(__file__).parents[1]))

from topic_kit import SOURCE, by_changes, change, column, fresh, told

pytestmark = pytest.mark.timeout(240)
FIELDS = [
    column(name, "string")
    for name in ("so_ddcn", "ho_ten", "ngay_sinh", "gioi_tinh", "ma_tinh", "ma_ho", "so_cmnd")
]
KEY = {"type": "struct", "optional": False, "fields": FIELDS[:1]}
SECRET = "the agency's own"
NOW_US = time.time_ns() // 1000 - 60_000_000


@dataclass
class AgencyTopic:
    """A topic of an agency, on the broker that the hub happens to share, under a login of the agency's own."""

    project: Project
    partitions: int = 2
    name: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = self.project.servers.settings
        self.name = f"{self.project.agency}.dancu.cong_dan"
        self.user = f"reader-of-{self.project.agency}"
        self.settings = {
            "bootstrap.servers": settings.endpoints.kafka_bootstrap, "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "admin", "sasl.password": settings.secret("kafka.admin"),
        }  # fmt: skip
        self.admin = AdminClient(self.settings)
        self.make()

    def make(self) -> None:
        """Make the topic, for which an agency's retention takes effect at once."""
        config = {"retention.ms": "-1", "segment.bytes": "1048576"}
        made = self.admin.create_topics([NewTopic(self.name, self.partitions, 1, config=config)])
        made[self.name].result()

    def remove(self) -> None:
        """Delete the topic."""
        self.admin.delete_topics([self.name])[self.name].result()

    def widen(self) -> None:
        """Add a partition."""
        self.admin.create_partitions([NewPartitions(self.name, self.partitions + 1)])[self.name].result()

    def send(self, *messages: tuple[bytes | None, bytes | None], partition: int = -1) -> None:
        """Send messages, each key and value."""
        producer = Producer(self.settings)
        for key, value in messages:
            producer.produce(self.name, value, key, partition)
        assert producer.flush(30) == 0

    def abandon(self, *messages: tuple[bytes | None, bytes | None]) -> None:
        """Send messages in a transaction that is aborted."""
        producer = Producer(self.settings | {"transactional.id": f"tx-{self.name}"})
        producer.init_transactions()
        producer.begin_transaction()
        for key, value in messages:
            producer.produce(self.name, value, key)
        producer.flush(30)
        producer.abort_transaction()

    def end(self, partition: int) -> int:
        """Give the offset behind the last message of a partition."""
        consumer = Consumer(self.settings | {"group.id": "looks"})
        _, high = consumer.get_watermark_offsets(TopicPartition(self.name, partition), timeout=10)
        consumer.close()
        return int(high)

    def cut(self, upto: int, partition: int = 0) -> None:
        """Let retention take what stands before an offset of a partition."""
        place = TopicPartition(self.name, partition, upto)
        self.admin.delete_records([place])[place].result()


@pytest.fixture
def topic(bare_project: Project) -> Iterator[AgencyTopic]:
    project = bare_project
    found = AgencyTopic(project)
    settings = project.servers.settings
    admin = Administrator(settings)
    login = UserScramCredentialUpsertion(
        found.user, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), SECRET.encode()
    )
    found.admin.alter_user_scram_credentials([login])[found.user].result()
    admin.ensure_rules([(found.user, operation, "TOPIC", found.name) for operation in ("READ", "DESCRIBE")])  # type: ignore[list-item]
    admin.close()
    project.declare(
        "mps.citizens", (r"(?ms)^source:.*?\n\n(?=live)", SOURCE.format(topic=found.name)), fields=GRANTED
    )
    by_changes(project)
    project.environment |= {
        "POPHUB_SOURCE_TOPIC_URL": f"kafka://{settings.endpoints.kafka_bootstrap}",
        "POPHUB_SOURCE_TOPIC_USER": found.user, "POPHUB_SOURCE_TOPIC_SECRET": SECRET,
    }  # fmt: skip
    project.pass_through("prepare")
    yield found
    found.remove()


def person(project: Project, number: int, **changed: Any) -> dict[str, Any]:
    """Give a sound citizen's row."""
    return {
        "so_ddcn": project.number_of(number), "ho_ten": "Nguyễn Văn An", "ngay_sinh": "15/03/1990", "gioi_tinh": "Nam",
        "ma_tinh": "01", "ma_ho": f"H{number}", "so_cmnd": None, **changed,
    }  # fmt: skip


def keyed(row: dict[str, Any]) -> bytes:
    """Give the key of a row's messages."""
    return told(KEY, {"so_ddcn": row["so_ddcn"]})


def upsert(op: str, row: dict[str, Any], before: dict[str, Any] | None = None) -> tuple[bytes, bytes]:
    """Give key and value of a row's message."""
    return keyed(row), change(op, row, before, fields=FIELDS, at_us=NOW_US)


def deleted(row: dict[str, Any]) -> list[tuple[bytes, bytes | None]]:
    """Give the two messages that Debezium writes of a deleted row."""
    before = dict.fromkeys(row) | {"so_ddcn": row["so_ddcn"]}
    return [(keyed(row), change("d", None, before, fields=FIELDS, at_us=NOW_US)), (keyed(row), None)]


def heads(project: Project) -> dict[str, str]:
    """Give the last operation of each key in history."""
    return dict(
        project.servers.query(
            "select distinct on (key) key, operation from ledger.history where stem = %s order by key, marker desc",
            project.stem,
        )
    )


def test_snapshot_changes_deletes_and_keys_flow_once_and_bad_messages_stay_back(topic: AgencyTopic) -> None:
    project = topic.project
    rows = [person(project, i) for i in range(6)]
    topic.send(*(upsert("r", row) for row in rows))
    topic.send(
        (None, b"no JSON"), (b"\xff", b'{"op": "c", "after": 7}'),
        upsert("c", person(project, 8) | {"ngay_sinh": "30/02/1990"}),
        (None, change("t", None, fields=FIELDS, at_us=NOW_US)),
    )  # fmt: skip
    project.pass_through()
    assert project.states() == {"shared": 6, "quarantined": 4}
    codes = sorted(code for _, _, found in project.verdicts().values() for code in found)
    assert codes == [
        "contract.dob.invalid", "contract.message.format", "contract.message.format", "contract.message.operation",
    ]  # fmt: skip
    moved = person(project, 20)
    topic.send(
        upsert("u", rows[0] | {"ma_tinh": "79"}, rows[0]), *deleted(rows[1]),
        *deleted(rows[2]), upsert("c", rows[2] | {"so_ddcn": moved["so_ddcn"], "ma_ho": "H20"}),  # its key changed
        (keyed(rows[3]), None),
    )  # fmt: skip
    project.pass_through()
    assert project.states() == {"shared": 11, "quarantined": 4}
    gone = {key for key, operation in heads(project).items() if operation == "d"}
    assert gone == {rows[i]["so_ddcn"] for i in (1, 2, 3)}
    check(project)
    project.pass_through()
    assert project.states() == {"shared": 11, "quarantined": 4}


@pytest.mark.parametrize(
    "place", ["extract.opened", "extract.acknowledged", "extract.moving", "extract.moved", "places.beginning"]
)
def test_a_kill_loses_and_doubles_nothing(topic: AgencyTopic, place: str) -> None:
    project = topic.project
    rows = [person(project, i) for i in range(8)]
    topic.send(*(upsert("r", row) for row in rows))
    assert project.run("extract", fail=place).code == SIGKILLED
    topic.send(upsert("u", rows[0] | {"ma_tinh": "79"}, rows[0]), *deleted(rows[1]), (None, b"no JSON"))
    project.pass_through()
    assert fresh(project) == {"shared": 10, "quarantined": 1}
    check(project)


def test_what_was_never_committed_is_not_there(topic: AgencyTopic) -> None:
    project = topic.project
    topic.abandon(upsert("c", person(project, 1)))
    topic.send(upsert("c", person(project, 2)))
    project.pass_through()
    assert project.states() == {"shared": 1}
    for partition in (0, 1):
        topic.cut(topic.end(partition), partition)
    project.pass_through()  # what was never committed is no message that was lost
    assert project.states() == {"shared": 1}


def test_messages_that_retention_took_hold_the_source_until_a_person_goes_on(
    topic: AgencyTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = topic.project
    topic.send(*(upsert("r", person(project, i)) for i in range(4)), partition=0)
    project.pass_through()
    topic.send(*(upsert("r", person(project, i)) for i in range(4, 8)), partition=0)
    topic.cut(6)
    ran = project.run("extract")
    assert ran.error == "source.gap"
    assert "2 of partition 0" in ran.text
    reset(project, monkeypatch)
    project.pass_through()
    assert project.states() == {"shared": 6}
    check(project)


def reset(project: Project, patch: pytest.MonkeyPatch) -> None:
    """Do as `pophub position reset` does."""
    hub = hub_of(project, patch)
    with closing(connect(hub.settings, "pophub_extract")) as connection:
        forget(connection, hub.connector(project.stem), "a tester")


def test_a_topic_made_anew_is_told_and_read_as_newer_once_a_person_says_so(
    topic: AgencyTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = topic.project
    rows = [person(project, i) for i in range(5)]
    topic.send(*(upsert("r", row) for row in rows))
    project.pass_through()
    topic.remove()
    topic.make()
    topic.send(upsert("r", rows[0] | {"ma_tinh": "79"}), *(upsert("r", row) for row in rows[1:4]))
    assert project.run("extract").error == "source.topic_changed"
    reset(project, monkeypatch)
    project.pass_through()
    assert project.states()["shared"] == 6
    assert heads(project)[rows[4]["so_ddcn"]] == "u", (
        "it is not in the new snapshot: nobody tells that it is gone"
    )
    check(project)


def test_a_topic_with_more_partitions_is_told(topic: AgencyTopic, monkeypatch: pytest.MonkeyPatch) -> None:
    project = topic.project
    topic.send(upsert("r", person(project, 1)))
    project.pass_through()
    topic.widen()
    ran = project.run("extract")
    assert ran.error == "source.topic_changed"
    reset(project, monkeypatch)
    assert project.run("extract").error == "source.topic_changed"  # order is lost: only a new topic has one


def test_login_topic_and_broker_are_told_apart_and_no_secret_is_shown(topic: AgencyTopic) -> None:
    project = topic.project
    path = project.folder / f"connectors/{project.agency}/citizens.yaml"
    text = path.read_text()
    path.write_text(text.replace(topic.name, f"{topic.name}.other"))
    assert project.run("extract").error in ("source.table_missing", "source.permission")
    path.write_text(text)
    wrong = project.run("extract", POPHUB_SOURCE_TOPIC_SECRET="another")
    assert (wrong.error, "another" in wrong.text, topic.user in wrong.text) == (
        "source.password",
        False,
        False,
    )
    assert project.run("extract", POPHUB_SOURCE_TOPIC_URL="kafka://127.0.0.1:9").error == "source.unreachable"
    assert project.run("extract", POPHUB_SOURCE_TOPIC_URL="kafka://x:y@h:1").error == "source.url"


def test_reconcile_finds_nothing_missing_and_a_backfill_is_not_for_a_topic(
    topic: AgencyTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = topic.project
    rows = [person(project, i) for i in range(4)]
    topic.send(*(upsert("r", row) for row in rows), (None, b"no JSON"), *deleted(rows[0]))
    project.pass_through()
    hub = hub_of(project, monkeypatch)
    with refused("backfill.log"):
        hub.backfill(project.stem)
    report = Examination(
        hub.settings, hub.connector(project.stem), ContractMapper(hub.connector(project.stem)),
        hub.adapters.source(hub.connector(project.stem)), [],
    ).run()  # fmt: skip
    assert report.findings == []


def test_a_stream_brings_what_comes(topic: AgencyTopic, monkeypatch: pytest.MonkeyPatch) -> None:
    project = topic.project
    rows = [person(project, i) for i in range(4)]
    hub = hub_of(project, monkeypatch)
    with closing(SourceWorker(hub, project.stem)) as worker:
        assert worker.step().rows == 0
        topic.send(*(upsert("r", row) for row in rows))
        assert worker.step().rows == 4
        topic.send(*deleted(rows[0]), (None, b"no JSON"))
        assert worker.step().rows == 2
        assert worker.step().rows == 0
    project.pass_through()
    assert project.states() == {"shared": 5, "quarantined": 1}
    check(project)


ROW = [
    column("so_the", "string"), column("ho_ten", "string"), column("ngay_sinh", "int32", "io.debezium.time.Date"),
    column("luong", "bytes", "org.apache.kafka.connect.data.Decimal", **{"scale": "2", "connect.decimal.precision": "12"}),
    column("luc", "int64", "io.debezium.time.MicroTimestamp"), column("so_con", "int32"), column("dang_ky", "boolean"),
]  # fmt: skip


def test_a_topic_never_seen_is_drafted_tried_checked_and_flows_without_an_edited_file(
    topic: AgencyTopic,
) -> None:
    project = topic.project
    rows = [
        {"so_the": f"A{i}", "ho_ten": f"Nguyễn Văn {i}", "ngay_sinh": 10_000 + i, "luong": "AJY=",
         "luc": 1_709_182_800_000_000 + i, "so_con": i % 3, "dang_ky": i % 2 == 0}
        for i in range(30)
    ]  # fmt: skip
    key = {"type": "struct", "optional": False, "fields": ROW[:1]}
    topic.send(
        *((told(key, {"so_the": row["so_the"]}), change("r", row, fields=ROW, at_us=NOW_US)) for row in rows)
    )
    topic.send((None, b"no JSON"), (None, None))
    base = f"POPHUB_SOURCE_{project.agency.upper()}"
    for name in ("URL", "USER", "SECRET"):
        project.environment[f"{base}_{name}"] = project.environment[f"POPHUB_SOURCE_TOPIC_{name}"]
    stem = f"{project.agency}.the"
    address = f"{project.environment[f'{base}_URL']}/{topic.name}"
    drafted = pophub(project, "connector", "new", stem, "--from", address)["drafted"][0]
    assert (drafted["fields"], drafted["guesses"]["key"], drafted["guesses"]["marker"]) == (
        7, "the primary key", "the topic's own order",
    )  # fmt: skip
    files = [(project.folder / name).read_text() for name in drafted["files"]]
    assert not [text for text in files if SECRET in text or "Nguyễn Văn 1" in text]
    checked = pophub(project, "connector", "check", stem)
    assert not [found for found in checked["findings"] if found["level"] == "error"]
    project.pass_through("prepare")
    tried = pophub(project, "connector", "try", stem)
    assert (tried["states"]["shared"], tried["states"]["quarantined"]) == (30, 2)
    assert {one["code"] for one in tried["rules"]} == {"contract.message.format", "contract.key.unmappable"}
    project.pass_through("extract", "judge", "share", stem=stem)
    assert project.states(stem) == {"shared": 30, "quarantined": 2}
