"""A table source keeps its promises on the real PostgreSQL; those that hold on each server: `test_sources_tables.py`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from hubkit import Servers
from refused import refused

from pophub import avro
from pophub.contracts.source_model import SqlSource
from pophub.domain.errors import ContractBreach, PophubError
from pophub.settings import Settings
from pophub.sources.sql import SqlTable
from pophub.sources.survey import SurveyedDatabase

sys.path.insert(0, str(Path(__file__).parents[1]))  # the kit of the page lies with all tests

from types_page import Sent, connector, differences, reached, rows

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def settings(servers: Servers) -> Settings:
    return servers.settings


@pytest.fixture
def owner(settings: Settings) -> Iterator[Any]:
    superuser = settings.endpoints.postgres_superuser
    connection = psycopg2.connect(**settings.dsn(superuser, "postgres"))  # type: ignore[call-overload]
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP SCHEMA IF EXISTS dancu CASCADE; CREATE SCHEMA dancu;"
            "CREATE TABLE dancu.cong_dan (id bigserial PRIMARY KEY, so text, luc timestamptz,"
            " luc_dia_phuong timestamp, ngay date, tien numeric(18,0), them jsonb, anh bytea)"
        )
        yield cursor
    connection.close()


def url(settings: Settings, **change: Any) -> str:
    superuser = settings.endpoints.postgres_superuser
    parts = {**settings.dsn(superuser, "postgres"), **change}
    return (
        f"postgresql+psycopg2://{parts['user']}:{parts['password']}"
        f"@{parts['host']}:{parts['port']}/{parts['dbname']}"
    )


def source(column: str = "luc", **marker: object) -> SqlSource:
    return SqlSource.model_validate(
        {
            "kind": "sql",
            "url": "${X}",
            "table": "dancu.cong_dan",
            "key": ["so"],
            "marker": {"column": column, **marker},
        }
    )


def keys(table: SqlTable, from_marker: int | None = None) -> list[Any]:
    return [key for chunk in table.read(from_marker, 2) for key in chunk["so"]]


def refusal(table: SqlTable) -> PophubError:
    with pytest.raises(PophubError) as found:
        keys(table)
    assert "password=" not in str(found.value) and "://" not in str(found.value)
    return found.value


def test_any_table_that_the_database_has_can_be_named(settings: Settings, owner: Any) -> None:
    names = {
        'dancu."Cong.Dan"': '"dancu"."Cong.Dan"',
        "dancu.Công dân": '"dancu"."Công dân"',
        'dancu."say ""so"";--"': '"dancu"."say ""so"";--"',
        "dancu.100%(a)s :b": '"dancu"."100%(a)s :b"',
    }
    for told, quoted in names.items():
        owner.execute(f"CREATE TABLE {quoted} AS SELECT 'k1'::text AS so, now() AS luc")
        declared = SqlSource.model_validate({**source().model_dump(), "table": told})
        assert keys(SqlTable(declared, url(settings))) == ["k1"], told


def test_values_come_as_the_driver_gives_them_and_odd_times_as_text(settings: Settings, owner: Any) -> None:
    owner.execute(
        "INSERT INTO dancu.cong_dan (so, luc, ngay, tien, them, anh) VALUES"
        " ('a', '2024-01-01 00:00+00', '2024-01-01', 12, '{\"k\": \"đ\"}', '\\x00ff'),"
        " ('b', '12024-01-01 00:00+00', '0044-03-15 BC', NULL, NULL, NULL),"
        " ('c', 'infinity', '-infinity', NULL, NULL, NULL)"
    )
    (chunk,) = SqlTable(source(), url(settings)).read(None, 10)
    assert chunk["luc"][0] == datetime(2024, 1, 1, tzinfo=UTC)
    assert chunk["luc"][1].startswith("12024-01-01")
    assert chunk["luc"][2] == "infinity"
    assert chunk["ngay"] == [date(2024, 1, 1), "0044-03-15 BC", "-infinity"]
    assert chunk["tien"] == [Decimal(12), None, None]
    assert chunk["them"] == ['{"k": "đ"}', None, None]
    assert chunk["anh"] == ["\\x00ff", None, None]


PRINTED = {
    "jsonb": '{"a": 12345678901234567.10}',
    "json": '{"a":1.0,  "a":2}',
    "interval": "1 mon",
    "int4range": "[1,5)",
    "time": "23:59:59.5",
    "timetz": "24:00:00+07",
    "numeric[]": "{1.50,NULL}",
    "text[]": '{"a b",NULL}',
    "uuid": "00000000-0000-0000-0000-000000000001",
    "bytea": "\\x00ff61",
    "inet": "10.0.0.1/8",
    "money": "$1.00",
    "numeric": "0.0000000001",
    "bit(3)": "101",
    "point": "(1.5,2)",
    '"char"': "x",
    "hstore": '"a"=>"1"',
}


def test_a_type_without_an_exact_one_in_python_comes_as_psql_prints_it(
    settings: Settings, owner: Any
) -> None:
    owner.execute("CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public")
    for number, (kind, text) in enumerate(PRINTED.items()):
        owner.execute(f"ALTER TABLE dancu.cong_dan ADD k{number} {kind.replace('hstore', 'public.hstore')}")
        owner.execute(f"ALTER TABLE dancu.cong_dan ALTER k{number} SET DEFAULT %s", (text,))
    owner.execute("ALTER TABLE dancu.cong_dan ADD ma char(8), ADD lui interval")
    owner.execute("INSERT INTO dancu.cong_dan (so, ma, lui) VALUES ('a', 'HN', '-02:00')")
    (chunk,) = SqlTable(source(), url(settings)).read(None, 10)
    found = {kind: chunk[f"k{number}"][0] for number, kind in enumerate(PRINTED)}
    found["numeric"] = avro.decode_block(avro.encode_block(avro.Block(1, 1, 1, 1, chunk))).columns["k12"][0]
    assert found == PRINTED
    assert (chunk["ma"], chunk["lui"]) == (["HN"], ["-02:00:00"])
    owner.execute(
        "SELECT " + ", ".join(f"k{number}::text" for number in range(len(PRINTED))) + " FROM dancu.cong_dan"
    )
    assert owner.fetchone() == tuple(PRINTED.values())


@pytest.fixture
def unchecked(settings: Settings) -> Iterator[Any]:
    """A database that checks no encoding, with a table whose names hold Vietnamese letters."""
    superuser = settings.endpoints.postgres_superuser
    server = psycopg2.connect(**settings.dsn(superuser, "postgres"))  # type: ignore[call-overload]
    server.autocommit = True
    with server.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS cu")
        cursor.execute(
            "CREATE DATABASE cu ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'"
        )
    connection = psycopg2.connect(**settings.dsn(superuser, "cu"))  # type: ignore[call-overload]
    connection.autocommit = True
    connection.set_client_encoding("LATIN1")
    with connection.cursor() as cursor:
        yield cursor
    connection.close()
    with server.cursor() as cursor:
        cursor.execute("DROP DATABASE cu WITH (FORCE)")
    server.close()


def test_one_text_that_is_no_utf_8_fails_no_other(settings: Settings, unchecked: Any) -> None:
    latin = "CREATE TABLE truong (so text, tên text, luc timestamptz DEFAULT now(), ghi json)"
    unchecked.execute(latin.encode().decode("latin-1"))
    insert = "INSERT INTO truong VALUES (%s, convert_from(%s, 'SQL_ASCII'), DEFAULT, %s)"
    for key, name in (("a", "Trường Sơn".encode()), ("b", b"Tr\xad\xeang"), ("c", b"Kim")):
        unchecked.execute(insert, (key, name, '["ế"]'.encode().decode("latin-1")))
    told = {"kind": "sql", "url": "${X}", "table": "truong", "key": ["tên"], "marker": {"column": "luc"}}
    table = SqlTable(SqlSource.model_validate(told), url(settings, dbname="cu"))
    assert table.columns() == ("so", "tên", "luc", "ghi")
    (chunk,) = table.read(0, 10)
    found = dict(zip(chunk["so"], chunk["tên"], strict=True))
    assert found == {"a": "Trường Sơn", "b": b"Tr\xad\xeang", "c": "Kim"}
    assert chunk["ghi"] == ['["ế"]'] * 3
    assert chunk["luc"][0].tzinfo is not None


def test_a_column_with_an_order_of_its_own_is_read_and_json_stays_as_printed(
    settings: Settings, owner: Any
) -> None:
    owner.execute("CREATE DOMAIN dancu.ma AS text COLLATE \"C\" CHECK (value <> '')")
    owner.execute(
        'CREATE TABLE dancu.xep (so text COLLATE "C", ma dancu.ma, ds text[], ghi json, luc timestamptz)'
    )
    owner.execute("INSERT INTO dancu.xep VALUES ('a', 'b', '{x,y}', '{\"z\":  1.0}', now())")
    told = {"kind": "sql", "url": "${X}", "table": "dancu.xep", "key": ["so"], "marker": {"column": "luc"}}
    (chunk,) = SqlTable(SqlSource.model_validate(told), url(settings)).read(0, 10)
    assert [chunk[name] for name in ("so", "ma", "ds", "ghi")] == [["a"], ["b"], ["{x,y}"], ['{"z":  1.0}']]


def test_a_driver_s_error_that_is_no_database_error_is_told_in_our_words(
    settings: Settings, owner: Any
) -> None:
    owner.execute("INSERT INTO dancu.cong_dan (so) VALUES ('a')")
    owner.execute("CREATE VIEW dancu.xem AS SELECT so, luc, ('Nguyễn ' || so)::int AS n FROM dancu.cong_dan")
    broken = SqlSource.model_validate({**source().model_dump(), "table": "dancu.xem"})
    error = refusal(SqlTable(broken, url(settings)))
    assert error.code == "source.unreadable"
    assert "Nguyễn" not in "".join(traceback.format_exception(error))


MARKERS = {
    "so": ("sequence", None, "the number that the source raises"),
    "luc": ("sequence", None, "kind: time"),
    "id": ("time", None, "kind: sequence"),
    "luc_dia_phuong": ("time", "%Y-%m-%d %H:%M:%S", "take `source.marker.format` out"),
    "ngay": ("time", None, "settle_s: 86400"),
    "anh": ("time", None, "declare a column with the time"),
}


def test_a_marker_of_another_type_is_told_before_anything_is_read(settings: Settings, owner: Any) -> None:
    for column, (kind, form, change) in MARKERS.items():
        told = {"kind": kind} | ({"format": form} if form else {})
        with pytest.raises(ContractBreach) as found:
            SqlTable(source(column, **told), url(settings)).columns()
        assert found.value.code == "source.marker_type" and change in str(found.value), column
    owner.execute("ALTER TABLE dancu.cong_dan ADD _extra text")
    with pytest.raises(ContractBreach, match=r"source\.column_reserved"):
        SqlTable(source(), url(settings)).columns()


def page_row(settings: Settings, owner: Any, row: Sent) -> str:
    """Send a row of docs/types.md through."""
    owner.execute("DROP TABLE IF EXISTS dancu.t")
    owner.execute(f"CREATE TABLE dancu.t (k text, v {row.kind}, m timestamptz)")
    owner.execute(f"INSERT INTO dancu.t VALUES ('a', {row.value}, '2024-01-01 00:00+00')")
    made = connector("sql", row.field)
    assert isinstance(made.file.source, SqlSource)
    declared = made.file.source.model_copy(update={"table": "dancu.t"})
    (found,) = reached(list(SqlTable(declared, url(settings)).read(None, 10)), made)
    return found


def test_the_table_of_postgresql_in_the_page_of_types_is_true(settings: Settings, owner: Any) -> None:
    found = [page_row(settings, owner, row) for row in rows("PostgreSQL")]
    assert differences("PostgreSQL", found) == []


def test_a_materialized_view_that_was_never_filled_is_told_with_the_statement_that_fills_it(
    settings: Settings, owner: Any
) -> None:
    owner.execute("CREATE MATERIALIZED VIEW dancu.xem AS SELECT 'k' AS so, now() AS luc WITH NO DATA")
    declared = SqlSource.model_validate({**source().model_dump(), "table": "dancu.xem"})
    told = refusal(SqlTable(declared, url(settings)))
    assert told.code == "source.view_unfilled"
    assert "REFRESH MATERIALIZED VIEW" in told.remedy and "slot" not in str(told)
    with refused("source.view_unfilled"):
        SurveyedDatabase(url(settings), "t").survey("dancu.xem", 10)
    owner.execute("REFRESH MATERIALIZED VIEW dancu.xem")
    (chunk,) = SqlTable(declared, url(settings)).read(0, 10)
    assert chunk["so"] == ["k"]
