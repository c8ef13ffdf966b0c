"""What is rejected comes back, in order, once: on the real servers, counted from outside."""

from __future__ import annotations

import csv
import itertools
import json
import os
import signal
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from hubkit import SIGKILLED, Project
from openpyxl import load_workbook
from outside import check, read_topic

from pophub.contracts.load import load_all
from pophub.contracts.model import Connector
from pophub.contracts.rule_codes import project_codes
from pophub.domain.codes import CODES
from pophub.domain.errors import ConfigError, PromiseBroken
from pophub.postgres import Connection, connect
from pophub.quarantine import browse, digest, export, holds, repair, retention
from pophub.quarantine.selection import Selection

pytestmark = pytest.mark.timeout(240)
BAD_NAME = "Nguyễn\u0007Văn An"
_person = itertools.count(1)


def judging(project: Project) -> Any:
    """Open a connection of the operator's role."""
    return closing(connect(project.servers.settings, "pophub_judge"))


def connector(project: Project) -> Connector:
    """Load the connector of a project, with the variables that it reads."""
    found, broken = load_all(project.folder)
    assert not broken
    return next(c for c in found if c.stem == project.stem)


def versions(project: Project) -> dict[str, tuple[int, str]]:
    """Give key -> (id, state) of the quarantine; of several versions the last."""
    rows = project.servers.query(
        "select key, id, state from quarantine.version where stem = %s order by id", project.stem
    )
    return {key: (number, state) for key, number, state in rows}


def mend(project: Project, connection: Connection, person: int, name: str = "Trần Văn Sửa") -> int:
    """Propose and approve another name for a person's rejected version; give its number."""
    number = versions(project)[project.number_of(person)][0]
    sets = [f"full_name={name}"]
    proposal = repair.propose(connection, connector(project), number, sets, "letter 12", "Lan")
    repair.approve(connection, proposal, "Minh")
    return number


def rejected(project: Project, count: int) -> list[int]:
    """Have people rejected for their names, and propose and approve other names for all of them."""
    people = [next(_person) for _ in range(count)]
    for person in people:
        project.put(person, 300 - person % 200, ho_ten=BAD_NAME)
    project.pass_through()
    with judging(project) as connection:
        for person in people:
            mend(project, connection, person)
    return people


def of(project: Project, people: list[int]) -> Counter[str]:
    """Count people's versions in quarantine by state."""
    found = versions(project)
    return Counter(found[project.number_of(person)][1] for person in people)


def runs(project: Project) -> list[tuple[int, int, bool]]:
    """Give (shared, total, finished) of a project's replays."""
    return project.servers.query(
        "select shared::int, total::int, finished_at is not null from quarantine.replay_run where stem = %s order by run",
        project.stem,
    )


# order guard -----------------------------------------------------------------------------------


def test_a_version_repaired_after_a_newer_one_was_shared_ends_superseded(project: Project) -> None:
    key = project.put(1, 60, ho_ten=BAD_NAME)
    project.pass_through()
    number = versions(project)[key][0]
    with judging(project) as connection:
        proposal = repair.propose(
            connection, connector(project), number, ["full_name=Cũ Văn"], "letter", "Lan"
        )
        project.update(1, 30, ho_ten="Nguyễn Văn Mới")
        project.pass_through()
        repair.approve(connection, proposal, "Minh")
    done = project.pass_through("replay", "share")[0]
    assert (done["shared"], done["total"]) == (0, 0)
    assert versions(project)[key] == (number, "superseded")
    name = project.servers.query("select full_name from population.citizen where citizen_id = %s", key)
    assert name == [("Nguyễn Văn Mới",)]
    told = read_topic(project.servers, f"sub.{project.subscriber}.{project.stem}")
    assert len(told) == 1
    assert "Nguyễn Văn Mới".encode() in (told[0].value or b"")
    check(project)


