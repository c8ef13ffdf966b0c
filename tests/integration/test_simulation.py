"""The simulation on a real PostgreSQL: each step once, resumed after a crash, least rights."""

from __future__ import annotations

import csv
import sqlite3
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from openpyxl import load_workbook

from pophub.domain.errors import ConfigError
from pophub.kafka import AgencyLog
from pophub.postgres import connect
from pophub.runtime import hub
from pophub.settings import Settings
from pophub.simulation.apply import apply
from pophub.simulation.databases import drop_folder, sales_file, set_up
from pophub.simulation.declaration import Declaration, declarations
from pophub.simulation.detect import detect
from pophub.simulation.journals import folder, sqlite_file, tables
from pophub.simulation.model import Version
from pophub.simulation.plan import Plan, plan
from pophub.simulation.tables import TABLES
from pophub.simulation.write import write

ROUNDS = 2  # of today, by test_a_step_is_applied_once_and_today_again


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    home = tmp_path_factory.mktemp("simulated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POPHUB_HOME", str(home))
        started = hub.start(Settings.load(), servers=("postgres", "kafka"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # kafka-python's, on import
            from pophub.prepare import prepare_database
        prepare_database(started)
        yield started
        hub.stop(started)


@pytest.fixture(scope="module")
def planned() -> Plan:
    return plan(11, 0.1)


def number(settings: Settings, database: str, role: str, statement: str) -> int:
    connection = connect(settings, role, database=database)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            (found,) = cursor.fetchone() or (0,)
            return int(found)
    finally:
        connection.close()


def truth(settings: Settings) -> int:
    return number(settings, "simulation", "simulation", "select count(*) from truth.version")


def test_2024_does_not_come_before_2023(settings: Settings, planned: Plan) -> None:
    with pytest.raises(ConfigError, match=r"simulation\.order"):
        apply(settings, planned, "2024")


def test_a_step_killed_in_the_middle_is_done_again_cleanly(
    settings: Settings, planned: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(settings: Settings, versions: list[Version]) -> None:
        write(settings, versions[: len(versions) // 2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("pophub.simulation.apply.write", half)
        apply(settings, planned, "2023")
    assert truth(settings) == 0
    assert apply(settings, planned, "2023").changed
    assert truth(settings) == len(planned.of_step("2023"))


def test_sources_hold_exactly_the_rows_of_the_step(settings: Settings, planned: Plan) -> None:
    for stem, table in TABLES.items():
        rows = number(
            settings, table.database, f"{table.database}_reader",
            f"select count(*) from {table.name}",
        )  # fmt: skip
        assert rows == sum(v.stem == stem for v in planned.of_step("2023"))
    with sqlite3.connect(sales_file(settings)) as sales:
        (rows,) = sales.execute("select count(*) from doanh_thu").fetchone()
    assert rows == sum(v.stem == "moit.ecommerce_sales" for v in planned.of_step("2023"))
    rows = sum(map(rows_of, drop_folder(settings).iterdir()))
    assert rows == sum(v.stem == "thanhhoa.procedures" for v in planned.of_step("2023"))


def rows_of(path: Path) -> int:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return sum(1 for _ in csv.reader(file)) - 1
    if path.suffix == ".jsonl":
        return path.read_text(encoding="utf-8").count("\n")
    book = load_workbook(path, read_only=True)
    rows = sum(1 for _ in book.worksheets[0].iter_rows()) - 1
    book.close()
    return rows


def test_a_step_is_applied_once_and_today_again(settings: Settings, planned: Plan) -> None:
    assert not apply(settings, planned, "2023").changed
    assert apply(settings, planned, "2024").changed
    first, second = apply(settings, planned, "today"), apply(settings, planned, "today")
    assert (first.round, second.round) == (1, 2)
    ticks = number(settings, "pophub", "pophub_owner", "select count(*) from extract.tick")
    assert ticks == 25
    query = "select count(*) from extract.setting where name like 'simulation.stem.%'"
    assert number(settings, "pophub", "pophub_owner", query) == len(planned.read_by) == 28
    assert detect(settings).figures()["injected"] == 0


@pytest.mark.parametrize("declaration", declarations(), ids=lambda one: one.stem)
def test_a_declared_source_holds_every_version_of_its_plan(
    settings: Settings, planned: Plan, declaration: Declaration
) -> None:
    source, wanted = declaration.source, sum(v.stem == declaration.stem for v in planned.versions)
    if source.in_place:
        wanted -= ROUNDS * (declaration.today // 2 + 1)  # of each round a half changes in place, one is gone
    if source.in_postgres:
        table = tables()[declaration.stem]
        statement = f"select count(*) from {table.name}"
        rows = number(settings, table.database, f"{table.database}_reader", statement)
    elif source.in_sqlite:
        with closing(sqlite3.connect(sqlite_file(settings, declaration))) as found:
            (rows,) = found.execute(f"select count(*) from {source.name}").fetchone()
    elif source.kind == "kafka":
        rows = AgencyLog(settings, source.name).size()
    else:
        rows = sum(map(rows_of, folder(settings, declaration).iterdir()))
    assert rows == wanted + ROUNDS * declaration.today > 0


def test_a_topic_that_is_filled_again_stays_as_it_is(settings: Settings, planned: Plan) -> None:
    (declaration,) = (one for one in declarations() if one.source.kind == "kafka")
    before = AgencyLog(settings, declaration.source.name).size()
    write(settings, [made for made in planned.versions if made.stem == declaration.stem])
    assert AgencyLog(settings, declaration.source.name).size() == before


def test_another_seed_is_refused(settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"simulation\.other_seed.*--fresh"):
        apply(settings, plan(12, 0.1), "2023")


def test_the_reader_may_only_read(settings: Settings) -> None:
    connection = connect(settings, "agency_mps_reader", database="agency_mps")
    try:
        with connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("delete from dancu.cong_dan")
    finally:
        connection.close()


def test_nothing_in_the_home_can_be_read_by_another_user_of_the_machine(settings: Settings) -> None:
    """Also where the home itself lets others pass, as it does for root's PostgreSQL."""
    agencies = settings.home / "agencies"
    for path in (agencies, sales_file(settings), *(found := list(drop_folder(settings).iterdir()))):
        path.chmod(0o777)  # as an earlier version may have left it
    assert found
    set_up(settings)
    closed = ("-type", "d", "!", "-perm", "/001", "-prune")
    seen = ("!", "-type", "l", "-perm", "/006", "-print")
    walk = ["find", str(settings.home), "-mindepth", "1", *closed, "-o", *seen]
    assert subprocess.run(walk, capture_output=True, text=True, check=True).stdout == ""
    assert {path.stat().st_mode & 0o077 for path in agencies.rglob("*")} == {0}


def test_a_home_that_a_command_makes_before_the_servers_start_is_its_owners(
    settings: Settings, tmp_path: Path
) -> None:
    new = settings.model_copy(update={"home": tmp_path / "above" / "home"})
    new.secret("hub.pseudonyms")
    assert new.home.stat().st_mode & 0o777 == 0o700


def test_source_urls_are_for_the_owner_only(settings: Settings) -> None:
    path = settings.home / "sources.env"
    assert path.stat().st_mode & 0o777 == 0o600
    assert settings.source_variables["POPHUB_SOURCE_MOIT_URL"].startswith("sqlite:///")
    assert len(settings.source_variables) == 25
