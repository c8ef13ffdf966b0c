"""Figures by declaration, without a server: what is refused with file and line, and what no SQL can reach."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pophub.contracts.load import load_all
from pophub.domain.errors import TransientError
from pophub.figures.accepted import Tokens, needed, schema_of, shown_as_tokens
from pophub.figures.check import check_figures
from pophub.figures.declared import load_figures, load_words
from pophub.figures.engine import Engine
from pophub.figures.run import HUB_TABLES, FigureAsked, parameters
from pophub.settings import PROJECT
from tests.refused import refused

HEAD = """/*
figure: 1
title: {en: Tasks, vi: Nhiệm vụ}
unit: {en: tasks, vi: nhiệm vụ}
source: {en: a test of this file, vi: một phép thử của tệp này}
chart: tasks
*/
"""
SOUND = "select state, count(*) as tasks\nfrom project06.tasks\ngroup by state\n"
CONNECTORS = {one.stem: one for one in load_all(PROJECT)[0]}


def written(folder: Path, sql: str, head: str = HEAD) -> Path:
    (folder / "figures").mkdir(exist_ok=True)
    (folder / "figures" / "mine.sql").write_text(head + sql)
    return folder


def findings(folder: Path, sql: str, head: str = HEAD) -> list[tuple[str, str]]:
    errors = check_figures(written(folder, sql, head), list(CONNECTORS.values()))
    return [(error.code, error.where.removeprefix("figures/mine.sql:")) for error in errors]


def test_the_figures_at_hand_are_sound() -> None:
    assert [str(error) for error in check_figures(PROJECT, list(CONNECTORS.values()))] == []
    assert {"tasks", "databases", "sharing"} <= {figure.name for figure in load_figures(PROJECT)[0]}


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        (SOUND, None),
        (SOUND.replace("select state", "select stat"), ("figure.field", "8")),
        (SOUND.replace("tasks\ngroup", "tusks\ngroup"), ("figure.dataset", "9")),
        (SOUND.replace("group by state", "group by year"), ("figure.sql", "8")),
        (SOUND.replace("from", "fron"), ("figure.sql", "9")),
        (SOUND.replace("count(*)", "count((*)"), ("figure.sql", "8")),
        (SOUND + ";" + SOUND, ("figure.sql", "figures/mine.sql")),
        (SOUND.replace("state,", "state, $by,"), ("figure.parameter", "2")),
        (SOUND.replace("state,", "state, $year,"), ("figure.parameter", "2")),
        (SOUND.replace("as tasks", "as number"), ("config.value", "6")),
        (SOUND.replace("as tasks", "as tasks, 1 as tasks"), ("figure.sql", "2")),
        (
            "select 1 as tasks from project06.tasks join catalogue.databases using (year)",
            ("figure.field", "8"),
        ),
        ("select year(birth_date) as tasks from mps.citizens", ("figure.sql", "8")),
        ("copy project06.tasks to 'tasks.csv'", ("figure.sql", "figures/mine.sql")),
        ("select count(*) as tasks from read_csv('/etc/passwd')", ("figure.sql", "8")),
        ("select count(*) as tasks from '/etc/passwd'", ("figure.sql", "8")),
        ("set threads = 4", ("figure.sql", "figures/mine.sql")),
        ("attach '/tmp/other.db'", ("figure.sql", "figures/mine.sql")),
        ("select n as tasks from range(1001) as one(n)", ("figure.rows", "figures/mine.sql")),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(
    tmp_path: Path, sql: str, finding: tuple[str, str] | None
) -> None:
    assert findings(tmp_path, sql) == ([] if finding is None else [finding])


@pytest.mark.parametrize(
    ("head", "finding"),
    [
        ("", ("figure.head", "1")),
        (HEAD.replace("/*\n", "/* "), ("figure.head", "1")),
        (HEAD.replace("figure: 1\n", ""), ("config.missing", "2")),
        (HEAD.replace("chart:", "chert:"), ("config.unknown_key", "6")),
        (HEAD.replace("chart: tasks", "chart: tasks\nby: [year]"), ("figure.parameter", "7")),
        (HEAD.replace("chart:", "wanted: [{by: year, row: a, column: tasks, value: 1}]\nchart:"), ("config.value", "6")),
        (HEAD.replace("chart:", "wanted: [{row: a, column: task, value: 1}]\nchart:"), ("config.value", "6")),
        (HEAD.replace("chart:", "own: {}\nchart:"), ("config.value", "6")),
        (HEAD.replace("chart:", "own: {by: agency}\nchart:"), ("config.value", "6")),
        (HEAD.replace("chart:", "target: {column: a, at_least: 1, due: 2025-12-31}\nchart:"), ("config.value", "6")),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_head_is_told_with_its_line(
    tmp_path: Path, head: str, finding: tuple[str, str]
) -> None:
    assert finding in findings(tmp_path, SOUND, head)


def test_a_name_that_is_none_and_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "Mine 2.sql").write_text(HEAD + SOUND)
    (tmp_path / "figures" / "other.sql").write_bytes(HEAD.encode() + b"\xff")
    assert [error.code for error in load_figures(tmp_path)[1]] == ["config.path", "figure.head"]


def test_a_figure_whose_connector_is_broken_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "connectors" / "project06").mkdir(parents=True)
    (tmp_path / "connectors" / "project06" / "tasks.yaml").write_text("connector: 9\n")
    written(tmp_path, SOUND)
    assert check_figures(tmp_path, [CONNECTORS["mps.citizens"]]) == []


def ask(folder: Path, sql: str, tables: dict[str, pa.RecordBatch], head: str = HEAD) -> Any:
    (figure,), _ = load_figures(written(folder, sql, head))
    with Engine(folder) as engine:
        for name, batch in tables.items():
            engine.take(name, batch.schema, [batch])
        return engine.ask(figure, parameters(engine, FigureAsked(figure, None), date(2024, 12, 31)))


def test_persons_are_tokens_that_can_be_joined_and_tell_nothing(tmp_path: Path) -> None:
    tokens = Tokens()
    numbers = ["001090000001", "001090000002", None]
    seen = pa.record_batch({"citizen_id": [tokens(one) for one in numbers]})
    again = pa.record_batch({"seller_citizen_id": [tokens("001090000002")]})
    sql = "select citizen_id, count(seller_citizen_id) as tasks from a.b left join c.d on citizen_id = seller_citizen_id group by 1"
    rows = dict(ask(tmp_path, sql, {"a.b": seen, "c.d": again}).rows)
    assert sorted(rows.values()) == [0, 0, 1] and None in rows
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in rows if name is not None)
    assert tokens("001090000001") not in (Tokens()("001090000001"), "001090000001")


def test_keys_of_datasets_that_name_citizens_are_tokens_too() -> None:
    assert {"dossier_no", "citizen_id", "birth_date"} <= shown_as_tokens(CONNECTORS["thanhhoa.procedures"])
    assert "task_no" not in shown_as_tokens(CONNECTORS["project06.tasks"])
    schema = schema_of(CONNECTORS["mps.citizens"], CONNECTORS["mps.citizens"].contract.fields)
    assert schema.field("birth_date").type == pa.string()


def test_only_what_a_figure_names_is_taken(tmp_path: Path) -> None:
    (figure,), _ = load_figures(written(tmp_path, SOUND))
    tasks = CONNECTORS["project06.tasks"]
    with Engine(tmp_path) as engine:
        needs = engine.needs(figure)
        assert needs.tables == {"project06.tasks"} and not needs.star
        assert [one.name for one in needed(tasks, needs.names, needs.star)] == ["state"]
        (every,), _ = load_figures(
            written(tmp_path, "select count(*) as tasks from (select * from project06.tasks)")
        )
        assert engine.needs(every).star
    assert [one.name for one in needed(tasks, frozenset(), False)] == ["task_no"], (
        "rows can be counted even so"
    )


def test_what_does_not_fit_goes_to_files_that_are_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pophub.figures.engine.MEMORY", "30MB")
    tokens = Tokens()
    schema = pa.schema([("key", pa.string())])
    chunks = (pa.record_batch({"key": [tokens(f"{at}-{n}") for n in range(20_000)]}) for at in range(40))
    (figure,), _ = load_figures(written(tmp_path, "select count(distinct key) as tasks from a.b"))
    with Engine(tmp_path) as engine:
        engine.take("a.b", schema, chunks)
        assert engine.ask(figure, {}).rows == [(800_000,)]
        assert [path for path in tmp_path.glob("figures-*/*") if path.stat().st_size]
    assert not list(tmp_path.glob("figures-*"))


def test_what_stops_the_records_is_told_as_it_is(tmp_path: Path) -> None:
    def stopped() -> Any:
        raise TransientError("postgres.unreachable", "no answer")
        yield

    with Engine(tmp_path) as engine, refused("postgres.unreachable"):
        engine.take("a.b", pa.schema([("key", pa.string())]), stopped())


def test_a_value_that_cannot_be_converted_is_not_shown(tmp_path: Path) -> None:
    with refused("figure.sql") as raised:
        ask(tmp_path, "select key::int as tasks from a.b", {"a.b": pa.record_batch({"key": ["Trần Thị B"]})})
    assert "Trần" not in str(raised.value)


def test_every_column_and_way_to_count_of_the_figures_at_hand_has_words() -> None:
    words = load_words(PROJECT)
    with Engine() as engine:
        known = {stem: schema_of(one, one.contract.fields) for stem, one in CONNECTORS.items()}
        for table, schema in (known | HUB_TABLES).items():
            engine.take(table, schema, ())
        for figure in load_figures(PROJECT)[0]:
            asked = FigureAsked(figure, None)
            columns = engine.ask(figure, parameters(engine, asked, date(2024, 12, 31))).columns
            lacking = {*columns[1:], *figure.file.by} - words.keys()
            assert not lacking, figure.name


def test_words_that_cannot_be_read_are_told_with_their_line(tmp_path: Path) -> None:
    written(tmp_path, SOUND)
    (tmp_path / "figures" / "words.yaml").write_text("words:\n  tasks: {en: tasks}\n")
    errors = check_figures(tmp_path, list(CONNECTORS.values()))
    assert [(error.code, error.where) for error in errors] == [("config.missing", "figures/words.yaml:2")]
