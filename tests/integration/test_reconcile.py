"""One missing, one doubled, one altered record is found in each store and named, on the real servers."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from command_kit import command
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from hubkit import Project, Servers, hub_of, surroundings
from outside import check, read_log, read_topic
from test_ledger import mine, tampered
from test_quarantine_commands import user

from pophub import avro
from pophub.commands import reconcile as commands
from pophub.ledger.verify import verify
from pophub.postgres import connect
from pophub.reconcile.findings import Finding, Report
from pophub.reconcile.rebuild import ComparedTable, Rebuild
from pophub.sources import open_source
from tests.documented import data_model

pytestmark = pytest.mark.timeout(240)
Examine = Callable[..., Report]


@pytest.fixture
def examine(project: Project, monkeypatch: pytest.MonkeyPatch) -> Examine:
    def run(deep: bool = False) -> Report:
        return commands.examine(hub_of(project, monkeypatch), project.stem, deep=deep)

    return run


def login(servers: Servers) -> dict[str, Any]:
    """Log in as the broker's administrator."""
    return {
        "bootstrap.servers": servers.settings.endpoints.kafka_bootstrap,
        "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "admin", "sasl.password": servers.settings.secret("kafka.admin"),
    }  # fmt: skip


def told(report: Report) -> set[tuple[str, str]]:
    return {(f.code, f.store) for f in report.findings}


def event_of(project: Project, person: int) -> str:
    """Give the event id of a person's head."""
    found = project.servers.query(
        "select encode(event_id, 'hex') from population.head join ledger.history using (stem, lane, sequence, key) "
        "where stem = %s and key = %s",
        project.stem, project.number_of(person),
    )  # fmt: skip
    return str(found[0][0])


def flowed(project: Project, people: int = 6) -> None:
    """Let sound people, a change and a delete flow through."""
    for person in range(1, people + 1):
        project.put(person, 400 - person)
    project.pass_through()
    project.update(1, 100, ho_ten="Trần Văn Đổi")
    project.update(2, 99, da_xoa=True)
    project.pass_through()


def test_stores_that_agree_give_no_finding(project: Project, examine: Examine) -> None:
    project.put(90, 300, so_ddcn="123")
    flowed(project)
    report = examine(deep=True)
    assert (report.findings, report.pending) == ([], 0)
    counts = {c.store: (c.expected, c.found, c.ranges_differing) for c in report.compared}
    assert counts == {
        "source": (7, 7, 0),
        "population.head": (6, 6, 0),
        "population.citizen": (6, 6, 0),
        "population.identity": (8, 8, 0),
        f"shared.{project.stem}": (8, 8, 0),
        f"ledger of {project.subscriber}": (8, 8, 0),
        f"sub.{project.subscriber}.{project.stem}": (8, 8, 0),
    }


def test_what_is_on_its_way_is_pending_and_no_finding(project: Project, examine: Examine) -> None:
    flowed(project)
    project.put(7, 50)
    assert (examine().findings, examine().pending) == ([], 1)
    project.pass_through("extract")
    assert examine().findings == []
    project.pass_through("judge")
    report = examine()
    assert report.findings == []
    assert report.pending == 2, "one version for each of two topics"


def test_a_deleted_kafka_record_is_found_and_named(project: Project, examine: Examine) -> None:
    flowed(project)
    topics = (f"shared.{project.stem}", f"sub.{project.subscriber}.{project.stem}")
    lane = read_topic(project.servers, topics[0])[0].lane
    for topic in topics:
        admin = AdminClient(login(project.servers))
        for future in admin.delete_records([TopicPartition(topic, lane, 1)]).values():
            future.result(30)
    report = examine()
    assert told(report) == {
        ("reconcile.missing", f"shared.{project.stem}"),
        ("reconcile.missing", f"sub.{project.subscriber}.{project.stem}"),
    }
    left = read_log(project.servers, project.stem)
    history = project.servers.query(
        "select sequence, encode(event_id, 'hex') from ledger.history where stem = %s and lane = %s",
        project.stem, lane,
    )  # fmt: skip
    gone = {event for sequence, event in history if (lane, sequence) not in {row[:2] for row in left}}
    assert len(gone) > 1, "a block has several versions"
    assert {f.event_id for f in report.findings if f.store == topics[0]} == gone
    assert [(f.lane, f.sequence) for f in report.findings if f.store == topics[1]] == [(lane, 1)]