def test_a_version_whose_key_is_mended_by_the_mapping_still_gives_way_to_the_newer_one(
    project: Project,
) -> None:
    key = project.number_of(1)
    project.put(1, 60, so_ddcn=f" {key} ", ho_ten="Nguyễn Văn Cũ")
    project.put(1, 30, ho_ten="Nguyễn Văn Mới")
    project.put(2, 60, so_ddcn=f" {project.number_of(2)} ")
    project.pass_through()
    assert project.states() == {"shared": 1, "quarantined": 2}
    path = project.folder / f"connectors/{project.agency}/citizens.yaml"
    path.write_text(path.read_text().replace("{from: so_ddcn}", "{from: so_ddcn, text: trim}"))
    done = project.pass_through("replay", "share")[0]
    assert (done["shared"], done["superseded"], done["quarantined"]) == (1, 1, 0)
    assert project.states() == {"shared": 2, "superseded": 1}
    name = project.servers.query("select full_name from population.citizen where citizen_id = %s", key)
    assert name == [("Nguyễn Văn Mới",)]
    check(project)


def test_a_newer_version_that_arrives_while_a_replay_judges_wins(project: Project) -> None:
    key = project.put(1, 60, ho_ten=BAD_NAME)
    project.pass_through()
    with judging(project) as connection:
        mend(project, connection, 1)
    project.update(1, 30, ho_ten="Nguyễn Văn Mới")
    both = [project.start("replay"), project.start("extract", "judge")]
    for started in both:
        ran = started.wait()
        assert (ran.code, ran.error) == (0, None), ran.text
    project.pass_through()
    assert project.servers.query("select full_name from population.citizen where citizen_id = %s", key) == [
        ("Nguyễn Văn Mới",)
    ]
    assert versions(project)[key][1] in ("superseded", "shared")  # shared only where it came first
    check(project)


# replay ------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_happen_and_writes_nothing(project: Project) -> None:
    project.put(1, 60, ho_ten=BAD_NAME)
    project.put(2, 60, ho_ten=BAD_NAME)
    project.pass_through()
    with judging(project) as connection:
        mend(project, connection, 1)
    before = project.servers.query(
        "select * from quarantine.version where stem = %s order by id", project.stem
    )
    foreseen = project.pass_through("foresee")[0]
    assert (foreseen["shared"], foreseen["quarantined"], foreseen["total"]) == (1, 1, 2)
    after = project.servers.query(
        "select * from quarantine.version where stem = %s order by id", project.stem
    )
    assert before == after
    assert runs(project) == []
    done = project.pass_through("replay")[0]
    assert {n: done[n] for n in ("shared", "quarantined")} == {
        n: foreseen[n] for n in ("shared", "quarantined")
    }


def test_two_operators_replaying_the_same_selection_count_each_version_once(long_project: Project) -> None:
    project = long_project
    people = rejected(project, 10)
    before = len(runs(project))
    ended = [s.wait() for s in [project.start("replay", POPHUB_REPLAY_ROWS="2") for _ in range(3)]]
    assert [(ran.code, ran.error) for ran in ended] == [(0, None)] * 3, [ran.text for ran in ended]
    assert of(project, people) == {"shared": 10}
    mine = runs(project)[before:]
    assert sum(shared for shared, _, _ in mine) == 10
    assert all(finished for _, _, finished in mine)
    project.pass_through()
    check(project)


@pytest.mark.parametrize(
    "point", ["replay.started", "judge.judged:2", "judge.written:2", "judge.committed:2"]
)
def test_a_replay_killed_half_way_goes_on_where_it_stopped(long_project: Project, point: str) -> None:
    project = long_project
    people = rejected(project, 7)
    before = len(runs(project))
    assert project.run("replay", fail=point, POPHUB_REPLAY_ROWS="2").code == SIGKILLED
    done = project.pass_through("replay")[0]
    assert (done["resumed"], done["shared"], done["total"]) == (True, 7, 7)
    assert runs(project)[before:] == [(7, 7, True)]
    assert of(project, people) == {"shared": 7}
    project.pass_through()
    check(project)


