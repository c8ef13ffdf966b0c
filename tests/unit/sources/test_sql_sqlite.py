"""A table source keeps its promises on SQLite."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pophub.contracts.source_model import SqlSource
from pophub.domain.dates import time_parser
from pophub.domain.errors import ConfigError, ContractBreach, TransientError
from pophub.domain.record import Measured
from pophub.sources.sql import SqlTable

LOCAL = ZoneInfo("Asia/Ho_Chi_Minh")


def database(path: Path, rows: Sequence[tuple[object, ...]]) -> str:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE doanh_thu (rev INTEGER PRIMARY KEY AUTOINCREMENT, ma TEXT, cap_nhat TEXT)"
        )
        connection.executemany("INSERT INTO doanh_thu (ma, cap_nhat) VALUES (?, ?)", rows)
    connection.close()
    return f"sqlite:///{path}"


def source(**marker: object) -> SqlSource:
    return SqlSource.model_validate(
        {
            "kind": "sql",
            "url": "${X}",
            "table": "doanh_thu",
            "key": ["ma"],
            "marker": marker or {"column": "cap_nhat"},
        }
    )


def us(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=LOCAL).timestamp() * 1_000_000)


def keys(table: SqlTable, from_marker: int | None, chunk_rows: int = 2) -> list[Any]:
    return [key for chunk in table.read(from_marker, chunk_rows) for key in chunk["ma"]]


def test_rows_from_the_marker_on_come_in_order_with_the_markerless_last(tmp_path: Path) -> None:
    rows = [
        ("late", "2023-05-01 00:00:00"),
        ("b", "2024-01-02 03:04:05"),
        ("none", None),
        ("a", "2024-01-02 03:04:05"),
        ("old", "2022-01-01 00:00:00"),
        ("odd", "1/2/2020"),
    ]
    table = SqlTable(source(), database(tmp_path / "x.sqlite", rows))
    assert table.columns() == ("rev", "ma", "cap_nhat")
    assert keys(table, us(2023, 5, 1)) == ["odd", "late", "a", "b", "none"]
    assert sorted(keys(table, None)) == ["a", "b", "late", "none", "odd", "old"]


def test_day_first_text_is_bounded_and_ordered_by_time(tmp_path: Path) -> None:
    rows = [
        ("b", "02/01/2024 00:00:00"),
        ("a", "31/12/2023 23:59:59"),
        ("c", "01/02/2024 00:00:00"),
    ]
    table = SqlTable(source(column="cap_nhat", format="%d/%m/%Y %H:%M:%S"), database(tmp_path / "x", rows))
    assert keys(table, None) == ["a", "b", "c"]
    assert keys(table, us(2024, 1, 2)) == ["b", "c"]


def test_a_sequence_is_bounded(tmp_path: Path) -> None:
    rows = [("a", "x"), ("b", "y"), ("c", "z")]
    table = SqlTable(source(column="rev", kind="sequence"), database(tmp_path / "x", rows))
    assert keys(table, 2) == ["b", "c"]


@pytest.mark.parametrize(
    ("marker", "change"),
    [
        ({"column": "cap_nhat", "kind": "sequence"}, "the number that the source raises"),
        ({"column": "rev"}, "declare `kind: sequence`"),
    ],
)
def test_a_marker_of_another_type_is_told_before_anything_is_read(
    tmp_path: Path, marker: dict[str, object], change: str
) -> None:
    table = SqlTable(source(**marker), database(tmp_path / "x", [("a", "2024-01-01 00:00:00")]))
    with pytest.raises(ContractBreach, match=rf"source\.marker_type: .*{marker['column']}.*{change}"):
        table.columns()


@pytest.mark.parametrize("name", ["_extra", "_pophub_stub"])
def test_a_column_of_a_name_that_is_ours_is_told_before_anything_is_read(tmp_path: Path, name: str) -> None:
    url = database(tmp_path / "x", [("a", "2024-01-01 00:00:00")])
    with sqlite3.connect(tmp_path / "x") as connection:
        connection.execute(f"ALTER TABLE doanh_thu ADD COLUMN {name}")
    connection.close()
    with pytest.raises(ContractBreach, match=rf"source\.column_reserved: .*{name}"):
        SqlTable(source(), url).columns()


def test_a_column_of_texts_is_measured_while_it_is_read(tmp_path: Path) -> None:
    rows = [("a", None), ("dài hơn", "2024-01-01 00:00:00"), (None, "2024-01-02 00:00:00")]
    (columns,) = SqlTable(source(), database(tmp_path / "x", rows)).read(None, 10)
    measured = {name: column.longest for name, column in columns.items() if type(column) is Measured}
    assert measured == {"rev": None, "ma": 7, "cap_nhat": 19}


def test_one_undecodable_value_comes_as_bytes(tmp_path: Path) -> None:
    url = database(tmp_path / "x", [("a", "2024-01-01 00:00:00")])
    with sqlite3.connect(tmp_path / "x") as connection:
        connection.execute("INSERT INTO doanh_thu (ma, cap_nhat) VALUES (CAST(X'4EFF' AS TEXT), NULL)")
    connection.close()
    assert keys(SqlTable(source(), url), None) == ["a", b"N\xff"]


def test_a_bound_before_all_time_reads_everything(tmp_path: Path) -> None:
    table = SqlTable(source(), database(tmp_path / "x", [("a", "2024-01-01 00:00:00")]))
    assert keys(table, -(2**63)) == ["a"]


def test_a_dropped_column_shows_and_a_dropped_marker_is_a_breach(tmp_path: Path) -> None:
    url = database(tmp_path / "x", [("a", "2024-01-01 00:00:00")])
    table = SqlTable(source(), url)
    with sqlite3.connect(tmp_path / "x") as connection:
        connection.execute("ALTER TABLE doanh_thu DROP COLUMN cap_nhat")
    connection.close()
    assert table.columns() == ("rev", "ma")
    with pytest.raises(ContractBreach, match=r"column_missing.*cap_nhat"):
        keys(table, None)


def test_a_missing_table_a_missing_file_and_a_wrong_url_are_told_apart(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty").execute("CREATE TABLE other (a)").connection.close()
    with pytest.raises(ContractBreach, match=r"source\.table_missing"):
        SqlTable(source(), f"sqlite:///{tmp_path / 'empty'}").columns()
    with pytest.raises(TransientError, match=r"source\.unreachable"):
        SqlTable(source(), f"sqlite:///{tmp_path / 'nowhere'}").columns()
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(ConfigError, match=r"source\.url"):
        SqlTable(source(), "no url")
    (tmp_path / "text").write_text("this is no database" * 100)
    with pytest.raises(ContractBreach, match=r"source\.unreadable"):
        SqlTable(source(), f"sqlite:///{tmp_path / 'text'}").columns()


def test_the_source_is_never_written(tmp_path: Path) -> None:
    url = database(tmp_path / "x", [("a", "2024-01-01 00:00:00")])
    table = SqlTable(source(), url)
    with pytest.raises(Exception, match="readonly"), table._connect() as connection:
        connection.exec_driver_sql("DELETE FROM doanh_thu")


def test_bounds_in_utc_meet_local_text(tmp_path: Path) -> None:
    rows = [("before", "2024-01-01 06:59:59"), ("at", "2024-01-01 07:00:00")]
    table = SqlTable(source(), database(tmp_path / "x", rows))
    midnight = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
    assert keys(table, midnight) == ["at"]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("Trường học", "Trường học"),
        ("order", "order"),
        ("doanh-thu 2024 (mới)", "doanh-thu 2024 (mới)"),
        ('"a.b"', "a.b"),
        ('main."say ""so"""', 'say "so"'),
        ('"x; drop table doanh_thu; --"', "x; drop table doanh_thu; --"),
        ("100%(a)s :b", "100%(a)s :b"),
    ],
)
def test_any_table_that_the_database_has_can_be_named(tmp_path: Path, told: str, name: str) -> None:
    url = database(tmp_path / "x.sqlite", [])
    with sqlite3.connect(tmp_path / "x.sqlite") as connection:
        quoted = '"' + name.replace('"', '""') + '"'
        connection.execute(f"CREATE TABLE {quoted} (ma TEXT, cap_nhat TEXT)")
        connection.execute(f"INSERT INTO {quoted} VALUES ('k1', '2024-01-01 00:00:00')")
    connection.close()
    declared = SqlSource.model_validate({**source().model_dump(), "table": told})
    assert keys(SqlTable(declared, url), None) == ["k1"]
    assert keys(SqlTable(source(), url), None) == []


