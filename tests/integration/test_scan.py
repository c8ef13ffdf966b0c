"""A source without a change marker: what is new, changed or gone in it comes through, on the real servers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hubkit import SIGKILLED, Project, Servers, hub_of
from outside import check

from pophub.commands import reconcile as commands
from pophub.domain.errors import ConfigError

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def scanned(servers: Servers, tmp_path: Path) -> Any:
    """A project whose citizens' table has no change marker and no deletions, read by scans."""
    project = Project(servers, tmp_path)
    project.declare(
        "mps.citizens",
        (r"(?s)key: \[so_ddcn, id\]\n  marker:.*?mapping:", "key: [so_ddcn]\n  marker: {kind: scan}\n"
         "  gone_at_most: 0.5\nlimits: {batch_rows: 3}\nmapping:"),
        fields=("citizen_id", "full_name"),
    )  # fmt: skip
    suite = project.folder / f"expectations/{project.agency}/citizens.json"
    suite.write_text(suite.read_text().replace("hub_marker", "hub_changed_at"))
    project.pass_through("prepare")
    for person in range(1, 9):
        project.put(person, 30)
    yield project
    project.close()


def passed(project: Project) -> tuple[int, dict[str, int]]:
    """Run the stages; give the rows that were sent, and the verdicts."""
    extracted, judged, _ = project.pass_through()
    told = {
        state: judged[state]
        for state in ("shared", "duplicate", "quarantined", "superseded")
        if judged[state]
    }
    return extracted["rows"], told


def present(project: Project) -> dict[str, str]:
    """Give number -> name of this project's people who are present in the population database."""
    return dict(project.servers.query(
        "select citizen_id, full_name from population.citizen where present and citizen_id like %s",
        project.number_of(0)[:-3] + "%",
    ))  # fmt: skip


def scans(project: Project) -> list[tuple[Any, ...]]:
    """Give number, state, rows, sent rows and gone rows of each scan."""
    return project.servers.query(
        "select scan, state, rows, sent, gone from extract.scan where stem = %s order by scan", project.stem
    )


def test_each_scan_sends_what_is_new_changed_or_gone_and_nothing_else(scanned: Project) -> None:
    assert passed(scanned) == (8, {"shared": 8})
    assert passed(scanned) == (0, {})
    scanned.put(9, 30)
    scanned.sql("update dancu.cong_dan set ho_ten = 'Lê Văn Mới' where so_ddcn = %s", scanned.number_of(2))
    scanned.sql("update dancu.cong_dan set cap_nhat_luc = now()")  # a column that nothing reads
    scanned.sql(
        "delete from dancu.cong_dan where so_ddcn in (%s, %s)", scanned.number_of(3), scanned.number_of(4)
    )
    assert passed(scanned) == (4, {"shared": 4})
    found = present(scanned)
    assert set(found) == {scanned.number_of(person) for person in (1, 2, 5, 6, 7, 8, 9)}
    assert found[scanned.number_of(2)] == "Lê Văn Mới"
    scanned.put(3, 30)  # comes back as it was
    assert passed(scanned) == (1, {"shared": 1})
    assert scans(scanned) == [
        (1, "whole", 8, 8, 0), (2, "whole", 8, 0, 0), (3, "whole", 7, 4, 2), (4, "whole", 8, 1, 0),
    ]  # fmt: skip
    markers = scanned.servers.query(
        "select marker, count(*) from ledger.history where stem = %s group by 1 order by 1", scanned.stem
    )
    assert markers == [(1, 8), (3, 4), (4, 1)], "the marker is the number of the scan"
    check(scanned)


@pytest.mark.parametrize("passage", ["claimed", "named", "kept", "ended"])
def test_a_torn_scan_deletes_nothing_and_the_next_one_finds_all(scanned: Project, passage: str) -> None:
    passed(scanned)
    scanned.put(9, 30)
    scanned.sql("delete from dancu.cong_dan where so_ddcn = %s", scanned.number_of(1))
    assert scanned.run("extract", fail=f"scan.{passage}").code == SIGKILLED
    scanned.pass_through("judge")
    if passage in ("claimed", "named"):
        assert scanned.number_of(1) in present(scanned), "deleted before the scan was whole"
    scanned.sql(
        "delete from dancu.cong_dan where so_ddcn = %s", scanned.number_of(9)
    )  # seen by the torn one alone
    passed(scanned)
    assert set(present(scanned)) == {scanned.number_of(person) for person in range(2, 9)}
    states = [state for _, state, *_ in scans(scanned)]
    assert states == ["whole", "whole" if passage == "ended" else "torn", "whole"]
    assert passed(scanned)[0] == 0
    check(scanned)


def test_a_row_that_comes_back_after_its_delete_was_cut_off_is_told_again(scanned: Project) -> None:
    passed(scanned)
    scanned.sql("delete from dancu.cong_dan where so_ddcn = %s", scanned.number_of(1))
    assert scanned.run("extract", fail="extract.acknowledged").code == SIGKILLED
    scanned.put(1, 30)  # as it was, which the hub had read before
    assert passed(scanned)[0] == 1
    assert len(present(scanned)) == 8
    assert passed(scanned) == (0, {})
    check(scanned)


