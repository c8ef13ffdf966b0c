"""A bad world is an error that says so, and leaves nothing lost or doubled."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hubkit import Project, Servers
from openpyxl import Workbook
from outside import check

pytestmark = pytest.mark.timeout(240)
HEADER = "Mã hồ sơ,Mã thủ tục,Số định danh,Họ và tên,Ngày sinh,Ngày nộp,Ngày trả,Kênh,Đã số hóa,Lệ phí,Trạng thái,Cập nhật"


def until(found: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 60
    while not found():
        assert time.monotonic() < deadline, "the condition did not come about"


def position(project: Project) -> list[tuple[object, ...]]:
    """Read how far the source has been read."""
    return project.servers.query("select marker from extract.position where stem = %s", project.stem)


def test_a_source_that_is_down_or_refuses_is_told_apart_and_nothing_moves(project: Project) -> None:
    project.put(1, 30)
    project.pass_through()
    before = position(project)
    project.put(2, 20)
    cases = {
        "source.unreachable": project.url(port=1),
        "source.password": project.url(password="secret-and-wrong"),
        "source.database_missing": project.url(dbname="no_such_database"),
    }
    for code, url in cases.items():
        ran = project.run("extract", POPHUB_SOURCE_MPS_URL=url)
        assert ran.error == code, ran.text
        assert "secret-and-wrong" not in ran.text
    assert position(project) == before
    project.pass_through()
    assert project.states() == {"shared": 2}
    check(project)


def test_an_address_that_cannot_be_used_is_told_and_live_knows_of_it(project: Project) -> None:
    project.put(1, 30)
    cases = {
        "source.driver_missing": "oracle://u:secret-and-wrong@h/d",
        "source.url": "postgresql://u:secret-and-wrong@h@127.0.0.1:5432/d",
    }
    for code, url in cases.items():
        ran = project.run("extract", POPHUB_SOURCE_MPS_URL=url)
        assert ran.error == code, ran.text
        assert "secret-and-wrong" not in ran.text
    told = project.servers.query(
        "select code from live.heartbeat where stem = %s order by beat", project.stem
    )
    assert [code for (code,) in told] == list(cases)
    project.pass_through()
    assert project.states() == {"shared": 1}


def test_a_dropped_column_holds_the_batch_until_it_is_mended(project: Project) -> None:
    project.put(1, 30)
    project.pass_through()
    before = position(project)
    project.put(2, 20)
    project.sql("alter table dancu.cong_dan rename column ho_ten to ten")
    for _ in range(2):
        ran = project.run("extract")
        assert ran.error == "source.column_missing"
        assert "ho_ten" in ran.text
    holds = "select code, released_at is null from extract.hold where stem = %s"
    assert project.servers.query(holds, project.stem) == [("source.column_missing", True)]
    assert position(project) == before
    project.sql("alter table dancu.cong_dan rename column ten to ho_ten")
    project.pass_through()
    assert project.servers.query(holds, project.stem) == [("source.column_missing", False)]
    assert project.states() == {"shared": 2}
    check(project)


def backend(servers: Servers, role: str, waits_on: str) -> bool:
    """End the backend of a role that waits on something; tell whether there was one."""
    found = servers.query(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name = %s and (wait_event_type = %s or wait_event = %s)",
        role, waits_on, waits_on,
    )  # fmt: skip
    return bool(found)


def test_a_connection_that_dies_while_judge_waits_for_a_lane_decides_nothing(project: Project) -> None:
    for person in range(1, 7):
        project.put(person, 30)
    project.pass_through("extract")
    project.pass_through("judge")
    for person in range(11, 17):
        project.put(person, 20)
    project.pass_through("extract")
    before = project.states()
    blocker = project.servers.superuser()
    blocker.autocommit = False
    with blocker.cursor() as cursor:
        cursor.execute("select from judge.lane where stem = %s for update", (project.stem,))
        started = project.start("judge")
        until(lambda: backend(project.servers, "pophub_judge", "Lock"))
        ran = started.wait()
    blocker.close()
    assert (ran.error, ran.code) in {("postgres.unreachable", 0), ("postgres.connection_lost", 0)}, ran.text
    assert project.states() == before
    project.pass_through()
    assert project.states() == {"shared": 12}
    check(project)


@contextmanager
def commits_hang(servers: Servers) -> Iterator[None]:
    """Let each COMMIT wait for a standby that is not there: it is durable, and nobody hears of it."""
    servers.query("alter system set synchronous_standby_names = 'ghost'")
    servers.query("select pg_reload_conf()")
    until(lambda: servers.query("show synchronous_standby_names") == [("ghost",)])
    try:
        yield
    finally:
        servers.query("alter system reset synchronous_standby_names")
        servers.query("select pg_reload_conf()")
        until(lambda: servers.query("show synchronous_standby_names") == [("",)])


@pytest.mark.parametrize("stage", ["extract", "judge", "share"])
def test_a_commit_whose_answer_is_lost_counts_once(project: Project, stage: str) -> None:
    for person in range(1, 7):
        project.put(person, 30)
    project.pass_through()
    for person in range(11, 17):
        project.put(person, 20)
    before = {"extract": (), "judge": ("extract",), "share": ("extract", "judge")}[stage]
    if before:
        project.pass_through(*before)
    with commits_hang(project.servers):
        started = project.start(stage)
        until(lambda: backend(project.servers, f"pophub_{stage}", "SyncRep"))
    ran = started.wait()  # the dying backend commits once more, to drop its temporary tables
    assert ran.error in {"postgres.unreachable", "postgres.connection_lost"}, ran.text
    project.pass_through()
    assert project.states()["shared"] == 12
    check(project)


def row(number: str, citizen: str, project: Project) -> str:
    """Write a sound dossier as the province's CSV holds one."""
    day = project.ago(60).strftime("%d/%m/%Y")
    at = project.ago(60).strftime("%d/%m/%Y %H:%M:%S")
    return f"{number},TT01,{citizen},Nguyễn Văn An,15/03/1990,{day},,Trực tuyến,x,50000,Đã tiếp nhận,{at}"


