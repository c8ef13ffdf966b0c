"""A table source keeps the same promises on the real PostgreSQL and on the real MariaDB."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from hubkit import Servers

from pophub.contracts.source_model import SqlSource
from pophub.domain.errors import ConfigError, ContractBreach, PophubError, TransientError
from pophub.sources.sql import SqlTable

sys.path.insert(0, str(Path(__file__).parents[1]))  # the kit of the server lies with all tests

from mariadb_kit import PASSWORD, MariaDb

pytestmark = pytest.mark.timeout(180)
MANY = 300_000


class TableServer(NamedTuple):
    """A server whose database has the table `cong_dan`; `execute` is its owner's, `url` gives a reader's address."""

    execute: Callable[[str], list[tuple[Any, ...]]]
    url: Callable[..., str]
    zone: str
    as_text: str
    fill: str
    sessions: str
    kill: str
    may_look: str
    forbid: tuple[str, str, str]
    allow_writing: str
    refuses: str


MARIADB = {
    "zone": "set time_zone = '{}'",
    "as_text": "date_format(luc_dia_phuong, '%d/%m/%Y %H:%i:%s')",
    "fill": f"insert into cong_dan (so, luc) select seq, now() from seq_1_to_{MANY}",
    "sessions": "select id from information_schema.processlist where user = 'reader'",
    "kill": "kill {}",
    "may_look": "grant select on *.* to reader@'%'",  # who may not is not told which databases there are
    "forbid": ("create database kin", "kin", "source.password"),
    "allow_writing": "grant all on dancu.* to reader@'%'",
    "refuses": "READ ONLY",
}
POSTGRES = {
    "zone": "set time zone interval '{}' hour to minute",
    "as_text": "to_char(luc_dia_phuong, 'DD/MM/YYYY HH24:MI:SS')",
    "fill": f"insert into cong_dan (so, luc) select i::text, now() from generate_series(1, {MANY}) i",
    "sessions": "select pid from pg_stat_activity where usename = 'table_reader'",
    "kill": "select pg_terminate_backend({})",
    "may_look": "select 1",
    "forbid": ("revoke select on cong_dan from table_reader", "dancu", "source.permission"),
    "allow_writing": "grant all on cong_dan to table_reader",
    "refuses": "read-only",
}


@contextmanager
def in_mariadb(server: MariaDb) -> Iterator[TableServer]:
    with server.owner() as session, session.cursor() as cursor:

        def execute(statement: str) -> list[tuple[Any, ...]]:
            cursor.execute(statement)
            return list(cursor.fetchall())

        for statement in (
            "drop database if exists dancu", "create database dancu character set utf8mb4", "use dancu",
            "create table cong_dan (id bigint auto_increment primary key, so varchar(40), luc timestamp(6) null,"
            " luc_dia_phuong datetime(6), ngay date, chu varchar(40))",
        ):  # fmt: skip
            execute(statement)
        try:
            yield TableServer(execute, server.url, **MARIADB)
        finally:
            execute("drop database if exists kin")
            execute("revoke all privileges, grant option from reader@'%'")
            execute("grant select on dancu.* to reader@'%'")


@contextmanager
def in_postgres(servers: Servers) -> Iterator[TableServer]:
    servers.query("create database dancu")
    servers.query("create role table_reader login")
    servers.query("alter role table_reader password %s", PASSWORD)
    with closing(servers.superuser("dancu")) as owner, owner.cursor() as cursor:

        def execute(statement: str) -> list[tuple[Any, ...]]:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

        execute(
            "create table cong_dan (id bigserial primary key, so text, luc timestamptz, luc_dia_phuong timestamp,"
            " ngay date, chu text)"
        )
        execute("grant select on cong_dan to table_reader")
        place = servers.settings.dsn("postgres")

        def url(user: str = "table_reader", password: str = quote(PASSWORD), database: str = "dancu") -> str:
            return f"postgresql+psycopg2://{user}:{password}@{place['host']}:{place['port']}/{database}"

        try:
            yield TableServer(execute, url, **POSTGRES)
        finally:
            servers.query("drop database dancu with (force)")
            servers.query("drop role table_reader")


@pytest.fixture(params=["postgres", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[TableServer]:
    if request.param == "mariadb":
        with in_mariadb(request.getfixturevalue("mariadb")) as found:
            yield found
    else:
        with in_postgres(request.getfixturevalue("servers")) as found:
            yield found


def source(column: str = "luc", **marker: object) -> SqlSource:
    return SqlSource.model_validate({
        "kind": "sql", "url": "${X}", "table": "cong_dan", "key": ["so"], "marker": {"column": column, **marker},
        "settle_s": 86_400,
    })  # fmt: skip


def us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def keys(table: SqlTable, from_marker: int | None = None) -> list[Any]:
    return [key for chunk in table.read(from_marker, 2) for key in chunk["so"]]


def refusal(url: str) -> PophubError:
    with pytest.raises(PophubError) as found:
        keys(SqlTable(source(), url))
    assert PASSWORD not in str(found.value) and "password=" not in str(found.value)
    assert "://" not in str(found.value)
    return found.value


def test_late_equal_and_missing_markers_are_all_given(server: TableServer) -> None:
    server.execute(server.zone.format("+00:00"))
    server.execute(
        "insert into cong_dan (so, luc) values ('b', '2024-01-01 00:00:00'), ('a', '2024-01-01 00:00:00'),"
        " ('n', null), ('old', '2023-01-01 00:00:00')"
    )
    table = SqlTable(source(), server.url())
    assert keys(table) == ["old", "a", "b", "n"]
    seen = us(datetime(2024, 1, 1, tzinfo=UTC))
    assert keys(table, seen) == ["a", "b", "n"]
    server.execute("insert into cong_dan (so, luc) values ('late', '2023-12-31 23:30:00')")
    assert keys(table, seen - 3600 * 1_000_000) == ["late", "a", "b", "n"]


def test_each_kind_of_marker_column_is_bounded_in_its_own_zone(server: TableServer) -> None:
    server.execute(server.zone.format("+07:00"))  # a moment is one, whoever wrote it in which zone
    server.execute(
        "insert into cong_dan (so, luc, luc_dia_phuong, ngay) values"
        " ('a', '2024-01-01 06:59:59.999999', '2024-01-01 06:59:59.999999', '2023-12-31'),"
        " ('b', '2024-01-01 07:00:00', '2024-01-01 07:00:00', '2024-01-01')"
    )
    server.execute(f"update cong_dan set chu = {server.as_text}")
    bound = us(datetime(2024, 1, 1, tzinfo=UTC))
    for column in ("luc", "luc_dia_phuong", "ngay"):
        assert keys(SqlTable(source(column), server.url()), bound) == ["b"], column
    assert keys(SqlTable(source("chu", format="%d/%m/%Y %H:%M:%S"), server.url()), bound) == ["b"]
    assert keys(SqlTable(source("id", kind="sequence"), server.url()), 2) == ["b"]
    (chunk,) = SqlTable(source(), server.url()).read(bound, 10)
    assert (chunk["luc"], chunk["ngay"]) == ([datetime(2024, 1, 1, tzinfo=UTC)], [date(2024, 1, 1)])


def test_password_database_rights_and_address_are_told_apart(server: TableServer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        before, _, after = server.url().rpartition(":")
        down = refusal(f"{before}:{unused.getsockname()[1]}/{after.partition('/')[2]}")
    assert isinstance(down, TransientError)
    assert down.code == "source.unreachable"
    wrong = refusal(server.url(password="wrong"))
    assert isinstance(wrong, ConfigError)
    assert wrong.code == "source.password"
    assert refusal(server.url(user="nobody_here")).code == "source.password"
    server.execute(server.may_look)
    assert refusal(server.url(database="no_such")).code == "source.database_missing"


def test_a_reader_without_a_right_to_the_table_is_told_so(server: TableServer) -> None:
    statement, database, code = server.forbid
    server.execute(statement)
    assert refusal(server.url(database=database)).code == code


def test_a_dropped_column_shows_and_a_dropped_table_is_a_breach(server: TableServer) -> None:
    table = SqlTable(source(), server.url())
    assert "chu" in table.columns()
    server.execute("alter table cong_dan drop column chu, drop column so")
    assert "chu" not in table.columns()
    assert refusal(server.url()).code == "source.column_missing"
    server.execute("drop table cong_dan")
    with pytest.raises(ContractBreach) as found:
        keys(table)
    assert found.value.code == "source.table_missing"


def test_a_source_that_dies_while_it_is_read_is_transient(server: TableServer) -> None:
    server.execute(server.fill)
    chunks = SqlTable(source(), server.url()).read(None, 100)
    next(chunks)
    for (session,) in server.execute(server.sessions):
        server.execute(server.kill.format(session))
    with pytest.raises(TransientError, match=r"source\.unreachable"):
        list(chunks)


def test_the_source_is_never_written(server: TableServer) -> None:
    server.execute(server.allow_writing)
    table = SqlTable(source(), server.url())
    with pytest.raises(Exception, match=server.refuses), table._connect() as connection:
        connection.exec_driver_sql("delete from cong_dan")
