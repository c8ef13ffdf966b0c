"""A table source keeps its promises on the real MariaDB; those that hold on each server: `test_sources_tables.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pophub.contracts.source_model import SqlSource
from pophub.domain.errors import PophubError
from pophub.sources.sql import SqlTable

sys.path.insert(0, str(Path(__file__).parents[1]))

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
    with pytest.raises(PophubError) as found:
        list(SqlTable(source(table="t"), server.url()).read(None, 2))
    assert found.value.code == "source.column_missing"


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