def command(project: Project, code: int | None, *arguments: str) -> str:
    """Run a command as a person would; give what it says. The exit code is looked at unless it is None."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("pophub")), *arguments],
        env=os.environ | project.environment | {"POPHUB_HOME": str(project.servers.settings.home)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert code in (None, done.returncode), done.stdout + done.stderr
    return done.stdout + done.stderr


def drop(folder: Path, name: str, content: bytes) -> None:
    """Put a file that rests since a minute into the folder."""
    path = folder / name
    path.write_bytes(content)
    past = time.time() - 60
    os.utime(path, (past, past))


def test_bad_files_are_held_by_name_while_the_good_one_is_read_once(
    bare_project: Project, tmp_path: Path
) -> None:
    project = bare_project
    folder = tmp_path / "drop"
    folder.mkdir()
    project.declare("mps.citizens")
    stem = project.declare("thanhhoa.procedures", fields=("dossier_no", "status"))
    project.environment["POPHUB_SOURCE_THANHHOA_URL"] = str(folder)
    project.pass_through("prepare")
    citizen = project.put(1, 90)
    project.pass_through()
    good = "\n".join([HEADER, *(row(f"HS{n}", citizen, project) for n in range(4))]) + "\n"
    drop(folder, "ho_so_1.csv", good.encode())
    drop(folder, "ho_so_2.csv", b"")
    drop(folder, "ho_so_3.xlsx", good.replace("HS", "HX").encode())
    other = good.replace("HS", "HT")
    drop(folder, "ho_so_4.csv", other.encode()[:-40])
    drop(folder, "HO_SO_5.csv", other.encode())
    drop(folder, unicodedata.normalize("NFD", "ho_sổ.csv"), other.encode())
    ran = project.run("extract", stem=stem)
    assert ran.error == "source.file_empty", ran.text
    assert "Nguyễn" not in ran.text and citizen not in ran.text
    for place in ("ho_so_3.xlsx: source.file_kind", "ho_so_4.csv: source.file_end_open"):
        assert place in ran.text
    holds = "select code, subject from extract.hold where stem = %s and released_at is null order by subject"
    held = project.servers.query(holds, stem)
    assert [code for code, _ in held] == ["source.file_empty", "source.file_kind", "source.file_end_open"]
    assert [f"ho_so_{n}." in subject for n, (_, subject) in zip((2, 3, 4), held, strict=True)] == [True] * 3
    project.pass_through("judge", "share", stem=stem)
    assert project.states(stem) == {"shared": 4}
    said = command(project, 1, "run", stem)
    for code, _ in held:
        assert f"error {code}" in said
    assert "2 files are left out" in said and "HO_SO_5.csv" in said and "Nguyễn" not in said
    assert "HO_SO_5.csv" in command(project, 0, "status") and "HO_SO_5.csv" in command(
        project, None, "doctor"
    )
    (folder / "ho_so_3.xlsx").unlink()
    assert project.run("extract", stem=stem).error == "source.file_empty", "beside others that are bad still"
    still = [code for code, _ in project.servers.query(holds, stem)]
    assert still == ["source.file_empty", "source.file_end_open"]
    assert "pophub: the file was withdrawn" in command(project, 0, "hold", "list", stem, "--all")
    drop(folder, "ho_so_2.csv", (HEADER + "\n" + row("HU1", citizen, project) + "\n").encode())
    drop(folder, "ho_so_4.csv", other.encode())
    drop(folder, "ho_so_1_again.csv", good.encode())
    project.pass_through(stem=stem)
    assert project.states(stem) == {"shared": 9}
    assert project.servers.query(holds, stem) == []
    check(project, stem)


def test_a_held_file_that_becomes_what_was_taken_is_held_no_more(
    bare_project: Project, tmp_path: Path
) -> None:
    project = bare_project
    citizens = project.declare("mps.citizens")
    project.pass_through("prepare")
    stem = project.declare("thanhhoa.procedures")
    project.environment["POPHUB_SOURCE_THANHHOA_URL"] = str(tmp_path)
    good = (HEADER + "\n" + row("HS1", project.put(1, 90), project) + "\n").replace(",", ";").encode("utf-16")
    drop(tmp_path, "ho_so_1.csv", good)
    drop(tmp_path, "ho_so_2.csv", good[:-2])
    sound, project.environment["POPHUB_SOURCE_MPS_URL"] = (
        project.environment["POPHUB_SOURCE_MPS_URL"],
        project.url(port=1),
    )
    said = command(project, 1, "run")
    assert f"{citizens}: source.unreachable" in said and f"{stem}: source.file_end_open" in said
    assert (
        said.index("┃ dataset")
        < said.index("error source.unreachable")
        < said.index("error source.file_end_open")
    )
    project.environment["POPHUB_SOURCE_MPS_URL"] = sound
    told = "encoding utf-16, by its byte order mark; a semicolon between values, by its first line"
    assert f"{stem}: ho_so_1.csv: {told}" in said
    assert project.servers.query("select name, told from extract.file where stem = %s", stem) == [
        ("ho_so_1.csv", told)
    ]
    drop(tmp_path, "ho_so_2.csv", good)
    assert "error" not in command(project, 0, "run")
    assert "holds by now what was taken before" in command(project, 0, "hold", "list", stem, "--all")
    assert project.states(stem) == {"shared": 1}
    check(project, stem, subscriber=False)
    quarantined_records_tell_their_place(project, stem, tmp_path)


def quarantined_records_tell_their_place(project: Project, stem: str, folder: Path) -> None:
    """See that a bad record of a file is found by file, sheet and line, and is the same in another file."""
    cells = row("HS2", project.number_of(1), project).split(",")
    malformed = ",".join(cells).replace("Nguyễn Văn An", '"Nguyễn" Văn An')
    drop(folder, "ho_so_3.csv", f"{HEADER}\n{malformed}\n".encode())
    drop(folder, "ho_so_4.csv", f"{HEADER}\n\n{malformed}\n".encode())
    book = Workbook()
    assert book.active is not None
    book.active.title = "Tháng 1"
    for line in (HEADER.split(","), [cell if cell != "Đã tiếp nhận" else "#N/A" for cell in cells]):
        book.active.append(line)
    book.save(folder / "ho_so_5.xlsx")
    project.pass_through("extract", "judge", stem=stem)
    assert project.states(stem) == {"shared": 1, "quarantined": 2, "duplicate": 1}
    told = project.servers.query(
        "select id, failures -> 0 ->> 'code' from quarantine.version where stem = %s and state = 'quarantined' order by 2",
        stem,
    )
    assert [code for _, code in told] == ["contract.cell.error", "contract.quoting"]
    in_book, in_csv = (command(project, 0, "quarantine", "show", str(number)) for number, _ in told)
    assert "file: ho_so_5.xlsx, sheet Tháng 1, line 2" in in_book and "(field status)" in in_book
    assert "file: ho_so_3.csv, line 2" in in_csv and "_place" not in in_csv
    out = folder.parent / "out.csv"
    command(project, 0, "quarantine", "export", stem, "--out", str(out))
    assert "ho_so_5.xlsx, sheet Tháng 1, line 2" in out.read_text(encoding="utf-8-sig")
    digest = command(project, 0, "quarantine", "digest", stem.split(".")[0])
    assert "ho_so_5.xlsx, trang tính Tháng 1, dòng 2" in digest and "ho_so_3.csv, line 2" in digest
