"""A source that is read by PostgreSQL's log: snapshot and changes joined, killed anywhere, on the real servers."""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from command_kit import command
from hubkit import SIGKILLED, Project, hub_of, surroundings
from log_kit import at_source, drop_slot, passed, present, slot
from outside import check

from pophub.commands.reconcile import examine
from pophub.contracts.source_model import CdcSource, SqlSource
from pophub.domain.errors import PophubError
from pophub.domain.record import Columns
from pophub.reconcile.rebuild import Rebuild
from pophub.sources.sql import SqlTable
from pophub.sources.wal_table import WalTable
from pophub.stores.reading import reset
from pophub.streaming.sources import SourceWorker
from pophub.wiring import Hub
from tests.refused import refused

sys.path.insert(0, str(Path(__file__).parents[1]))  # the kit of the page lies with all tests

from types_page import rows

pytestmark = pytest.mark.timeout(300)


def history(project: Project, person: int) -> list[str | None]:
    """Give what was shared of a person, operation by operation."""
    return [row[0] for row in project.servers.query(
        "select operation from ledger.history where stem = %s and key = %s order by lane, sequence",
        project.stem, project.number_of(person),
    )]  # fmt: skip


def test_a_snapshot_and_then_every_change_as_it_was_committed(logged: Project) -> None:
    assert passed(logged) == (8, {"shared": 8})
    assert passed(logged) == (0, {})
    one, two, three, nine = (logged.number_of(n) for n in (1, 2, 3, 9))
    logged.put(9, 30)
    for name in ("Lê Văn Một", "Lê Văn Hai", "Lê Văn Một"):  # each is a version, also the one that comes back
        logged.sql("update dancu.cong_dan set ho_ten = %s where so_ddcn = %s", name, one)
    logged.sql("delete from dancu.cong_dan where so_ddcn = %s", two)
    logged.sql("update dancu.cong_dan set so_ddcn = %s where so_ddcn = %s", logged.number_of(30), three)
    logged.sql("begin; delete from dancu.cong_dan where so_ddcn = %s; rollback", nine)
    assert passed(logged) == (7, {"shared": 7})
    assert present(logged) == at_source(logged)
    assert history(logged, 1) == ["u"] * 4 and history(logged, 2) == ["u", "d"] == history(logged, 3)
    assert passed(logged) == (0, {})
    check(logged)


PASSAGES = (
    "scan.claimed", "slot.made", "scan.named", "extract.acknowledged", "scan.kept", "scan.ended",
    "slot.named", "slot.taking", "slot.taken", "slot.rested", "slot.confirmed",
)  # fmt: skip