@pytest.mark.parametrize(
    "told", ["person;DROP", "a.b.c", "", " a", "a ", 'say "so"', "it's", "a\nb", "a..b", '""']
)
def test_what_names_no_table_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match="table"):
        SqlSource.model_validate({**source().model_dump(), "table": told})


FORMS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%d/%m/%Y %H:%M:%S"]
ZONES = ["", "", "Z", "+00:00", "+07:00", "-0930", "+07"]
ODD = st.sampled_from(
    ["", " ", "x", "2024-13-01 00:00:00", "2024-01-01 24:00:00", "2024-01-01 00:00:00 PM", "2024-01-01 00:00:00\n",
     "2024-1-1 00:00:00", "2024-01-01", "٢024-01-01 00:00:00", "2024-01-01 00:00:00.1234567", 20240101, 1.5, b"\xff"]
)  # fmt: skip
TEXTS = st.builds(
    lambda moment, form, zone: moment.strftime(form) + zone,
    st.datetimes(datetime(2023, 12, 31), datetime(2024, 1, 2)),
    st.sampled_from(FORMS),
    st.sampled_from(ZONES),
)


@settings(deadline=None, max_examples=150)
@given(
    values=st.lists(TEXTS | ODD | st.none(), min_size=1, max_size=12),
    hours=st.integers(-30, 30),
    form=st.sampled_from([None, "%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S"]),
)
def test_texts_are_compared_as_the_times_that_they_are(
    values: list[Any], hours: int, form: str | None
) -> None:
    """Each row from a marker on comes, each once; no row below it that can be read; the ordered ones last."""
    read, bound = time_parser(form, "Asia/Ho_Chi_Minh"), us(2024, 1, 1) + hours * 3_600_000_000

    def marker(value: Any) -> int | None:
        try:
            return read(value)
        except (ValueError, TypeError):
            return None

    with tempfile.TemporaryDirectory() as folder:
        rows = [(str(number), value) for number, value in enumerate(values)]
        told: dict[str, object] = {"column": "cap_nhat"} | ({"format": form} if form else {})
        table = SqlTable(source(**told), database(Path(folder) / "x", rows))
        for since in (None, bound):
            found, ordered = [], []
            for chunk in table.read(since, 3):
                found += chunk["ma"]
                ordered += [marker(value) for value in chunk["cap_nhat"]] if table.ordered else []
            wanted = [
                str(n)
                for n, v in enumerate(values)
                if (at := marker(v)) is None or since is None or at >= since
            ]
            assert sorted(found) == sorted(wanted)
            known = [at for at in ordered if at is not None]
            assert known == sorted(known)