def test_a_replay_during_live_traffic_on_the_same_lanes_loses_and_doubles_nothing(
    long_project: Project,
) -> None:
    project = long_project
    people = rejected(project, 10)
    newer = [next(_person) for _ in range(10)]
    for person in newer:
        project.put(person, 300 - person % 200)
    for person in people[:4]:
        project.update(person, 1, ho_ten="Nguyễn Văn Mới")
    started = [project.start("replay", POPHUB_REPLAY_ROWS="3"), project.start("extract", "judge", "share")]
    ended = [s.wait() for s in started]
    assert [(ran.code, ran.error) for ran in ended] == [(0, None)] * 2, [ran.text for ran in ended]
    project.pass_through()
    states = of(project, people)
    assert states["quarantined"] == 0
    assert sum(states.values()) == 10
    check(project)


def test_a_replay_after_the_mapping_was_mended_keeps_event_and_batch(project: Project) -> None:
    key = project.put(1, 60, ngay_sinh="1990-03-15")
    project.pass_through()
    event = project.servers.query(
        "select event_id, batch from quarantine.version where stem = %s", project.stem
    )[0]
    assert project.verdicts()[key][:2] == ("quarantined", "contract")
    path = project.folder / f"connectors/{project.agency}/citizens.yaml"
    path.write_text(path.read_text().replace('format: "%d/%m/%Y"', 'format: "%Y-%m-%d"'))
    done = project.pass_through("replay", "share")[0]
    assert done["shared"] == 1
    accepted = project.servers.query(
        "select event_id, batch, replayed from ledger.history where stem = %s", project.stem
    )
    assert accepted == [(*event, True)]
    check(project)


def test_a_rule_that_was_wrong_is_mended_and_what_it_rejected_replayed(project: Project) -> None:
    key, sound = project.put(1, 60, ho_ten=BAD_NAME), project.put(2, 60)
    project.put(3, 60, gioi_tinh="khác")
    project.pass_through()
    codes = project.verdicts()[key][2]
    path = project.folder / f"expectations/{project.agency}/citizens.json"
    suite = json.loads(path.read_text())
    suite["expectations"] = [e for e in suite["expectations"] if e["meta"]["code"] not in codes]
    path.write_text(json.dumps(suite))
    assert project.pass_through("replay", "share")[0]["shared"] == 1
    assert project.verdicts()[key][0] == "shared"
    assert project.verdicts()[key][2] == codes, "the failed rules stay on record"
    assert project.states() == {"shared": 2, "quarantined": 1}
    assert sound not in project.verdicts()
    check(project)


# repair -------------------------------------------------------------------------------------------


def test_a_repair_needs_another_persons_approval_and_is_what_subscribers_get(project: Project) -> None:
    key = project.put(1, 60, ho_ten=BAD_NAME)
    project.pass_through()
    number = versions(project)[key][0]
    declared = connector(project)
    with judging(project) as connection:
        proposal = repair.propose(
            connection, declared, number, ["full_name=Lê Văn Sửa"], "letter 12", "Lan Anh"
        )
        for same in ("Lan Anh", "  lan   ANH "):
            with pytest.raises(PromiseBroken) as caught:
                repair.approve(connection, proposal, same)
            assert caught.value.code == "repair.four_eyes"
        assert project.pass_through("replay")[0]["shared"] == 0
        repair.approve(connection, proposal, "Minh")
        repair.approve(connection, proposal, "Minh")  # repeating it changes nothing
        with pytest.raises(ConfigError) as refused:
            repair.propose(connection, declared, number, ["citizen_id=001090000001"], "x", "Lan")
        assert refused.value.code == "repair.key"
    first = project.servers.query(
        "select event_id, content, raw from quarantine.version where id = %s", number
    )
    assert project.pass_through("replay", "share")[0]["shared"] == 1
    assert (
        project.servers.query("select event_id, content, raw from quarantine.version where id = %s", number)
        == first
    )
    told = read_topic(project.servers, f"sub.{project.subscriber}.{project.stem}")
    assert ["Lê Văn Sửa".encode() in (m.value or b"") for m in told] == [True]
    kept = project.servers.query(
        "select fields, reason, proposed_by, approved_by from quarantine.repair join quarantine.repair_approval using (repair, proposed_by) where version = %s",
        number,
    )
    assert kept == [({"full_name": "Lê Văn Sửa"}, "letter 12", "Lan Anh", "Minh")]
    check(project)