def test_who_existed_since_when_follows_the_commit_and_every_store_agrees(
    logged: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed(logged)
    one, two = logged.number_of(1), logged.number_of(2)
    logged.sql("update dancu.cong_dan set ho_ten = 'Lê Văn Một' where so_ddcn = %s", one)
    logged.sql("delete from dancu.cong_dan where so_ddcn = %s", two)
    passed(logged)
    hub = hub_of(logged, monkeypatch)
    assert examine(hub, logged.stem, deep=True).findings == []
    again = Rebuild(hub.settings, list(hub.connectors.values()), f"again_{logged.agency}").run()
    assert [table.differing for table in again] == [0, 0, 0]
    began = logged.servers.query(
        "select citizen_id, count(*), max(valid_from) > %s from population.identity "
        "where citizen_id in (%s, %s) group by 1 order by 1",
        int(logged.ago(1).timestamp() * 1_000_000), one, two,
    )  # fmt: skip
    assert began == [(one, 2, True), (two, 2, True)], "since their commits, no place of the log"


@pytest.mark.parametrize("passage", PASSAGES)
def test_a_kill_anywhere_loses_nothing_and_shares_nothing_twice(logged: Project, passage: str) -> None:
    if passage.startswith("slot.") and passage != "slot.made":
        passed(logged)  # these are of the log
    logged.sql("update dancu.cong_dan set ho_ten = 'Lê Văn Một' where so_ddcn = %s", logged.number_of(1))
    logged.sql(
        "update dancu.cong_dan set so_ddcn = %s where so_ddcn = %s", logged.number_of(30), logged.number_of(2)
    )
    assert logged.run("extract", fail=passage).code == SIGKILLED
    logged.sql("delete from dancu.cong_dan where so_ddcn = %s", logged.number_of(3))
    logged.sql("update dancu.cong_dan set ho_ten = 'Lê Văn Hai' where so_ddcn = %s", logged.number_of(1))
    passed(logged)
    assert present(logged) == at_source(logged)
    assert passed(logged) == (0, {})
    if passage.startswith("slot.") and passage != "slot.made":
        assert history(logged, 1) == ["u"] * 3 and history(logged, 3) == ["u", "d"]
    check(logged)


def log_of(
    project: Project, table: str = "dancu.cong_dan", columns: tuple[str, ...] = ("so_ddcn", "ho_ten")
) -> WalTable:
    """Open the log of a table, whose key is the first of the columns."""
    source = CdcSource.model_validate({"kind": "cdc", "url": "${X}", "table": table, "key": columns[:1]})
    return WalTable(source, project.url(), columns=columns, where=project.stem)


def began(project: Project, log: WalTable) -> int:
    """Make the slot and end its snapshot; give the place behind which it tells."""
    log.state(None)
    place = log.begin(None)
    log.close()
    return place


def changes(log: WalTable, after: int) -> Columns:
    """Give the rows of all that was committed behind a place."""
    found: Columns = {}
    for stretch in log.changes(0, after, log.state(log.slot).place, 1000):
        for name, values in stretch.columns.items():
            found.setdefault(name, []).extend(values)
    log.close()
    return found


def test_what_is_committed_while_the_snapshot_is_read_comes_behind_it(logged: Project) -> None:
    log = log_of(logged)
    log.state(None)
    place = log.begin(None)
    logged.sql("update dancu.cong_dan set ho_ten = 'Lê Văn Một' where so_ddcn = %s", logged.number_of(1))
    logged.put(9, 30)
    (seen,) = log.read(None, 1000)
    assert len(seen["so_ddcn"]) == 8 and set(seen["ho_ten"]) == {"Nguyễn Văn An"}
    log.begun()
    told = changes(log, place)
    assert list(zip(told["so_ddcn"], told["ho_ten"], strict=True)) == [
        (logged.number_of(1), "Lê Văn Một"), (logged.number_of(9), "Nguyễn Văn An"),
    ]  # fmt: skip


def test_a_slot_that_is_gone_is_told_and_what_it_did_not_tell_is_found(logged: Project) -> None:
    passed(logged)
    logged.sql("delete from dancu.cong_dan where so_ddcn = %s", logged.number_of(1))
    logged.sql("update dancu.cong_dan set ho_ten = 'Lê Văn Hai' where so_ddcn = %s", logged.number_of(2))
    drop_slot(logged)
    ran = logged.run("extract")
    assert ran.error == "source.slot_lost" and "it is gone" in ran.text
    holds = "select code, released_at is null from extract.hold where stem = %s"
    assert logged.servers.query(holds, logged.stem) == [("source.slot_lost", True)]
    assert passed(logged) == (2, {"shared": 2})
    assert present(logged) == at_source(logged)
    assert logged.servers.query(holds, logged.stem) == [("source.slot_lost", False)]
    check(logged)


def test_a_slot_that_somebody_else_reads_on_is_lost(logged: Project) -> None:
    passed(logged)
    logged.put(9, 30)
    logged.sql("select pg_replication_slot_advance(%s, pg_current_wal_lsn())", slot(logged))
    assert logged.run("extract").error == "source.slot_lost"
    assert passed(logged) == (1, {"shared": 1})


def test_a_table_that_is_made_anew_is_another_one(logged: Project) -> None:
    passed(logged)
    logged.sql("create table dancu.moi (like dancu.cong_dan including all)")
    logged.sql("insert into dancu.moi select * from dancu.cong_dan where so_ddcn > %s", logged.number_of(2))
    logged.sql("drop table dancu.cong_dan cascade")
    logged.sql("alter table dancu.moi rename to cong_dan")
    logged.sql("alter publication pophub add table dancu.cong_dan")
    assert logged.run("extract").error == "source.slot_lost"
    assert passed(logged) == (2, {"shared": 2})
    assert present(logged) == at_source(logged)


def test_an_emptied_table_deletes_what_is_not_there_again(logged: Project) -> None:
    passed(logged)
    logged.sql(
        "begin; create temp table kept as select * from dancu.cong_dan where so_ddcn < %s; truncate dancu.cong_dan; "
        "insert into dancu.cong_dan select * from kept; drop table kept; commit", logged.number_of(7),
    )  # fmt: skip
    assert passed(logged) == (8, {"shared": 2, "duplicate": 6})
    logged.sql("truncate dancu.cong_dan")
    assert passed(logged) == (6, {"shared": 6})
    assert present(logged) == {}
    check(logged)


def test_rows_gone_in_a_snapshot_beyond_the_declared_share_are_held(logged: Project) -> None:
    passed(logged)
    drop_slot(logged)
    assert logged.run("extract").error == "source.slot_lost"
    logged.sql("delete from dancu.cong_dan where so_ddcn > %s", logged.number_of(2))
    assert logged.run("extract").error == "source.rows_gone"
    logged.sql("insert into dancu.cong_dan (so_ddcn) values (%s)", logged.number_of(50))
    assert logged.run("extract").error == "source.rows_gone"
    assert len(present(logged)) == 8


def test_a_large_transaction_goes_in_batches_and_the_position_waits_for_its_end(logged: Project) -> None:
    passed(logged)
    logged.sql("update dancu.cong_dan set ma_ho = 'H77'")  # eight rows, batches of four
    assert logged.run("extract", fail="slot.taken").code == SIGKILLED
    at = "select marker from extract.position where stem = %s"
    ((before,),) = logged.servers.query(at, logged.stem)
    assert passed(logged) == (8, {"shared": 8, "duplicate": 4})
    assert logged.servers.query(at, logged.stem) > [(before,)]
    check(logged)


def test_an_idle_table_lets_the_server_forget_its_log(logged: Project) -> None:
    passed(logged)
    logged.sql("create table dancu.khac (n int)")
    asked = "select confirmed_flush_lsn, pg_current_wal_lsn() - confirmed_flush_lsn from pg_replication_slots where slot_name = %s"
    logged.sql("insert into dancu.khac select generate_series(1, 20000)")
    ((before, behind),) = logged.sql(asked, slot(logged))
    assert behind > 500_000
    assert passed(logged) == (0, {})
    ((after, behind),) = logged.sql(asked, slot(logged))
    assert after != before and behind < 500_000
    kept = "select state, kept_bytes > 500000, kept_at is not null from extract.slot where stem = %s"
    assert logged.servers.query(kept, logged.stem) == [("following", True, True)]


def test_a_log_that_is_kept_above_its_bound_is_alerted(logged: Project) -> None:
    passed(logged)
    logged.servers.query(
        "update extract.slot set kept_bytes = 20000::bigint << 20 where stem = %s", logged.stem
    )
    with pytest.MonkeyPatch.context() as patch:
        hub_of(logged, patch).watch()
    alerts = "select subject, what from live.alert where stem = %s and code = 'alert.slot_kept'"
    assert logged.servers.query(alerts, logged.stem) == [
        ("slot", "the source keeps 20,000 MB of its log, more than keep_wal_mb")
    ]


def test_a_column_that_goes_holds_what_follows_and_nothing_of_before(logged: Project) -> None:
    passed(logged)
    logged.put(9, 30)
    logged.sql("alter table dancu.cong_dan add column them int default 7")
    logged.put(10, 30)
    assert passed(logged) == (2, {"shared": 2})
    logged.put(11, 30)
    logged.sql("alter table dancu.cong_dan rename column ho_ten to ten")
    logged.sql("update dancu.cong_dan set ten = 'Lê Văn Một' where so_ddcn = %s", logged.number_of(1))
    assert logged.run("extract").error == "source.column_missing"
    logged.sql("alter table dancu.cong_dan rename column ten to ho_ten")
    logged.sql("update dancu.cong_dan set ma_ho = 'H88' where so_ddcn = %s", logged.number_of(2))
    logged.servers.query("select 1")
    ran = logged.run("extract")
    assert ran.error == "source.column_missing", "what was committed under the other name stays so in the log"
    with pytest.MonkeyPatch.context() as patch:
        hub = hub_of(logged, patch)
        with hub.adapters.connection("pophub_extract") as connection:
            reset(connection, hub.connector(logged.stem), "Lan")
    passed(logged)
    assert present(logged) == at_source(logged)


LONG = "(select string_agg(md5(n::text), '') from generate_series(1, 400) n)"


def test_a_long_value_that_did_not_change_is_never_a_null(logged: Project) -> None:
    passed(logged)
    one = logged.number_of(1)
    logged.sql("alter table dancu.cong_dan alter ho_ten set storage external")
    logged.sql(f"update dancu.cong_dan set ho_ten = {LONG}")
    log = log_of(logged)
    log.state(slot(logged))
    at = logged.sql("select (pg_current_wal_lsn() - '0/0')::bigint")[0][0]
    logged.sql("update dancu.cong_dan set ma_ho = 'H99' where so_ddcn = %s", one)
    told = changes(log, at)
    assert told["ho_ten"] == [None] and told["_flaws"] == ['{"ho_ten":"contract.value.unavailable"}']
    passed(logged)
    assert "contract.value.unavailable" in logged.verdicts()[one][2]
    logged.sql("alter table dancu.cong_dan replica identity full")
    at = logged.sql("select (pg_current_wal_lsn() - '0/0')::bigint")[0][0]
    logged.sql("update dancu.cong_dan set ma_ho = 'H98' where so_ddcn = %s", one)
    told = changes(log, at)
    assert told["_flaws"] == [None] and told["ho_ten"] == [logged.sql(f"select {LONG}")[0][0]]


def test_the_log_gives_each_value_as_a_query_does(logged: Project) -> None:
    kinds = [row for row in rows("PostgreSQL")]
    columns = ", ".join(f"c{n} {row.kind}" for n, row in enumerate(kinds))
    logged.sql(
        "create domain dancu.so as int check (value > 0); create type dancu.mau as enum ('đỏ', 'xanh')"
    )
    logged.sql(
        f"create table dancu.la (k text primary key, {columns}, d dancu.so, e dancu.mau, a text[], u uuid, i inet, "
        "j jsonb, r int4range, p interval, f real, h char(8), b bytea, z time with time zone)"
    )
    logged.sql("alter publication pophub add table dancu.la")
    log = log_of(logged, "dancu.la", ("k",))
    place = began(logged, log)
    values = ", ".join(row.value for row in kinds)
    logged.sql(
        f"insert into dancu.la values ('a', {values}, 7, 'đỏ', '{{x,\"y z\"}}', "
        "'00000000-0000-0000-0000-00000000000a', '10.0.0.1/8', '{\"b\": 1.0}', '[1,5)', '-02:00', 0.1, 'HN', "
        "'\\x00ff', '07:00+07')"
    )
    logged.sql("insert into dancu.la (k) values ('b')")
    told = changes(log, place)
    declared = SqlSource.model_validate(
        {"kind": "sql", "url": "${X}", "table": "dancu.la", "key": ["k"], "marker": {"kind": "scan"}}
    )
    (asked,) = SqlTable(declared, logged.url(), where="x").read(None, 10)
    for name, found in asked.items():
        assert list(map(repr, told[name])) == list(map(repr, found)), name


BROKEN = (
    ("drop publication pophub", "source.publication"),
    ("alter publication pophub drop table dancu.cong_dan", "source.publication"),
    ("alter publication pophub set (publish = 'insert, update, delete')", "source.publication"),
    ("alter publication pophub set table dancu.cong_dan where (da_xoa = false)", "source.publication"),
    ("alter publication pophub set table dancu.cong_dan (so_ddcn, ma_ho)", "source.publication"),
    ("alter table dancu.cong_dan drop constraint cong_dan_pkey", "source.replica_identity"),
    (
        "alter table dancu.cong_dan drop constraint cong_dan_pkey, add primary key (id)",
        "source.replica_identity",
    ),
    ("alter table dancu.cong_dan replica identity nothing", "source.replica_identity"),
    ("alter table dancu.cong_dan set unlogged", "source.replica_identity"),
    ("drop table dancu.cong_dan", "source.table_missing"),
)


@pytest.mark.parametrize("statement, code", BROKEN, ids=[statement for statement, _ in BROKEN])
def test_what_keeps_the_log_from_being_read_is_told_and_makes_no_slot(
    logged: Project, statement: str, code: str
) -> None:
    if "unlogged" in statement:
        logged.sql("drop publication pophub")
    logged.sql(statement)
    if "unlogged" in statement:
        found = log_of(logged).look().flaws[0]
        assert found.code == code
        return
    ran = logged.run("extract")
    assert ran.error == code, ran.text
    assert logged.sql("select * from pg_replication_slots where slot_name = %s", slot(logged)) == []


def test_a_key_that_is_checked_late_and_a_view_tell_no_row(logged: Project) -> None:
    logged.sql("alter table dancu.cong_dan drop constraint cong_dan_pkey")
    logged.sql("alter table dancu.cong_dan add primary key (so_ddcn) deferrable")
    assert [one.code for one in log_of(logged).look().flaws] == ["source.replica_identity"]
    logged.sql("create view dancu.xem as select * from dancu.cong_dan")
    with refused("source.table_missing") as found:
        log_of(logged, "dancu.xem").look()
    assert "a view has no log" in found.value.what and "kind: sql" in found.value.remedy


def test_a_slot_of_somebody_else_is_left_alone(logged: Project) -> None:
    logged.sql("select pg_create_logical_replication_slot(%s, 'pgoutput')", slot(logged))
    for _ in range(2):
        assert logged.run("extract").error == "source.slot_taken"
    passed_by = logged.sql("select slot_name from pg_replication_slots where slot_name = %s", slot(logged))
    assert passed_by == [(slot(logged),)]


def test_an_account_without_the_right_is_told_of_it(logged: Project) -> None:
    logged.sql(f"create role doc_{logged.agency} login password 'x' noreplication")
    logged.sql(
        f"grant usage on schema dancu to doc_{logged.agency}; grant select on all tables in schema dancu to doc_{logged.agency}"
    )
    log = log_of(logged)
    url = logged.url(user=f"doc_{logged.agency}", password="x")
    denied = WalTable(log._cdc, url, columns=("so_ddcn",), where=logged.stem)
    with pytest.raises(PophubError) as found:
        denied.state(None)
    assert found.value.code == "source.replication_right"


def test_a_session_that_reads_the_slot_is_not_disturbed(
    logged: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pophub.postgres import replication

    monkeypatch.setattr(replication, "BUSY_S", 0.2)
    log, other = log_of(logged), log_of(logged)
    place = began(logged, log)
    reading = log.changes(0, place, 1 << 62, 1000)
    next(reading)
    other.state(log.slot)
    with pytest.raises(PophubError) as found:
        next(other.changes(0, place, 0, 1000))
    assert found.value.code == "source.slot_busy"
    other.close()
    log.close()


def pophub(project: Project, *arguments: str) -> Any:
    """Run a command with --json in a process of its own; give what it printed."""
    done = command(*arguments, "--json", environment=surroundings(project))
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_a_table_is_drafted_checked_tried_run_and_compared(bare_project: Project) -> None:
    project = bare_project
    stem = f"{project.agency}.lop"
    project.sql("create table lop (ma text primary key, ten text not null, si_so int) partition by hash (ma)")
    for part in (0, 1):
        project.sql(f"create table lop_{part} partition of lop for values with (modulus 2, remainder {part})")
    project.sql("insert into lop select 'L' || n, 'x', n from generate_series(1, 30) n")
    (project.folder / "connectors").mkdir(parents=True, exist_ok=True)
    new = ("connector", "new", stem, "--from", "POPHUB_SOURCE_MPS_URL", "--table", "lop", "--marker", "wal")
    assert pophub(project, *new)["drafted"][0]["stem"] == stem
    text = (project.folder / f"connectors/{project.agency}/lop.yaml").read_text()
    assert "kind: cdc" in text and "marker: {kind: wal}" in text
    found = {one["code"]: one["level"] for one in pophub(project, "connector", "check", stem)["findings"]}
    assert found["source.publication"] == "error"
    project.sql("create publication pophub for table lop")
    found = [
        one for one in pophub(project, "connector", "check", stem)["findings"] if one["level"] == "error"
    ]
    assert [one["code"] for one in found] == ["source.publication"] and "publish_via_partition_root" in found[
        0
    ]["remedy"]
    project.sql("alter publication pophub set (publish_via_partition_root = true)")
    found = {one["code"]: one["level"] for one in pophub(project, "connector", "check", stem)["findings"]}
    assert "error" not in found.values() and found["contract.value.unavailable"] == "advice"
    tried = pophub(project, "connector", "try", stem)
    assert (tried["states"]["shared"], tried["rules"]) == (30, [])
    made = "select slot_name from pg_replication_slots where database = current_database()"
    assert project.sql(made) == [], "a look makes no slot"
    project.pass_through("prepare")
    project.pass_through(stem=stem)
    project.sql("delete from lop where si_so = 1; update lop set ten = 'y' where si_so = 2")
    told = pophub(project, "reconcile", stem)
    assert told["findings"] == []
    project.pass_through(stem=stem)
    assert project.states(stem) == {"shared": 32}
    told = pophub(project, "reconcile", stem)
    assert told["findings"] == []
    project.sql("alter table lop detach partition lop_1")
    assert project.pass_through("extract", stem=stem)[0]["rows"] == 0, (
        "no row of a partition is deleted one by one"
    )
    with pytest.MonkeyPatch.context() as patch:
        hub = hub_of(project, patch)
        with hub.adapters.connection("pophub_extract") as connection:
            reset(connection, hub.connector(stem), "Lan")
    ran = project.run("extract", stem=stem)
    assert ran.error == "source.rows_gone", "the snapshot that a person asked for tells it, and it is many"
    project.sql(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()"
    )


def test_a_stream_reads_what_is_committed_between_two_looks(logged: Project) -> None:
    declared = logged.folder / f"connectors/{logged.agency}/citizens.yaml"
    declared.write_text(declared.read_text().replace("  kind: cdc\n", "  kind: cdc\n  every_s: 1\n"))
    with pytest.MonkeyPatch.context() as patch:
        hub = hub_of(logged, patch)
        with closing(SourceWorker(hub, logged.stem)) as worker:
            assert worker.step().rows == 0, "the snapshot is no small step: the dataset's DAG makes it"
            passed(logged)
            logged.put(9, 30)
            logged.sql("update dancu.cong_dan set ma_ho = 'H9' where so_ddcn < %s", logged.number_of(7))
            time.sleep(1)
            assert worker.step().rows == 7
            assert worker.step().rows == 0
            time.sleep(1)
            drop_slot(logged)
            with refused("source.slot_lost"):
                worker.step()
            time.sleep(1)
            assert worker.step().rows == 0
    assert passed(logged) == (0, {"shared": 7})
    assert present(logged) == at_source(logged)


def follower(logged: Project, hub: Hub) -> SourceWorker:
    """Give a stream's worker that stands behind all that is there, its session open."""
    passed(logged)
    worker = SourceWorker(hub, logged.stem)
    assert (worker.step().rows, worker.follows) == (0, True)
    return worker


def sessions(logged: Project) -> list[tuple[Any, ...]]:
    return logged.sql("select active_pid from pg_replication_slots where slot_name = %s", slot(logged))


def arrived(worker: SourceWorker) -> int:
    """Step until rows come; give how many."""
    limit = time.monotonic() + 30
    while not (rows := worker.step().rows):
        assert time.monotonic() < limit, "nothing came"
        time.sleep(0.01)
    return rows


def test_a_stream_follows_the_log_in_one_session_and_confirms_what_is_kept(logged: Project) -> None:
    with pytest.MonkeyPatch.context() as patch, closing(follower(logged, hub_of(logged, patch))) as worker:
        (pid,) = sessions(logged)
        for person in (1, 2, 3):
            logged.sql("update dancu.cong_dan set ma_ho = 'H9' where so_ddcn = %s", logged.number_of(person))
            assert arrived(worker) == 1
        logged.sql("begin; update dancu.cong_dan set ma_ho = 'H8'; rollback; create table other (a int)")
        logged.put(9, 30)
        assert arrived(worker) == 1
        logged.sql("truncate dancu.cong_dan")
        assert arrived(worker) == 9
        assert sessions(logged) == [pid], "nothing was decoded twice"
        kept = "select confirmed_flush_lsn >= %s::pg_lsn from pg_replication_slots where slot_name = %s"
        place = logged.servers.query(
            "select p.marker - s.base from extract.position p join extract.slot s using (stem) where stem = %s",
            logged.stem,
        )[0][0]
        limit = time.monotonic() + 10
        while logged.sql(kept, f"{place >> 32:X}/{place & 0xFFFFFFFF:X}", slot(logged)) != [(True,)]:
            assert time.monotonic() < limit, "the source still keeps what the hub has"
            time.sleep(0.05)
    assert sessions(logged) == [(None,)]
    assert passed(logged)[0] == 0
    assert present(logged) == at_source(logged) == {}
    check(logged)


def test_a_session_that_ends_is_told_and_nothing_of_between_is_lost(logged: Project) -> None:
    with pytest.MonkeyPatch.context() as patch:
        hub = hub_of(logged, patch)
        with closing(follower(logged, hub)) as worker:
            logged.sql(
                "select pg_terminate_backend(active_pid) from pg_replication_slots where active_pid > 0"
            )
            logged.put(9, 30)
            with refused("source.unreachable"):
                arrived(worker)
        with closing(SourceWorker(hub, logged.stem)) as worker:
            assert arrived(worker) == 1
    passed(logged)
    assert present(logged) == at_source(logged)
    check(logged)


def test_a_run_gets_its_turn_beside_a_stream_that_follows(logged: Project) -> None:
    with pytest.MonkeyPatch.context() as patch, closing(follower(logged, hub_of(logged, patch))) as worker:
        logged.put(9, 30)
        ran = []
        run = threading.Thread(target=lambda: ran.append(logged.run("extract")))
        run.start()
        with refused("lane.busy"):  # which ends the stream's session, and it comes back later
            while run.is_alive():
                worker.step()
        worker.close()
        run.join(60)
        assert (ran[0].error, ran[0].code) == (None, 0)
    passed(logged)
    assert present(logged) == at_source(logged)
    check(logged)


@pytest.mark.timeout(60)
def test_a_slot_waits_for_open_transactions_but_not_for_ever(
    logged: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pophub.postgres import replication

    monkeypatch.setattr(
        replication, "SESSION", replication.SESSION.replace("lock_timeout=300000", "lock_timeout=500")
    )
    with closing(psycopg2.connect(logged.url().replace("+psycopg2", ""))) as other, other.cursor() as cursor:
        cursor.execute("update dancu.cong_dan set ma_ho = 'H5' where so_ddcn = %s", (logged.number_of(1),))
        log = log_of(logged)
        log.state(None)
        with refused("source.timeout"):
            log.begin(None)
        log.close()
        other.rollback()
    assert logged.sql("select 1 from pg_replication_slots where slot_name = %s", slot(logged)) == []
