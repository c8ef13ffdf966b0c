"""connector new over a PostgreSQL database never seen: each table drafted, checked, tried and run without an edit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from command_kit import command
from hubkit import Project, surroundings

pytestmark = pytest.mark.timeout(300)

DATABASE = """
create schema "Giáo dục";
create type muc as enum ('A', 'B', 'C');
create table "Giáo dục"."Khoa" (ma char(4) primary key, ten text);
insert into "Giáo dục"."Khoa" values ('TOAN', 'x'), ('VAN', 'y');
create table "Giáo dục"."Sinh viên" (
    "Số thẻ" bigint primary key, "Họ và tên" varchar(80) not null, "Số ĐDCN" text, "Khoa" char(4) references "Giáo dục"."Khoa" (ma),
    "Ngày sinh" date, "từ khóa" text[], "order" numeric(12,2) not null, "user" uuid, "Học bổng" money, "Mức" muc,
    "Điểm" double precision, ghi_chu jsonb, "khoảng" int4range, "mạng" inet, anh bytea, "38 chữ số" numeric(38,0),
    "không giới hạn" numeric, da_xoa boolean not null default false, "Cập nhật lúc" timestamptz not null);
create index on "Giáo dục"."Sinh viên" ("Cập nhật lúc");
insert into "Giáo dục"."Sinh viên"
    select n, 'Nguyễn Văn ' || n, null, case when mod(n, 2) = 0 then 'TOAN' else 'VAN' end, date '2001-01-01' + n, '{a,"b c"}', n + 0.5,
        gen_random_uuid(), n::money, 'B', n / 3.0, '{"a": 1.0}', int4range(n, n + 2), '10.0.0.1', '\\x00ff',
        12345678901234567890123456789012345678, n, n = 7, now() - n * interval '1 minute'
    from generate_series(1, 50) n;
create table dang_ky (sinh_vien bigint references "Giáo dục"."Sinh viên" ("Số thẻ"), mon text, hoc_ky int, diem real,
    updated_at timestamp not null, primary key (sinh_vien, mon, hoc_ky));
insert into dang_ky select n, 'M' || n, 1, 7.5, localtimestamp - interval '1 day' from generate_series(1, 30) n;
create table "không dấu mốc" (id int primary key, t text);
create view nhin as select * from dang_ky;
"""


def pophub(project: Project, *arguments: str) -> Any:
    """Run a command with --json in a process of its own; give what it printed."""
    done = command(*arguments, "--json", environment=surroundings(project))
    assert done.returncode == 0, done.stderr or done.stdout
    return json.loads(done.stdout)


GONE = {"sufficient.unknown_reference": 1}  # student 7 is marked as deleted


def test_a_database_never_seen_flows_without_an_edited_file(bare_project: Project) -> None:
    project = bare_project
    project.sql("drop schema dancu cascade")
    project.sql(DATABASE)
    (project.folder / "connectors").mkdir(parents=True, exist_ok=True)
    told = pophub(project, "connector", "new", project.agency, "--from", "POPHUB_SOURCE_MPS_URL", "--all")
    stems = {one["source"]: one["stem"].partition(".")[2] for one in told["drafted"]}
    assert stems == {
        "Giáo dục.Khoa": "khoa", "Giáo dục.Sinh viên": "sinh_vien", "dang_ky": "dang_ky",
        "không dấu mốc": "khong_dau_moc"}  # fmt: skip
    assert told["passed_over"] == []
    files = [path.read_text() for path in project.folder.rglob("*") if path.is_file()]
    password = project.servers.settings.dsn(project.servers.settings.endpoints.postgres_superuser)["password"]
    assert not [text for text in files if str(password) in text or "Nguyễn Văn 1" in text]
    checked = pophub(project, "connector", "check")
    assert not [found for found in checked["findings"] if found["level"] == "error"]
    points = {one["stem"].partition(".")[2]: one["points"] for one in checked["connectors"]}
    assert (points["sinh_vien"]["marker"], points["dang_ky"]["marker"]) == (10, 5)  # the one has an index
    project.pass_through("prepare")
    for dataset, shared, waits in (("khoa", 2, {}), ("sinh_vien", 50, {}), ("dang_ky", 29, GONE)):
        stem = f"{project.agency}.{dataset}"
        tried = pophub(project, "connector", "try", stem)
        assert tried["states"]["shared"] == shared
        assert {rule["code"]: rule["rows"] for rule in tried["rules"]} == waits
        project.pass_through("extract", "judge", "share", stem=stem)
        held = {"quarantined": sum(waits.values())} if waits else {}
        assert project.states(stem) == {"shared": shared} | held
    again = pophub(project, "connector", "try", f"{project.agency}.khoa")["states"]
    assert (again["duplicate"], again["shared"]) == (2, 0), "a scan would send nothing of what the hub has"
    counted = project.servers.query(
        "select count(*) from hub.share_transaction where stem = %s", f"{project.agency}.dang_ky"
    )
    assert counted == [(29,)]
    new = ("connector", "new", f"{project.agency}.view", "--from", "POPHUB_SOURCE_MPS_URL", "--table", "nhin")
    view = pophub(project, *new, "--key", "sinh_vien,mon,hoc_ky")
    assert view["drafted"][0]["stem"] == f"{project.agency}.view"
