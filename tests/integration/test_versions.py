"""What becomes of a version: late, equal, repeated, contradicting, deleted, waiting; on the real servers."""

from __future__ import annotations

import json

import pytest
from confluent_kafka import Producer
from hubkit import INVOICES_TABLE, Project
from outside import check, read_topic

pytestmark = pytest.mark.timeout(240)
PAYLOADS = (b"", b"no block at all", b"Obj\x01\x00")


def heads(project: Project) -> dict[str, str]:
    """Give key -> name of the citizens of a project that are present."""
    found = project.servers.query(
        "select citizen_id, full_name from population.citizen where present and citizen_id in "
        "(select key from population.head where stem = %s)", project.stem)  # fmt: skip
    return dict(found)


def produce(project: Project, topic: str, lane: int, *values: bytes) -> None:
    """Write messages to a topic as its administrator, outside the pipeline."""
    settings = project.servers.settings
    producer = Producer({
        "bootstrap.servers": settings.endpoints.kafka_bootstrap, "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "admin",
        "sasl.password": settings.secret("kafka.admin"),
    })  # fmt: skip
    for value in values:
        producer.produce(topic, value=value, partition=lane)
    assert producer.flush(30) == 0


def test_late_commits_within_the_window_and_equal_markers_are_found_once(project: Project) -> None:
    project.put(1, 10)
    project.put(2, 20)
    project.pass_through()
    project.put(3, 10)  # another key under the marker of the position
    project.put(4, 40)  # committed late, within an hour
    project.put(5, 200)  # committed later than the connector declares
    extracted, judged, _ = project.pass_through()
    assert (extracted["rows"], extracted["sent_before"]) == (2, 2)
    assert judged["shared"] == 2
    assert set(heads(project)) == {project.number_of(n) for n in (1, 2, 3, 4)}
    extracted, judged, shared = project.pass_through()
    assert (extracted["rows"], judged["read"], shared[project.subscriber]) == (0, 0, 0)
    check(project)


def test_a_number_that_commits_behind_higher_ones_is_found_once(project: Project) -> None:
    project.declare_numbered()
    columns = "so_ddcn, ho_ten, ngay_sinh, gioi_tinh, ma_tinh, ma_ho, cap_nhat_luc"
    insert = f"insert into dancu.cong_dan ({columns}) values (%s, 'Nguyễn Văn An', '15/03/1990', 'Nam', '01', 'H', %s)"
    slow, slower = (project.servers.superuser(project.database) for _ in range(2))
    for person, session in ((1, slow), (2, slower)):  # each takes its number, and does not commit
        session.autocommit = False
        with session.cursor() as cursor:
            cursor.execute(insert, (project.number_of(person), project.ago(30)))
    project.put(3, 20)
    project.put(4, 20)
    assert project.pass_through()[1]["shared"] == 2
    slower.commit()
    slower.close()
    extracted, judged, _ = project.pass_through()
    assert (extracted["rows"], extracted["sent_before"], judged["shared"]) == (1, 2, 1)
    project.put(5, 10)
    slow.commit()  # number 1 behind 2, 3, 4 and 5
    slow.close()
    extracted, judged, _ = project.pass_through()
    assert (extracted["rows"], extracted["sent_before"], judged["shared"]) == (2, 3, 2)
    assert set(heads(project)) == {project.number_of(person) for person in (1, 2, 3, 4, 5)}
    extracted, judged, shared = project.pass_through()
    assert (extracted["rows"], judged["read"], shared[project.subscriber]) == (0, 0, 0)
    check(project)


