"""The end of a task's log is shown bounded, in order, without what libraries print and without long numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pophub.runtime.task_logs import FOLDER, MOST_CHARACTERS, MOST_LINES, tails
from pophub.settings import Endpoints, Settings
from pophub.web.run_pages import retry_word

NUMBER = "001090000001"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv(FOLDER, raising=False)
    return Settings(home=tmp_path, project=tmp_path, endpoints=Endpoints())


def entry(second: int, event: str, logger: str = "task", **more: Any) -> str:
    at = f"2026-11-28T17:32:{second:02}.5Z"
    return json.dumps({"timestamp": at, "level": "info", "event": event, "logger": logger, **more})


def write(
    settings: Settings,
    task: str,
    *lines: str,
    attempt: int = 1,
    run: str = "r 1+07:00",
    dag: str = "mps.citizens",
) -> None:
    folder = settings.home / f"airflow/logs/dag_id={dag}/run_id={run}/task_id={task}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"attempt={attempt}.log").write_text("\n".join(lines) + "\n")


def ended(kind: str, value: str) -> dict[str, Any]:
    return {"error_detail": [{"exc_type": kind, "exc_value": value}]}


def test_tasks_stand_in_their_order_with_the_last_lines_of_the_last_attempt(settings: Settings) -> None:
    write(settings, "judge", *(entry(30, f"line {n}") for n in range(100)))
    write(settings, "extract", entry(5, "an old attempt"))
    write(settings, "extract", entry(10, "::group::Pre"), entry(11, "Done"), attempt=2)
    extract, judge = tails(settings, "mps.citizens", "r 1+07:00")
    assert (extract.task, extract.attempt, [line.text for line in extract.lines]) == ("extract", 2, ["Done"])
    assert (judge.task, [line.text for line in judge.lines]) == (
        "judge",
        [f"line {n}" for n in range(100 - MOST_LINES, 100)],
    )


def test_no_text_of_a_library_and_no_long_number_is_shown(settings: Settings) -> None:
    write(
        settings, "judge",
        entry(1, f"read {NUMBER}", "task.stdout"), entry(2, f"bad value {NUMBER}", "great_expectations"),
        entry(3, f"key {NUMBER} of 3,590"), entry(4, "x" * 10_000, "pophub.notes"), "no line of ours", "[1]",
        entry(5, "Task failed", **ended("ValueError", f"invalid literal {NUMBER}")),
    )  # fmt: skip
    (judge,) = tails(settings, "mps.citizens", "r 1+07:00")
    assert [line.text[:20] for line in judge.lines] == ["key … of 3,590", "x" * 20, "Task failed"]
    assert max(len(line.text) for line in judge.lines) == MOST_CHARACTERS
    assert judge.error is not None and (judge.error.code, judge.error.text) == ("", "ValueError")
    assert NUMBER not in str(judge)


@pytest.mark.parametrize(
    ("kind", "word"), [("TransientError", "retry_helps"), ("AirflowFailException", "retry_same")]
)
def test_an_error_of_ours_is_told_by_its_code_and_whether_a_retry_mends_it(
    settings: Settings, kind: str, word: str
) -> None:
    told = f"source.unreachable: no answer for {NUMBER} (mps.citizens). Next: ask the owner"
    write(settings, "extract", entry(1, "Task failed with exception", **ended(kind, told)))
    found = tails(settings, "mps.citizens", "r 1+07:00")
    assert found[0].error is not None and found[0].error.code == "source.unreachable"
    assert found[0].error.text == "no answer for … (mps.citizens). Next: ask the owner"
    assert retry_word(found) == word
    write(settings, "extract", entry(9, "Done"), attempt=2)
    assert retry_word(tails(settings, "mps.citizens", "r 1+07:00")) == "retry_is_safe"


@pytest.mark.parametrize(
    "run",
    [
        "../run_id=other",
        "..",
        "",
        "a\0b",
        "nothing/here",
        "x/../../dag_id=other/run_id=other",
        "x/../task_id=x",
    ],
)
def test_no_name_of_a_run_leads_out_of_the_logs(settings: Settings, run: str) -> None:
    write(settings, "extract", entry(1, "Done"), run="other")
    (settings.home / "airflow/logs/dag_id=mps.citizens/task_id=x/task_id=y").mkdir(parents=True)
    write(settings, "extract", entry(1, "Done"), run="other", dag="other")
    assert tails(settings, "mps.citizens", run) == []
    assert len(tails(settings, "mps.citizens", "other")) == 1


def test_of_a_long_log_only_its_end_is_read(settings: Settings) -> None:
    write(settings, "judge", *(entry(n % 60, "y" * 900) for n in range(5_000)), entry(59, "the end"))
    (judge,) = tails(settings, "mps.citizens", "r 1+07:00")
    assert judge.lines[-1].text == "the end" and len(judge.lines) == MOST_LINES