def test_a_doubled_an_altered_and_a_foreign_message_are_found(project: Project, examine: Examine) -> None:
    flowed(project)
    topic = f"sub.{project.subscriber}.{project.stem}"
    first, second = read_topic(project.servers, topic)[:2]
    producer = Producer(login(project.servers))
    copy = [(name, value.encode()) for name, value in first.headers.items()]
    producer.produce(topic, first.value, first.key, first.lane, headers=copy)
    twisted = [(name, value.encode()) for name, value in second.headers.items()]
    producer.produce(topic, (second.value or b"") + b"x", second.key, second.lane, headers=twisted)
    producer.produce(topic, b"x", b"x", 0, headers=[("transaction", b"00")])
    producer.produce(topic, b"x", b"x", 0)
    shared = f"shared.{project.stem}"
    block = read_topic(project.servers, shared)[0]
    twice = {row.event_id.hex() for row in avro.decode_history(block.value or b"")}
    producer.produce(shared, block.value, None, block.lane)
    producer.produce(shared, b"x", None, 0)
    assert producer.flush(30) == 0
    found = examine(deep=True)
    codes = sorted((f.code, f.store) for f in found.findings)
    assert codes == [
        ("reconcile.altered", topic),
        *[("reconcile.doubled", shared)] * len(twice),
        ("reconcile.doubled", topic),
        ("reconcile.doubled", topic),
        ("reconcile.unknown", shared),
        ("reconcile.unknown", topic),
        ("reconcile.unknown", topic),
    ]
    doubled = {f.event_id for f in found.findings if f.store == shared and f.code == "reconcile.doubled"}
    assert doubled == twice


def test_a_row_changed_by_hand_in_the_population_database_is_found(
    project: Project, examine: Examine
) -> None:
    flowed(project)
    query, number = project.servers.query, project.number_of
    query("update population.citizen set full_name = 'X' where citizen_id = %s", number(3))
    query("delete from population.citizen where citizen_id = %s", number(4))
    query("update population.former_identity set full_name = 'x' where citizen_id = %s", number(2))
    query("update population.citizen set contract = contract + 1 where citizen_id = %s", number(5))
    query("update population.citizen set marker = marker + 1 where citizen_id = %s", number(6))
    missing = event_of(project, 1)
    query("update population.citizen set dataset = null where citizen_id = %s", number(1))
    report = examine()
    assert {(f.code, f.store, f.key) for f in report.findings} == {
        ("reconcile.altered", "population.citizen", number(3)),
        ("reconcile.altered", "population.identity", number(3)),
        ("reconcile.missing", "population.citizen", number(4)),
        ("reconcile.missing", "population.identity", number(4)),
        ("reconcile.missing", "population.head", number(4)),
        ("reconcile.altered", "population.identity", number(2)),
        ("reconcile.altered", "population.head", number(5)),
        ("reconcile.altered", "population.head", number(6)),
        ("reconcile.altered", "population.citizen", number(6)),
        ("reconcile.missing", "population.identity", number(6)),
        ("reconcile.unknown", "population.identity", number(6)),
        ("reconcile.missing", "population.head", number(1)),
        ("reconcile.altered", "population.citizen", number(1)),
        ("reconcile.gone", "source", number(6)),
    }
    assert missing in {f.event_id for f in report.findings}