def test_equal_versions_older_markers_and_deletes_each_have_their_verdict(project: Project) -> None:
    project.put(1, 30)
    project.put(1, 30)  # the same version in two rows
    project.put(2, 30, ho_ten="Nguyễn Văn Đầu")
    project.put(2, 30, ho_ten="Nguyễn Văn Sau")  # another content under the same marker
    project.put(3, 30, ho_ten="Nguyễn Văn Cũ")
    project.put(3, 29, ho_ten="Nguyễn Văn Mới")
    project.put(4, 30)
    project.put(5, 30, da_xoa=True, ho_ten=None)  # a delete of a key never seen
    project.put(6, 30, ho_ten="Nguyễn\u0007Văn An")
    project.put(7, 30, ho_ten="Nguyễn\u0007Văn An")
    project.put(7, 29)  # mended in the same batch
    _, judged, _ = project.pass_through()
    assert judged == {"stem": project.stem, "read": 11, "shared": 7, "quarantined": 3, "duplicate": 1,
                      "superseded": 0, "renewed": 0, "replayed": 0}  # fmt: skip
    assert project.verdicts()[project.number_of(2)] == ("quarantined", "clean", {"clean.contradiction"})
    assert project.verdicts()[project.number_of(7)][0] == "superseded"
    project.put(3, 50, ho_ten="Nguyễn Văn Xưa")  # older than the head, committed late
    project.update(4, 5, da_xoa=True)
    project.update(6, 5, ho_ten="Nguyễn Văn Sạch")
    project.put(2, 30, ho_ten="Nguyễn Văn Khác")  # a third content
    _, judged, shared = project.pass_through()
    assert {state: judged[state] for state in ("shared", "quarantined", "duplicate", "superseded")} == {
        "shared": 2, "quarantined": 1, "duplicate": 0, "superseded": 1}  # fmt: skip
    assert shared[project.subscriber] == 2
    assert project.verdicts()[project.number_of(6)][0] == "superseded"
    names = heads(project)
    assert names == {
        project.number_of(1): "Nguyễn Văn An", project.number_of(2): "Nguyễn Văn Đầu",
        project.number_of(3): "Nguyễn Văn Mới", project.number_of(6): "Nguyễn Văn Sạch",
        project.number_of(7): "Nguyễn Văn An",
    }  # fmt: skip
    gone = [
        m.key or b""
        for m in read_topic(project.servers, f"sub.{project.subscriber}.{project.stem}")
        if m.value is None
    ]
    assert sorted(gone) == sorted(project.number_of(n).encode() for n in (4, 5))
    check(project)


def test_a_batch_sent_again_is_nothing_but_duplicates_and_superseded(project: Project) -> None:
    for person in range(1, 7):
        project.put(person, 30, **({"ho_ten": "Tên\u0007xấu"} if person == 1 else {}))
    project.put(6, 20, ho_ten="Nguyễn Văn Mới")
    project.pass_through()
    before = project.states()
    for message in read_topic(project.servers, f"raw.{project.stem}"):
        produce(project, f"raw.{project.stem}", message.lane, message.value or b"")
    _, judged, shared = project.pass_through()
    assert (judged["shared"], judged["quarantined"]) == (0, 0)
    assert (judged["duplicate"], judged["superseded"]) == (6, 1)
    assert shared[project.subscriber] == 0
    after = project.states()
    assert (after["shared"], after["quarantined"]) == (before["shared"], before["quarantined"])
    check(project, resent=True)


def test_bytes_that_are_no_block_are_set_aside_and_the_lane_goes_on(project: Project) -> None:
    project.put(1, 30)
    project.pass_through()
    block = next(m.value or b"" for m in read_topic(project.servers, f"raw.{project.stem}"))
    for lane in (0, 1):
        produce(project, f"raw.{project.stem}", lane, *PAYLOADS, block[:-7], block[:60])
    for person in range(2, 8):
        project.put(person, 20)
    _, judged, _ = project.pass_through()
    assert (judged["shared"], judged["quarantined"]) == (6, 10)
    refused = project.servers.query(
        "select lane, raw_offset, gate, raw from quarantine.version where stem = %s order by 1, 2",
        project.stem,
    )
    sent = [(m.lane, m.offset, m.value or b"") for m in read_topic(project.servers, f"raw.{project.stem}")]
    assert {gate for _, _, gate, _ in refused} == {"contract"}
    assert all((lane, offset, bytes(raw)) in sent for lane, offset, _, raw in refused)
    check(project)


def invoice(project: Project, number: str, minutes_ago: float, seller: str | None, **changed: object) -> None:
    """Insert or change a sound invoice."""
    row = {"so_hd": number, "mst_ban": "0101234567", "ten_ban": "Cửa hàng", "so_ddcn_ban": seller,
           "tong_tien": 1000, "tien_thue": 100, "ban_le": True, "ngay_lap": project.ago(60), "trang_thai": "1",
           "cap_nhat": project.ago(minutes_ago), **changed}  # fmt: skip
    project.sql("delete from hoadon.hddt where so_hd = %s", number)
    columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
    project.sql(f"insert into hoadon.hddt ({columns}) values ({places})", *row.values())


