"""A table source keeps its promises on the real MariaDB."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from pophub.contracts.source_model import SqlSource
from pophub.domain.errors import ConfigError, ContractBreach, PophubError, TransientError
from pophub.sources.sql import SqlTable

sys.path.insert(0, str(Path(__file__).parents[1]))

import mariadb_kit
from mariadb_kit import MariaDb
from types_page import Sent, connector, differences, reached, rows

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def server(mariadb: MariaDb) -> MariaDb:
    return mariadb


@pytest.fixture
def owner(server: MariaDb) -> Iterator[Any]:
    with server.owner() as session, session.cursor() as cursor:
        cursor.execute("drop database if exists dancu")
        cursor.execute("create database dancu character set utf8mb4")
        cursor.execute("use dancu")
        cursor.execute(
            "create table cong_dan (id bigint auto_increment primary key, so varchar(40), luc timestamp(6) null,"
            " luc_dia_phuong datetime(6), ngay date, chu varchar(40))"
        )
        yield cursor


def source(column: str = "luc", table: str = "cong_dan", **marker: object) -> SqlSource:
    return SqlSource.model_validate({
        "kind": "sql", "url": "${X}", "table": table, "key": ["so"], "marker": {"column": column, **marker},
        "settle_s": 86_400,
    })  # fmt: skip


def us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def keys(table: SqlTable, from_marker: int | None = None) -> list[Any]:
    return [key for chunk in table.read(from_marker, 2) for key in chunk["so"]]


def refusal(table: SqlTable) -> PophubError:
    with pytest.raises(PophubError) as found:
        keys(table)
    assert mariadb_kit.PASSWORD not in str(found.value)
    assert "://" not in str(found.value)
    return found.value


def test_late_equal_and_missing_markers_are_all_given(server: MariaDb, owner: Any) -> None:
    owner.execute("set time_zone = '+00:00'")
    owner.execute(
        "insert into cong_dan (so, luc) values ('b', '2024-01-01 00:00:00'), ('a', '2024-01-01 00:00:00'),"
        " ('n', null), ('old', '2023-01-01 00:00:00')"
    )
    table = SqlTable(source(), server.url())
    assert keys(table) == ["old", "a", "b", "n"]
    seen = us(datetime(2024, 1, 1, tzinfo=UTC))
    assert keys(table, seen) == ["a", "b", "n"]
    owner.execute("insert into cong_dan (so, luc) values ('late', '2023-12-31 23:30:00')")
    assert keys(table, seen - 3600 * 1_000_000) == ["late", "a", "b", "n"]


def test_each_kind_of_marker_column_is_bounded_in_its_own_zone(server: MariaDb, owner: Any) -> None:
    owner.execute("set time_zone = '+07:00'")  # a TIMESTAMP is the moment, whoever wrote it in which zone
    owner.execute(
        "insert into cong_dan (so, luc, luc_dia_phuong, ngay) values"
        " ('a', '2024-01-01 06:59:59.999999', '2024-01-01 06:59:59.999999', '2023-12-31'),"
        " ('b', '2024-01-01 07:00:00', '2024-01-01 07:00:00', '2024-01-01')"
    )
    owner.execute("update cong_dan set chu = date_format(luc_dia_phuong, '%d/%m/%Y %H:%i:%s')")
    bound = us(datetime(2024, 1, 1, tzinfo=UTC))
    for column in ("luc", "luc_dia_phuong", "ngay"):
        assert keys(SqlTable(source(column), server.url()), bound) == ["b"], column
    assert keys(SqlTable(source("chu", format="%d/%m/%Y %H:%M:%S"), server.url()), bound) == ["b"]
    assert keys(SqlTable(source("id", kind="sequence"), server.url()), 2) == ["b"]
    (chunk,) = SqlTable(source(), server.url()).read(bound, 10)
    assert (chunk["luc"], chunk["ngay"]) == ([datetime(2024, 1, 1, tzinfo=UTC)], [date(2024, 1, 1)])


@pytest.mark.parametrize("name", ["order", "Công dân", "a.b", 'say "so";--', "100%(a)s :b"])
def test_any_table_and_column_that_the_database_has_can_be_named(
    server: MariaDb, owner: Any, name: str
) -> None:
    quoted = "`" + name.replace("`", "``") + "`"
    owner.execute(
        f"create table {quoted} (so varchar(9), luc timestamp, {quoted} text)".replace("%", "%%"), ()
    )
    owner.execute(f"insert into {quoted} values ('k1', now(), 'ế')".replace("%", "%%"), ())
    told = '"' + name.replace('"', '""') + '"' if set(name) & set('.;"') else name
    (chunk,) = SqlTable(source(table=told), server.url()).read(None, 10)
    assert (chunk["so"], chunk[name]) == (["k1"], ["ế"])


def test_a_column_with_a_backtick_in_its_name_is_refused_and_not_taken_for_another(
    server: MariaDb, owner: Any
) -> None:
    owner.execute("create table t (so varchar(9), luc timestamp, `x``y` text)")
    assert refusal(SqlTable(source(table="t"), server.url())).code == "source.column_missing"


def test_a_large_table_is_streamed_and_large_texts_are_whole(server: MariaDb, owner: Any) -> None:
    owner.execute("alter table cong_dan add dai longtext")
    owner.execute("set max_recursive_iterations = 30000")
    owner.execute("insert into cong_dan (so, luc) select seq, now() from seq_1_to_30000")
    owner.execute("update cong_dan set dai = repeat('ế', 1000000) where id <= 3")
    sizes = [len(chunk["so"]) for chunk in SqlTable(source(), server.url()).read(None, 5_000)]
    assert (sum(sizes), max(sizes) <= 5_000) == (30_000, True)
    texts = [
        text for chunk in SqlTable(source(), server.url()).read(None, 500) for text in chunk["dai"] if text
    ]
    assert [len(text) for text in texts] == [1_000_000] * 3


def page_row(server: MariaDb, owner: Any, row: Sent) -> str:
    """Send a row of docs/types.md through."""
    owner.execute("drop table if exists t")
    owner.execute("set sql_mode = ''")
    owner.execute(f"create table t (k varchar(9), v {row.kind}, m timestamp null)")
    owner.execute(f"insert into t values ('a', {row.value}, '2024-01-01 00:00')")
    made = connector("sql", row.field)
    assert isinstance(made.file.source, SqlSource)
    (found,) = reached(list(SqlTable(made.file.source, server.url()).read(None, 10)), made)
    return found


def test_the_table_of_mariadb_in_the_page_of_types_is_true(server: MariaDb, owner: Any) -> None:
    owner.execute("set time_zone = '+00:00'")
    found = [page_row(server, owner, row) for row in rows("MariaDB and MySQL")]
    assert differences("MariaDB and MySQL", found) == []


def test_password_database_rights_and_address_are_told_apart(server: MariaDb, owner: Any) -> None:
    down = refusal(SqlTable(source(), server.url().replace(str(server.port), "1")))
    assert isinstance(down, TransientError)
    assert down.code == "source.unreachable"
    wrong = refusal(SqlTable(source(), server.url(password="wrong")))
    assert isinstance(wrong, ConfigError)
    assert wrong.code == "source.password"
    assert refusal(SqlTable(source(), server.url(user="nobody"))).code == "source.password"
    owner.execute("grant select on *.* to reader@'%'")
    assert refusal(SqlTable(source(), server.url(database="no_such"))).code == "source.database_missing"
    owner.execute("revoke select on *.* from reader@'%'")
    owner.execute("create database kin")
    assert refusal(SqlTable(source(), server.url(database="kin"))).code == "source.password"
    owner.execute("drop database kin")


def test_a_dropped_column_shows_and_a_dropped_table_is_a_breach(server: MariaDb, owner: Any) -> None:
    table = SqlTable(source(), server.url())
    assert "chu" in table.columns()
    owner.execute("alter table cong_dan drop column chu, drop column so")
    assert "chu" not in table.columns()
    assert refusal(table).code == "source.column_missing"
    owner.execute("drop table cong_dan")
    error = refusal(table)
    assert isinstance(error, ContractBreach)
    assert error.code == "source.table_missing"


def test_a_source_that_dies_while_it_is_read_is_transient(server: MariaDb, owner: Any) -> None:
    owner.execute("insert into cong_dan (so, luc) select seq, now() from seq_1_to_300000")
    chunks = SqlTable(source(), server.url()).read(None, 100)
    next(chunks)
    owner.execute("select id from information_schema.processlist where user = 'reader'")
    for (session,) in owner.fetchall():
        owner.execute(f"kill {session}")
    with pytest.raises(TransientError, match=r"source\.unreachable"):
        list(chunks)


def test_the_source_is_never_written(server: MariaDb, owner: Any) -> None:
    owner.execute("grant all on dancu.* to reader@'%'")
    table = SqlTable(source(), server.url())
    with pytest.raises(Exception, match="READ ONLY"), table._connect() as connection:
        connection.exec_driver_sql("delete from cong_dan")
    owner.execute("revoke all on dancu.* from reader@'%'")
    owner.execute("grant select on dancu.* to reader@'%'")