# browse, export, digest ----------------------------------------------------------------------------


def test_rejections_are_listed_grouped_shown_and_exported_without_a_formula(
    project: Project, tmp_path: Path
) -> None:
    project.put(1, 60, ho_ten=BAD_NAME)
    key = project.put(2, 60, ho_ten="=HYPERLINK(1)", ma_ho="+1", ngay_sinh="x")
    project.put(3, 60)
    project.pass_through()
    chosen = Selection(stem=project.stem)
    with closing(connect(project.servers.settings, "pophub_read")) as reader:
        assert browse.count(reader, chosen) == 2
        assert [v["gate"] for v in browse.listing(reader, chosen, 1)] == ["contract"]
        assert browse.count(reader, Selection(agency=project.agency, gate="contract")) == 1
        assert browse.count(reader, Selection(stem=project.stem, since_s=3600)) == 2
        assert browse.count(reader, Selection(stem=project.stem, older_s=3600)) == 0
        causes = {(c.code, c.field): c.records for c in browse.groups(reader, chosen)}
        assert causes["contract.date.format", "birth_date"] == 1
    with judging(project) as connection:
        shown = browse.show(connection, versions(project)[key][0], connector(project), CODES)
        assert shown["sent"]["ho_ten"] == "=HYPERLINK(1)"
        assert (shown["owner"]["name"], shown["contract"]) == ("C06", 1)
        assert all(f["en"] and f["vi"] and f["severity"] for f in shown["failures"])
        for kind in ("csv", "xlsx"):
            path = tmp_path / f"out.{kind}"
            assert export.export(connection, chosen, kind, path, CODES) == 2
            assert path.stat().st_mode & 0o077 == 0
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    sheet = load_workbook(tmp_path / "out.xlsx").active
    assert sheet is not None
    assert [[str(c) for c in row] for row in sheet.values][1][2] == rows[1][2]
    cells = [cell for row in rows for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_a_code_of_the_suite_is_told_in_its_words_everywhere(project: Project, tmp_path: Path) -> None:
    code, words = (
        "correct.household.form",
        {"en": "No register's number", "vi": "Sai mẫu", "remedy": "ask C06"},
    )
    path = project.folder / f"expectations/{project.agency}/citizens.json"
    suite = json.loads(path.read_text()) | {"meta": {"codes": {code: words}}}
    kwargs = {"column": "household_code", "regex": r"\A[0-9A-Z]+\Z"}
    rule = {"type": "expect_column_values_to_match_regex", "kwargs": kwargs}
    suite["expectations"].append(rule | {"meta": {"gate": "correct", "code": code}})
    path.write_text(json.dumps(suite))
    key = project.put(1, 60, ma_ho="?")
    project.pass_through("extract", "judge", "feedback")
    said, chosen = project_codes(project.folder), Selection(stem=project.stem)
    with judging(project) as connection:
        (failure,) = browse.show(connection, versions(project)[key][0], None, said)["failures"]
        assert {name: failure[name] for name in words} == words and failure["reason"] == words["en"]
        assert words["vi"] in digest.markdown(digest.gather(connection, project.agency, []), said)
        export.export(connection, chosen, "csv", tmp_path / "out.csv", said)
        (cause,) = browse.groups(connection, chosen)
    assert words["en"] in cause.in_words(datetime.now(UTC), said)
    assert words["vi"] in (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    (told,) = read_as(project, f"agency-{project.agency}", f"feedback.{project.agency}")
    assert [reason["vi"] for reason in told["reasons"]] == [words["vi"]]
    assert told["reasons"][0]["remedy"] == words["remedy"]


def test_a_digest_tells_counts_causes_examples_and_whom_it_was_escalated_to(project: Project) -> None:
    key = project.put(1, 60, ho_ten=BAD_NAME)
    project.pass_through()
    project.servers.query(
        "update quarantine.version set first_judged_at = first_judged_at - interval '40 days' where stem = %s "
        "returning 1", project.stem)  # fmt: skip
    with judging(project) as connection:
        found = digest.gather(connection, project.agency, [connector(project)])
    text = digest.markdown(found, CODES)
    assert "first seen 40 days ago" in text and "40 ngày trước" in text
    assert "escalated" in text and "C06 <c06@mps.example>" in text
    assert key not in text and BAD_NAME not in text
    assert found["overdue"][0]["records"] == 1


# feedback --------------------------------------------------------------------------------------------


def read_as(project: Project, user: str, topic: str) -> list[dict[str, Any]]:
    """Read a topic with a user's own rights."""
    settings = project.servers.settings
    consumer = Consumer({
        "bootstrap.servers": settings.endpoints.kafka_bootstrap, "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": user, "sasl.password": settings.secret(f"kafka.{user}"),
        "group.id": f"{user}.reader", "isolation.level": "read_committed", "enable.auto.commit": False,
        "enable.partition.eof": True, "log_level": 0,
    })  # fmt: skip
    try:
        refused = consumer.list_topics(topic, timeout=30).topics[topic].error
        if refused is not None:  # a user who may not even describe a topic cannot read it
            raise KafkaException(refused)
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        found = []
        while True:
            message = consumer.poll(30)
            assert message is not None
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                return found
            if error is not None:
                raise KafkaException(error)
            found.append(json.loads(message.value() or b""))
    finally:
        consumer.close()


def test_each_rejection_is_told_to_its_agency_once_wherever_feedback_is_killed(project: Project) -> None:
    for person in range(1, 4):
        project.put(person, 60, ho_ten=BAD_NAME)
    project.pass_through()
    for point in ("numbering", "numbered", "read", "published"):
        assert project.run("feedback", fail=f"feedback.{point}").code == SIGKILLED
    project.put(4, 50, ho_ten=BAD_NAME)
    project.put(5, 50)
    project.pass_through()
    ended = [s.wait() for s in [project.start("feedback"), project.start("feedback")]]
    assert {ran.error for ran in ended} <= {None, "lane.busy"}
    project.pass_through("feedback")
    told = read_as(project, f"agency-{project.agency}", f"feedback.{project.agency}")
    assert [t["sequence"] for t in told] == [1, 2, 3, 4]
    assert sorted(t["key"] for t in told) == [project.number_of(n) for n in (1, 2, 3, 4)]
    assert all(t["reasons"][0]["vi"] for t in told)


def test_an_agency_reads_its_own_feedback_and_no_other(project: Project) -> None:
    project.put(1, 60, ho_ten=BAD_NAME)
    project.pass_through("extract", "judge", "feedback")
    name = project.agency
    project.agency = f"{name}x"  # a name that begins with the other's
    project.declare("mof.einvoices")
    project.pass_through("prepare")
    other = f"agency-{project.agency}"
    assert len(read_as(project, f"agency-{name}", f"feedback.{name}")) == 1
    for user, topic in ((other, f"feedback.{name}"), (f"agency-{name}", f"feedback.{name}x")):
        with pytest.raises(KafkaException) as denied:
            read_as(project, user, topic)
        assert denied.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


# retention, holds, pauses ------------------------------------------------------------------------------


def test_nothing_expires_unseen(project: Project) -> None:
    project.put(1, 60, ho_ten=BAD_NAME)
    project.pass_through()
    age = "update quarantine.version set first_judged_at = now() - interval '20 days' where stem = %s returning id"
    number = project.servers.query(age, project.stem)[0][0]
    with judging(project) as connection:
        default = retention.policies(connection, [project.stem])[project.stem]
        assert retention.expire(connection, default, "Lan") == 0  # without a policy nothing expires
        retention.set_policy(connection, retention.Policy(0, project.stem, retain_days=30, set_by="Lan"))
        policy = retention.policies(connection, [project.stem])[project.stem]
        assert retention.expiring(connection, policy, 5) == []
        assert retention.expiring(connection, policy, 14)[0]["records"] == 1  # the warning
        assert retention.expire(connection, policy, "Lan") == 0
        retention.set_policy(connection, policy._replace(retain_days=10))
        policy = retention.policies(connection, [project.stem])[project.stem]
        assert retention.expire(connection, policy, "Lan") == 1
        assert retention.expire(connection, policy, "Lan") == 0
        assert browse.show(connection, number, None, CODES)["sent"] is None
    record = project.servers.query(
        "select v.event_id = e.event_id, e.codes, e.expired_by, v.raw from quarantine.expired e "
        "join quarantine.version v on v.id = e.version where e.version = %s", number)  # fmt: skip
    assert record[0][0] is True and "clean.text.control" in record[0][1] and record[0][2] == "Lan"
    assert bytes(record[0][3]) == b""
    with judging(project) as connection:
        listed = {
            s: browse.count(connection, Selection(stem=project.stem, state=s))
            for s in ("quarantined", "expired", None)
        }
        (agency,) = digest.gather(connection, project.agency, [])["states"]
    assert listed == {"quarantined": 0, "expired": 1, None: 1}
    assert (agency["state"], agency["records"]) == ("expired", 1)
    assert project.states() == {"quarantined": 1}, "its verdict stands"
    assert project.pass_through("replay")[0]["total"] == 0
    check(project)


def test_a_held_batch_says_what_differed_and_comes_back_while_it_differs(project: Project) -> None:
    project.put(1, 60)
    project.sql("alter table dancu.cong_dan rename column ma_ho to ho_khac")
    assert project.run("extract").error == "source.column_missing"
    with closing(connect(project.servers.settings, "pophub_extract")) as connection:
        held = holds.holds(connection, project.stem)
        assert len(held) == 1 and "ma_ho" in held[0]["what"] and held[0]["remedy"]
        assert holds.release(connection, held[0]["hold"], "Lan", "asked the ministry") == (project.stem, True)
        assert holds.release(connection, held[0]["hold"], "Lan", "again") == (project.stem, False)
        assert holds.holds(connection, project.stem) == []
        assert project.run("extract").error == "source.column_missing"
        assert len(holds.holds(connection, project.stem)) == 1
        project.sql("alter table dancu.cong_dan rename column ho_khac to ma_ho")
        project.pass_through()
        assert holds.holds(connection, project.stem) == []
    check(project)


def test_a_paused_connector_or_subscription_ends_green_says_so_and_loses_nothing(project: Project) -> None:
    project.put(1, 60)
    with judging(project) as connection:
        assert holds.pause(connection, project.stem, "", "Lan", "source moves")
        assert not holds.pause(connection, project.stem, "", "Lan", "source moves")
        extracted, judged, shared = project.pass_through()
        assert (extracted["paused"], judged["paused"], shared["paused"]) == (
            "source moves",
            "source moves",
            {"": "source moves"},
        )
        assert (extracted["rows"], judged["read"]) == (0, 0)
        assert holds.resume(connection, project.stem, "", "Lan")
        assert not holds.resume(connection, project.stem, "", "Lan")
        assert holds.pause(connection, project.stem, project.subscriber, "Lan", "reader moves")
        _, judged, shared = project.pass_through()
        assert judged["shared"] == 1 and project.subscriber not in shared
        assert read_topic(project.servers, f"sub.{project.subscriber}.{project.stem}") == []
        assert holds.resume(connection, project.stem, project.subscriber, "Lan")
    project.pass_through()
    check(project)


def test_a_replay_killed_at_no_named_point_is_made_good_by_the_next(project: Project) -> None:
    people = rejected(project, 6)
    started = project.start("replay", POPHUB_REPLAY_ROWS="1")
    os.kill(started.pid, signal.SIGKILL)
    assert started.wait().code == SIGKILLED
    project.pass_through("replay")
    assert of(project, people) == {"shared": 6}
    project.pass_through()
    check(project)
