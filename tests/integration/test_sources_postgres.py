"""A table source keeps its promises on the real PostgreSQL."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from pophub.contracts.model import SqlSource
from pophub.domain.errors import ConfigError, ContractBreach, PophubError, TransientError
from pophub.runtime import hub
from pophub.settings import Settings
from pophub.sources.sql import SqlTable

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    home = Path(tempfile.mkdtemp(prefix="pophub-sources-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POPHUB_HOME", str(home))
        settings = hub.start(Settings.load(), servers=["postgres"])
        try:
            yield settings
        finally:
            hub.stop(settings)
            shutil.rmtree(home, ignore_errors=True)


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


def us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def keys(table: SqlTable, from_marker: int | None = None) -> list[Any]:
    return [key for chunk in table.read(from_marker, 2) for key in chunk["so"]]


def refusal(table: SqlTable) -> PophubError:
    with pytest.raises(PophubError) as found:
        keys(table)
    assert "password=" not in str(found.value) and "://" not in str(found.value)
    return found.value


def test_late_equal_and_missing_markers_are_all_given(settings: Settings, owner: Any) -> None:
    owner.execute(
        "INSERT INTO dancu.cong_dan (so, luc) VALUES ('b', '2024-01-01 00:00+00'),"
        " ('a', '2024-01-01 00:00+00'), ('n', NULL), ('old', '2023-01-01 00:00+00')"
    )
    table = SqlTable(source(), url(settings))
    assert keys(table) == ["old", "a", "b", "n"]
    seen = us(datetime(2024, 1, 1, tzinfo=UTC))
    assert keys(table, seen) == ["a", "b", "n"]
    owner.execute("INSERT INTO dancu.cong_dan (so, luc) VALUES ('late', '2023-12-31 23:30+00')")
    assert keys(table, seen - 3600 * 1_000_000) == ["late", "a", "b", "n"]


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


def test_each_kind_of_marker_column_is_bounded_in_its_own_zone(settings: Settings, owner: Any) -> None:
    owner.execute(
        "INSERT INTO dancu.cong_dan (so, luc, luc_dia_phuong, ngay) VALUES"
        " ('a', '2024-01-01 06:59:59+07', '2024-01-01 06:59:59', '2023-12-31'),"
        " ('b', '2024-01-01 07:00:00+07', '2024-01-01 07:00:00', '2024-01-01')"
    )
    owner.execute("ALTER TABLE dancu.cong_dan ADD chu text")
    owner.execute("UPDATE dancu.cong_dan SET chu = to_char(luc_dia_phuong, 'DD/MM/YYYY HH24:MI:SS')")
    bound = us(datetime(2024, 1, 1, tzinfo=UTC))
    for column in ("luc", "luc_dia_phuong", "ngay"):
        assert keys(SqlTable(source(column), url(settings)), bound) == ["b"], column
    text = source("chu", format="%d/%m/%Y %H:%M:%S")
    assert keys(SqlTable(text, url(settings)), bound) == ["b"]
    assert keys(SqlTable(source("id", kind="sequence"), url(settings)), 2) == ["b"]


def test_values_come_as_the_driver_gives_them_and_odd_times_as_text(settings: Settings, owner: Any) -> None:
    owner.execute(
        "INSERT INTO dancu.cong_dan (so, luc, ngay, tien, them, anh) VALUES"
        " ('a', '2024-01-01 00:00+00', '2024-01-01', 12, '{\"k\": \"đ\"}', '\\x00ff'),"
        " ('b', '12024-01-01 00:00+00', '0044-03-15 BC', NULL, NULL, NULL)"
    )
    (chunk,) = SqlTable(source(), url(settings)).read(None, 10)
    assert chunk["luc"][0] == datetime(2024, 1, 1, tzinfo=UTC)
    assert chunk["luc"][1].startswith("12024-01-01")
    assert chunk["ngay"] == [date(2024, 1, 1), "0044-03-15 BC"]
    assert chunk["tien"] == [Decimal(12), None]
    assert chunk["them"] == ['{"k": "đ"}', None]
    assert chunk["anh"] == [b"\x00\xff", None]


def test_a_dropped_column_shows_and_a_dropped_table_is_a_breach(settings: Settings, owner: Any) -> None:
    table = SqlTable(source(), url(settings))
    assert "tien" in table.columns()
    owner.execute("ALTER TABLE dancu.cong_dan DROP COLUMN tien, DROP COLUMN so")
    assert "tien" not in table.columns()
    assert refusal(table).code == "source.column_missing"
    owner.execute("DROP TABLE dancu.cong_dan")
    error = refusal(table)
    assert isinstance(error, ContractBreach)
    assert error.code == "source.table_missing"


def test_password_database_rights_and_address_are_told_apart(settings: Settings, owner: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        down = refusal(SqlTable(source(), url(settings, port=port)))
    assert isinstance(down, TransientError)
    assert down.code == "source.unreachable"
    wrong = refusal(SqlTable(source(), url(settings, password="wrong")))
    assert isinstance(wrong, ConfigError)
    assert wrong.code == "source.password"
    assert refusal(SqlTable(source(), url(settings, user="nobody_here"))).code == "source.password"
    missing = refusal(SqlTable(source(), url(settings, dbname="no_such")))
    assert missing.code == "source.database_missing"
    owner.execute("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
    owner.execute("GRANT USAGE ON SCHEMA dancu TO stranger")
    denied = refusal(SqlTable(source(), url(settings, user="stranger", password="stranger")))
    assert denied.code == "source.permission"


def test_a_source_that_dies_while_it_is_read_is_transient(settings: Settings, owner: Any) -> None:
    owner.execute("INSERT INTO dancu.cong_dan (so, luc) SELECT i::text, now() FROM generate_series(1, 9) i")
    chunks = SqlTable(source(), url(settings)).read(None, 2)
    next(chunks)
    owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pophub_extract'"
    )
    with pytest.raises(TransientError, match=r"source\.unreachable"):
        list(chunks)


def test_the_source_is_never_written(settings: Settings, owner: Any) -> None:
    table = SqlTable(source(), url(settings))
    with pytest.raises(Exception, match="read-only"), table._connect() as connection:
        connection.exec_driver_sql("DELETE FROM dancu.cong_dan")