def test_a_record_waits_for_its_person_and_is_shared_once_when_they_arrive(bare_project: Project) -> None:
    project = bare_project
    project.declare("mps.citizens", fields=("citizen_id",))
    stem = project.declare("mof.einvoices", fields=("invoice_no", "total_vnd"))
    project.sql(INVOICES_TABLE)
    project.pass_through("prepare")
    someone, nobody = project.number_of(1), project.number_of(2)
    invoice(project, "HD1", 30, someone)
    invoice(project, "HD2", 30, nobody)
    invoice(project, "HD3", 30, None)
    project.pass_through(stem=stem)
    assert project.states(stem) == {"shared": 1, "quarantined": 2}
    invoice(project, "HD1", 30, someone, tong_tien=2000)  # contradicts the one that waits
    invoice(project, "HD2", 20, nobody, tong_tien=2000)  # a newer version waits, too
    project.pass_through(stem=stem)
    project.put(1, 25)
    project.put(2, 25, so_ddcn=nobody)
    project.pass_through()
    _, judged, shared = project.pass_through(stem=stem)
    assert (judged["read"], judged["replayed"]) == (0, 3)
    assert shared[project.subscriber] == 3
    assert project.states(stem) == {"shared": 4, "quarantined": 1}
    left = project.servers.query(
        "select key, failures from quarantine.version where stem = %s and state = 'quarantined'", stem
    )
    assert [(key, {f["code"] for f in failures} >= {"clean.contradiction"}) for key, failures in left] == [
        ("HD1", True)
    ]
    check(project)
    check(project, stem)
    assert project.pass_through("judge", stem=stem)[0]["replayed"] == 0


def test_a_waiting_record_that_disagrees_when_the_person_arrives_says_so(bare_project: Project) -> None:
    project = bare_project
    project.declare("mps.citizens")
    stem = project.declare("moj.civil_status", (r"\$\{POPHUB_SOURCE_MOJ_URL\}", "${POPHUB_SOURCE_MOF_URL}"))
    project.sql(
        "create schema hotich; create table hotich.su_kien (stt bigserial primary key, so_dk text, loai text,"
        " so_ddcn text, ho_ten text, ngay_sinh text, so_ddcn_2 text, ngay_su_kien text, ma_tinh text,"
        " huy boolean not null default false, cap_nhat timestamp without time zone)"
    )
    project.pass_through("prepare")
    day = project.ago(0).strftime("%Y%m%d")
    insert = (
        "insert into hotich.su_kien (so_dk, loai, so_ddcn, ho_ten, ngay_sinh, ngay_su_kien, ma_tinh, cap_nhat) values"
        " (%s, %s, %s, %s, '19900315', %s, '01', %s at time zone 'Asia/Ho_Chi_Minh')"
    )
    number = project.number_of(1)
    project.sql(insert, "R1", "KS", number, "Phạm Văn Khác", day, project.ago(30))  # disagrees, waits
    project.sql(insert, "R1", "KS", number, "Nguyễn Văn An", day, project.ago(20))  # agrees, waits, newer
    project.sql(insert, "R2", "KS", number, "Phạm Văn Khác", day, project.ago(30))
    project.pass_through("extract", "judge", stem=stem)
    assert project.states(stem) == {"quarantined": 3}
    project.put(1, 25)
    project.pass_through()
    judged, _ = project.pass_through("judge", "share", stem=stem)
    assert judged["replayed"] == 1
    found = project.servers.query(
        "select key, marker, state, gate, failures from quarantine.version where stem = %s order by key, id",
        stem,
    )
    assert [(key, state) for key, _, state, _, _ in found] == [
        ("R1", "superseded"),
        ("R1", "shared"),
        ("R2", "quarantined"),
    ]
    assert found[2][3] == "correct"
    assert {f["code"] for f in found[2][4]} == {"sufficient.unknown_person", "correct.agreement.name"}
    check(project, stem, subscriber=False)


def test_a_suite_without_the_rule_on_contradictions_accepts_no_version_twice(bare_project: Project) -> None:
    project = bare_project
    project.declare("mps.citizens", fields=("citizen_id",))
    path = project.folder / f"expectations/{project.agency}/citizens.json"
    suite = json.loads(path.read_text())
    suite["expectations"] = [e for e in suite["expectations"] if e["type"] != "expect_no_contradiction"]
    path.write_text(json.dumps(suite))
    project.pass_through("prepare")
    project.put(1, 30, ho_ten="Nguyễn Văn Đầu")
    project.put(1, 30, ho_ten="Nguyễn Văn Sau")
    project.pass_through()
    project.put(1, 30, ho_ten="Nguyễn Văn Khác")
    project.pass_through()
    assert project.states() == {"shared": 1, "quarantined": 2}
    assert heads(project) == {project.number_of(1): "Nguyễn Văn Đầu"}
    check(project)