def test_a_connection_that_is_lost_in_the_middle_tears_the_scan(scanned: Project) -> None:
    passed(scanned)
    scanned.sql("alter table dancu.cong_dan rename to people")
    scanned.sql(
        "create view dancu.cong_dan as select id, so_ddcn, ho_ten, ngay_sinh, gioi_tinh, ma_tinh, ma_ho, "
        "case when id > 5 then (1 / (id - id))::text else so_cmnd end as so_cmnd, da_xoa, cap_nhat_luc from dancu.people"
    )
    assert scanned.run("extract").error == "source.unreadable"
    scanned.sql("drop view dancu.cong_dan")
    scanned.sql("alter table dancu.people rename to cong_dan")
    assert passed(scanned) == (0, {})
    assert [state for _, state, *_ in scans(scanned)] == ["whole", "torn", "whole"]
    assert len(present(scanned)) == 8


def test_rows_gone_beyond_the_declared_share_are_held_until_a_person_lets_them_go(scanned: Project) -> None:
    passed(scanned)
    scanned.put(9, 30)
    scanned.sql("delete from dancu.cong_dan where so_ddcn < %s", scanned.number_of(7))
    ran = scanned.run()
    assert ran.error == "source.rows_gone"
    scanned.pass_through("judge", "share")
    assert len(present(scanned)) == 9, "what is new came through, and nothing was deleted"
    ((hold,),) = scanned.servers.query(
        "select hold from extract.hold where stem = %s and code = 'source.rows_gone' and released_at is null",
        scanned.stem,
    )
    assert scanned.run("extract").error == "source.rows_gone", "it stays held"
    release = ("update extract.hold set released_at = clock_timestamp() where hold = %s",
               "insert into quarantine.hold_release (hold, released_by, reason) values (%s, 'Lan', 'they moved')")  # fmt: skip
    for statement in release:
        scanned.servers.query(statement, hold)
    scanned.sql("delete from dancu.cong_dan where so_ddcn = %s", scanned.number_of(7))
    assert scanned.run("extract").error == "source.rows_gone", "more are gone than a person has let go"
    scanned.put(7, 30)
    assert passed(scanned) == (6, {"shared": 6})
    assert set(present(scanned)) == {scanned.number_of(person) for person in (7, 8, 9)}
    assert [state for _, state, *_ in scans(scanned)] == ["whole", "held", "held", "held", "whole"]
    check(scanned)


def test_of_two_scans_at_once_the_older_one_changes_nothing_any_more(scanned: Project) -> None:
    passed(scanned)
    scanned.put(9, 30)
    scanned.sql("alter table dancu.cong_dan rename to people")
    scanned.sql("create table dancu.pause as select 15 as seconds")
    scanned.sql(
        "create view dancu.cong_dan as select id, so_ddcn, ho_ten, ngay_sinh, gioi_tinh, ma_tinh, ma_ho, "
        "case when id = 5 then (select nullif(pg_sleep(seconds)::text, '') from dancu.pause) end as so_cmnd, "
        "da_xoa, cap_nhat_luc from dancu.people"
    )
    older = scanned.start("extract")
    opened = "select 1 from extract.scan where stem = %s and state = 'open'"
    until = time.monotonic() + 60
    while not scanned.servers.query(opened, scanned.stem):
        assert time.monotonic() < until
        time.sleep(0.1)
    # its hub's session ends, and with it the lock of the dataset; the process lives on, and reads
    scanned.servers.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
        "and usename = 'pophub_extract' and datname = current_database()"
    )
    scanned.sql("update dancu.pause set seconds = 0")
    assert passed(scanned) == (1, {"shared": 1})
    assert older.wait().error is not None
    assert passed(scanned) == (0, {})
    assert [state for _, state, *_ in scans(scanned)] == ["whole", "torn", "whole", "whole"]
    check(scanned)


def test_two_rows_of_one_key_are_a_contradiction_once(scanned: Project) -> None:
    passed(scanned)
    scanned.put(1, 30, ho_ten="Nguyễn Văn Khác")
    assert passed(scanned) == (2, {"duplicate": 1, "quarantined": 1})
    assert passed(scanned) == (0, {}), "told once, as long as both stay as they are"
    check(scanned)


def test_reconcile_reset_and_backfill_know_what_a_scan_is(
    scanned: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed(scanned)
    hub = hub_of(scanned, monkeypatch)
    assert commands.examine(hub, scanned.stem).findings == []
    scanned.put(9, 30)
    scanned.sql("delete from dancu.cong_dan where so_ddcn = %s", scanned.number_of(1))
    report = commands.examine(hub, scanned.stem)
    assert (report.findings, report.pending) == ([], 2), "the next scan finds both"
    with pytest.raises(ConfigError, match=r"backfill\.scan"):
        hub.table(scanned.stem)
    scanned.servers.query(
        "update extract.scan_row set digest = '' where stem = %s", scanned.stem
    )  # as a reset does
    extracted = scanned.pass_through("extract")
    assert extracted[0]["rows"] == 9, "all eight that are there, and the delete of the one that is gone"