@pytest.mark.parametrize("change", ["delete from {t}", "update {t} set omitted = '{{[1,2)}}'"])
def test_share_transactions_that_were_removed_are_found(
    project: Project, examine: Examine, change: str
) -> None:
    flowed(project)
    counted = "select sequence from hub.share_transaction where recipient = %s and lane = 0"
    before = set(project.servers.query(counted, project.subscriber))
    changed = change.format(t="ledger.stretch") + f" where recipient = '{project.subscriber}' and lane = 0"
    with tampered(project.servers, changed):  # other tests sign the ledger of these servers
        lost = before - set(project.servers.query(counted, project.subscriber))
        assert (1,) in lost
        assert {(f.code, f.store, f.sequence) for f in examine().findings} == {
            *(("reconcile.missing", f"ledger of {project.subscriber}", sequence) for (sequence,) in lost),
            ("reconcile.unknown", f"sub.{project.subscriber}.{project.stem}", None),
        }


def test_a_row_committed_later_than_late_s_is_found_and_brought_in(
    project: Project, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    flowed(project)
    project.put(20, 300)
    project.pass_through()
    assert project.number_of(20) not in {
        key for (key,) in project.servers.query("select key from population.head")
    }
    (late,) = examine().findings
    assert (late.code, late.key) == ("reconcile.late", project.number_of(20))
    hub = hub_of(project, monkeypatch)
    events = {str(late.event_id)}
    assert commands._mend(hub, project.stem, events, by="") == 0
    assert commands._mend(hub, project.stem, events, by="Lan") == 1
    assert examine().findings == [], "on its way"
    project.pass_through()
    assert examine().findings == []
    assert event_of(project, 20) == late.event_id
    assert commands._mend(hub, project.stem, events, by="Lan") == 1, "a repetition is a duplicate"
    project.pass_through()
    assert project.states() == {"shared": 9, "duplicate": 1}
    check(project)


def test_a_row_gone_or_changed_unmarked_at_the_source_is_told(project: Project, examine: Examine) -> None:
    flowed(project)
    project.sql("delete from dancu.cong_dan where so_ddcn = %s", project.number_of(3))
    project.sql("update dancu.cong_dan set ho_ten = 'Lê Văn Khác' where so_ddcn = %s", project.number_of(4))
    report = examine()
    assert {(f.code, f.key, f.event_id) for f in report.findings} == {
        ("reconcile.gone", project.number_of(3), event_of(project, 3)),
        ("reconcile.altered", project.number_of(4), event_of(project, 4)),
    }


COLUMNS = ("Mã hồ sơ", "Mã thủ tục", "Số định danh", "Họ và tên", "Ngày sinh", "Ngày nộp", "Ngày trả", "Kênh",
           "Đã số hóa", "Lệ phí", "Trạng thái", "Cập nhật")  # fmt: skip


def dossiers(project: Project, path: Path, *numbers: int) -> None:
    """Drop a file with a sound dossier of person 1 for each number."""
    day = project.ago(3 * 1440).strftime("%d/%m/%Y")
    lines = [
        (f"H{number}", "1.004222", project.number_of(1), "Nguyễn Văn An", "15/03/1990", day, "", "Trực tuyến", "x",
         "15000", "Đang xử lý", f"{day} 0{number}:00:00")
        for number in numbers
    ]  # fmt: skip
    path.write_text("\n".join(map(",".join, [COLUMNS, *lines])) + "\n")


def test_a_row_of_a_taken_file_that_was_never_read_is_found_and_brought_in(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    project.environment["POPHUB_SOURCE_THANHHOA_URL"] = str(folder)
    stem = project.declare("thanhhoa.procedures", ("(?m)^  kind: files$", "  kind: files\n  quiet_s: 0"))
    project.put(1, 30)
    project.pass_through()
    dossiers(project, folder / "ho_so_1.csv", 1, 2, 3)
    project.pass_through("prepare", "extract", "judge", "share", stem=stem)
    assert project.states(stem) == {"shared": 3}
    hub = hub_of(project, monkeypatch)
    assert commands.examine(hub, stem, deep=True).findings == []
    dossiers(project, folder / "ho_so_2.csv", 4, 5)
    assert commands.examine(hub, stem).findings == [], "a file that waits is no finding"
    (taken,) = [file for file in open_source(hub.connector(stem), hub.settings).files(()) if "2" in file.name]
    project.servers.query(  # as if extract had taken the file and lost its rows
        "insert into extract.file (stem, digest, name, rows) values (%s, %s, %s, 2)",
        stem,
        taken.digest,
        taken.name,
    )
    found = commands.examine(hub, stem).findings
    assert {(f.code, f.store, f.key) for f in found} == {
        ("reconcile.missing", "source", k) for k in ("H4", "H5")
    }
    assert commands._mend(hub, stem, {str(f.event_id) for f in found}, by="Lan") == 2
    project.pass_through(stem=stem)
    assert project.states(stem) == {"shared": 5}
    assert commands.examine(hub, stem, deep=True).findings == []
    check(project, stem, subscriber=False)


def test_findings_tell_keys_to_nobody_but_the_operator(project: Project, examine: Examine) -> None:
    flowed(project)
    project.sql("delete from dancu.cong_dan where so_ddcn = %s", project.number_of(3))
    report = examine()
    (finding,) = report.findings
    written = f"{finding} {finding!r} {finding.as_json()} {report.as_json()}"
    assert project.number_of(3) not in written
    assert finding.key_digest in written and event_of(project, 3) in written


def rebuilt(project: Project, patch: pytest.MonkeyPatch, schema: str) -> list[ComparedTable]:
    hub = hub_of(project, patch)
    return Rebuild(hub.settings, list(hub.connectors.values()), schema).run()


def test_the_population_database_rebuilt_from_shared_alone_is_the_same_digest_for_digest(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    flowed(project)
    schema = f"again_{project.agency}"
    tables = rebuilt(project, monkeypatch, schema)
    assert [(t.table, t.rebuilt, t.live, t.differing) for t in tables] == [
        ("head", 6, 6, 0),
        ("citizen", 6, 6, 0),
        ("identity", 8, 8, 0),
    ]
    assert all(t.rebuilt_digest == t.live_digest for t in tables)
    kept = project.servers.query(f"select count(*) from {schema}.citizen where present")
    assert kept == [(5,)]
    project.servers.query(
        "update population.citizen set full_name = 'X' where citizen_id = %s", project.number_of(3)
    )
    head, citizen, identity = rebuilt(project, monkeypatch, schema + "_2")
    assert (head.differing, citizen.differing, identity.differing) == (0, 1, 1)
    assert citizen.rebuilt_digest != citizen.live_digest


@pytest.fixture
def numbered(project: Project) -> Project:
    """People whose changes have numbers, and times beside them that need not rise with these."""
    project.declare_numbered()
    for person, ago, name in ((1, 90, "Đầu"), (2, 90, "Đầu"), (3, 90, "Đầu"), (1, 60, "Đổi")):
        project.put(person, ago, ho_ten=f"Trần Văn {name}")
    project.pass_through()
    project.put(1, 75, ho_ten="Trần Văn Giữa")  # the newest number, but an older moment
    project.put(2, 90, ho_ten="Trần Văn Sau")  # another name since the same moment
    project.put(3, 30, da_xoa=True)
    project.pass_through()
    project.put(1, 60, ho_ten="Trần Văn Lại")
    project.pass_through()
    return project


def test_who_existed_since_when_follows_the_time_of_the_change_in_every_store(
    numbered: Project, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer number decides what holds, the time of the change since when."""
    people = numbered.servers.query(
        "select citizen_id, valid_from, full_name, present from population.identity where citizen_id like %s order by 1, 2",
        numbered.number_of(0)[:-3] + "%",
    )  # fmt: skip
    since = {ago: int(numbered.ago(ago).timestamp() * 1_000_000) for ago in (30, 60, 75, 90)}
    assert people == [
        (numbered.number_of(person), since[ago], name and f"Trần Văn {name}", name is not None)
        for person, ago, name in (
            (1, 90, "Đầu"), (1, 75, "Giữa"), (1, 60, "Lại"), (2, 90, "Sau"), (3, 90, "Đầu"), (3, 30, None)
        )
    ]  # fmt: skip
    assert examine(deep=True).findings == []
    for table in rebuilt(numbered, monkeypatch, f"again_{numbered.agency}"):
        assert (table.differing, table.rebuilt_digest) == (0, table.live_digest)
    check(numbered)


def test_a_wrong_time_of_a_change_in_history_is_named(numbered: Project, examine: Examine) -> None:
    place = f"stem = '{numbered.stem}' and key = '{numbered.number_of(3)}' and operation = 'd'"
    ((lane, sequence, event),) = numbered.servers.query(
        f"select lane, sequence, encode(event_id, 'hex') from ledger.history where {place}"
    )
    change = f"update ledger.history set changed_at = changed_at + 1 where {place}"
    with (
        tampered(numbered.servers, change),
        closing(connect(numbered.servers.settings, "pophub_owner")) as connection,
    ):
        findings = examine(deep=True).findings
        (broken,) = mine(numbered, verify(connection).broken)
    found = {(f.code, f.store, f.event_id, f.lane, f.sequence) for f in findings}
    assert found == {
        ("reconcile.altered", f"shared.{numbered.stem}", event, lane, sequence),
        ("reconcile.missing", "population.identity", event, None, None),
        ("reconcile.unknown", "population.identity", None, None, None),
    }
    assert (broken.table, broken.sequence) == ("ledger.history", sequence)


def test_an_outsider_reads_counts_and_proves_the_own_log_as_the_page_tells(project: Project) -> None:
    flowed(project)
    read, derived, servers = data_model("outsider"), data_model("derive"), project.servers
    login = {
        "bootstrap_servers": servers.settings.endpoints.kafka_bootstrap, "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": "admin",
        "sasl_plain_password": servers.settings.secret("kafka.admin"),
    }  # fmt: skip
    schema = json.loads((project.folder / f"schemas/{project.agency}/citizens.v1.avsc").read_text())
    people: list[tuple[int, int, str]] = []
    lanes = servers.query("select lane, sequence, chain from judge.lane where stem = %s", project.stem)
    for lane, sequence, chain in lanes:
        count, link = 0, b""
        for block in read["blocks"](lane, f"shared.{project.stem}", **login):
            assert block["first"] == count + 1
            count += block["rows"]
            for v in read["versions"](block):
                link = derived["history_link"](
                    link, project.stem, lane, v["sequence"], v["event_id"], v["key"], v["marker"], v["operation"],
                    v["content"], v["payload"] or None, v["contract"], v["exchanged_at"], v["recorded_at"], v["changed_at"],
                )  # fmt: skip
                gone = v["operation"] == "d"
                said = derived["content"](v["operation"], v["key"].encode() if gone else v["payload"])
                assert said == v["content"], "and each version its content"
                if not gone:
                    people.append((lane, v["sequence"], read["record"](v["payload"], schema)["citizen_id"]))
            assert link == block["digest"], "a block proves itself and all before it"
        assert (count, link) == (sequence, bytes(chain))
    query = "select lane, sequence, key from ledger.history where stem = %s and operation = 'u' order by 1, 2"
    assert sorted(people) == servers.query(query, project.stem)


def test_history_can_be_read_as_of_any_time(project: Project) -> None:
    project.put(1, 300)
    project.pass_through()
    project.update(1, 200, ho_ten="Trần Văn Đổi")
    project.pass_through()
    project.update(1, 100, da_xoa=True)
    project.pass_through()
    query = project.servers.query
    stamps = query("select exchanged_at from ledger.history where stem = %s order by sequence", project.stem)
    seen = []
    for (stamp,) in stamps:
        seen += query("select sequence, operation from hub.as_of(%s, %s)", project.stem, stamp)
    assert seen == [(1, "u"), (2, "u"), (3, "d")]
    before = query("select * from hub.as_of(%s, %s - interval '1 second')", project.stem, stamps[0][0])
    assert before == []
    known = query(
        "select sequence from hub.as_of(%s, 'infinity', (select recorded_at from ledger.history "
        "where stem = %s and sequence = 2))", project.stem, project.stem)  # fmt: skip
    assert known == [(2,)]


def test_runs_and_days_add_up_in_the_views(project: Project) -> None:
    flowed(project)
    columns = "batches, sent, read, shared, quarantined, duplicate, superseded, waiting, balanced"
    for view in ("by_run", "by_day"):
        rows = project.servers.query(
            f"select {columns} from hub.reconciliation_{view} where stem = %s", project.stem
        )
        assert rows == [(2, 8, 8, 8, 0, 0, 0, 0, True)]


def restart_broker(servers: Servers) -> None:
    """Kill the broker; its supervisor starts it again."""
    from pophub.runtime import hub

    (broker,) = [s for s in hub.state(servers.settings) if s.name == "kafka"]
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)


def test_repeated_stages_replayed_batches_two_schedulers_and_a_broker_restart_leave_counts_exact(
    project: Project, examine: Examine
) -> None:
    for person in range(1, 9):
        project.put(person, 400 - person)
    for stage in ("extract", "judge", "share"):
        for _ in range(3):  # a DAG's stages, each three times, by two schedulers at once
            ended = [started.wait() for started in (project.start(stage), project.start(stage))]
            assert {ran.error for ran in ended} <= {None, "lane.busy"}, [ran.text for ran in ended]
    raw = f"raw.{project.stem}"
    producer = Producer(login(project.servers))
    for message in read_topic(project.servers, raw):  # the batch comes a second time
        producer.produce(raw, message.value, message.key, message.lane)
    assert producer.flush(30) == 0
    project.update(1, 100, ho_ten="Trần Văn Đổi")
    project.pass_through("extract", "judge")
    sharing = project.start("share")
    restart_broker(project.servers)
    ended = sharing.wait()
    for _ in range(5):
        if ended.error is None and ended.code == 0:
            break
        ended = project.run("share")
    assert (ended.code, ended.error) == (0, None), ended.text
    check(project, resent=True)
    assert project.states() == {"shared": 9, "duplicate": 8}
    assert len(read_topic(project.servers, f"sub.{project.subscriber}.{project.stem}")) == 9
    assert examine(deep=True).findings == []


def test_a_finding_is_one_line_with_code_store_and_event() -> None:
    finding = Finding(
        "reconcile.missing", "shared.a.b", "the record is not there", "00ff", 1, 7, key="secret"
    )
    assert str(finding) == (
        "reconcile.missing: shared.a.b, lane 1, sequence 7: the record is not there, event 00ff"
    )


def asked(project: Project, *arguments: str) -> tuple[int, Any, str]:
    """Run pophub as an operator without a terminal does."""
    done = command(*arguments, "--json", environment=surroundings(project))
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def test_the_commands_preview_answer_and_exit_as_their_help_says(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    flowed(project)
    project.put(20, 300)
    code, report, _ = asked(project, "reconcile", project.stem, "--mend")
    assert (code, report["mended"], [f["code"] for f in report["findings"]]) == (1, 0, ["reconcile.late"])
    lan, lans = user(project, "Lan")
    mend = ("reconcile", project.stem, "--mend", "--yes", "--by", lan)
    assert json.loads(asked(project, *mend)[2])["code"] == "user.password"
    monkeypatch.setenv("POPHUB_PERSON_PASSWORD", lans)
    code, report, said = asked(project, *mend)
    assert (code, report["mended"]) == (0, 1), said
    query = "select rows, by from extract.mend where stem = %s"
    assert project.servers.query(query, project.stem) == [(1, lan)]
    project.pass_through()
    schema = f"by_command_{project.agency}"
    assert asked(project, "population", "rebuild", "--into", schema)[:2] == (0, None)
    code, rebuilt_told, _ = asked(project, "population", "rebuild", "--into", schema, "--yes")
    assert code == 0 and [t["differing"] for t in rebuilt_told["tables"]] == [0, 0, 0]
    code, _, said = asked(project, "population", "rebuild", "--into", schema)
    assert code == 2 and "rebuild.exists" in said
    code, seen, _ = asked(
        project, "population", "as-of", "2100-01-01", project.number_of(1), "--stem", project.stem
    )
    assert code == 0 and seen["record"]["full_name"] == "Trần Văn Đổi"
