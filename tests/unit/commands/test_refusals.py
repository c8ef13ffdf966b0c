"""Commands that cannot do what they are asked say so by a code: Airflow's answers, stale pages, unknown names."""

from __future__ import annotations

import json
import shutil
import socket
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from answers import answering

from pophub.cli.program import app
from pophub.commands import demo, documents, ledger
from pophub.commands.airflow_runs import Airflow, start_by
from pophub.commands.attendant import started
from pophub.commands.quarantine_access import connector_here
from pophub.commands.requests import Done
from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.errors import PophubError
from pophub.settings import PROJECT, Endpoints, Settings
from tests.refused import refused

TOKEN = (201, b'{"access_token": "x"}')
DAG = "/api/v2/dags/mps.citizens"
ASKED_AT = datetime(2026, 1, 31, 3, 30, 59, tzinfo=HO_CHI_MINH)
SWITCHED_ON = (200, b'{"is_paused": false}')
QUEUED = {"dag_id": "mps.citizens", "dag_run_id": "one", "state": "queued"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("POPHUB_HOME", str(tmp_path / "home"))
    return Settings.load()


def at(settings: Settings, url: str) -> Settings:
    """Give settings whose Airflow is there."""
    told = settings.endpoints.model_dump() | {"airflow_url": url}
    return settings.model_copy(update={"endpoints": Endpoints.model_validate(told)})


def test_an_airflow_that_does_not_answer_is_told(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with refused("airflow.unreachable"):
        Airflow(at(settings, f"http://127.0.0.1:{port}"))


def test_an_airflow_that_refuses_is_told_with_its_status(settings: Settings) -> None:
    with answering(lambda method, path: (403, b"{}")) as url, refused("airflow.refused") as raised:
        Airflow(at(settings, url))
    assert "403" in str(raised.value)


def test_a_dag_that_is_never_read_and_a_run_that_never_ends_are_not_waited_for(settings: Settings) -> None:
    def answer(method: str, path: str) -> tuple[int, bytes]:
        if path == "/auth/token":
            return TOKEN
        if path.endswith("/dagRuns"):
            return 200, json.dumps({"dag_runs": [QUEUED], "total_entries": 1}).encode()
        return 404, b"{}"

    with answering(answer) as url, Airflow(at(settings, url)) as airflow:
        with refused("airflow.dag_missing"):
            airflow.wait_for_dags(["mps.citizens"], deadline_s=0)
        with refused("airflow.run_stuck"):
            airflow.wait([("mps.citizens", "one")], lambda dag, state: None, deadline_s=0)


def test_a_run_that_a_page_starts_is_one_a_minute_and_says_who_asked(settings: Settings) -> None:
    asked: list[tuple[str, str]] = []

    def answer(method: str, path: str) -> tuple[int, bytes]:
        asked.append((method, path))
        if path == "/auth/token":
            return TOKEN
        if path == DAG:
            return SWITCHED_ON
        started = ("POST", "/api/v2/dags/mps.citizens/dagRuns") in asked[:-1]
        return (200, json.dumps(QUEUED).encode()) if method == "POST" or started else (404, b"{}")

    with answering(answer) as url:
        first, second = (start_by(at(settings, url), "mps.citizens", "Oanh", ASKED_AT) for _ in range(2))
        assert first == second == "pages_2026-01-30T20:30Z", "of the minute in which it was asked for"
        assert [one for one in asked if one[0] == "POST" and "dags" in one[1]] == [
            ("POST", "/api/v2/dags/mps.citizens/dagRuns")
        ]
    with answering(lambda method, path: (403, b"{}")) as url:
        assert started(at(settings, url), "mps.citizens", "Oanh", ASKED_AT) == Done("airflow.refused")


def test_two_who_ask_at_once_start_one_run(settings: Settings) -> None:
    def answer(method: str, path: str) -> tuple[int, bytes]:
        if path in ("/auth/token", DAG):
            return TOKEN if path == "/auth/token" else SWITCHED_ON
        return (409, b"{}") if method == "POST" else (404, b"{}")

    with answering(answer) as url:
        assert start_by(at(settings, url), "mps.citizens", "Oanh", ASKED_AT).startswith("pages_")


def test_a_dataset_that_is_switched_off_is_not_started(settings: Settings) -> None:
    asked: list[str] = []

    def answer(method: str, path: str) -> tuple[int, bytes]:
        asked.append(path)
        return TOKEN if path == "/auth/token" else (200, b'{"is_paused": true}')

    with answering(answer) as url:
        settings.secret("airflow.admin")
        done = started(at(settings, url), "mps.citizens", "Oanh", ASKED_AT)
    assert done == Done("airflow.paused")
    assert not [path for path in asked if "dagRuns" in path]


def test_who_asks_again_for_a_run_that_failed_stands_in_its_note(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    notes: list[str] = []
    known = Airflow.set_note

    def noted(airflow: Airflow, dag: str, run: str, note: str) -> None:
        notes.append(note)
        known(airflow, dag, run, note)

    monkeypatch.setattr(Airflow, "set_note", noted)

    def answer(method: str, path: str) -> tuple[int, bytes]:
        asked.append((method, path.rpartition("/")[2]))
        if path in ("/auth/token", DAG):
            return TOKEN if path == "/auth/token" else SWITCHED_ON
        return 200, json.dumps(QUEUED | {"state": "failed", "note": "started by An"}).encode()

    with answering(answer) as url:
        run = quote(start_by(at(settings, url), "mps.citizens", "Oanh", ASKED_AT))
    assert notes == ["started by An\nstarted by Oanh"]
    assert ("POST", "clear") in asked and ("PATCH", run.replace(":", "%3A")) in asked


def report(**wrong: Any) -> dict[str, Any]:
    """Give a demo's report that keeps every promise, but for what is told."""
    counted = {
        "stem": "mps.citizens",
        "read": 3,
        "shared": 1,
        "quarantined": {"clean": 1},
        "duplicate": 1,
        "superseded": 0,
    }
    figure = {"figure": "tasks", "row": "2024", "column": "done", "equal": True}
    sound = {
        "airflow": [],
        "detection": {"missed": 0, "false_rejections": 0},
        "connectors": [counted],
        "figures": [figure],
    }
    return sound | wrong


@pytest.mark.parametrize(
    "wrong",
    [
        {"airflow": [{"dag_id": "mps.citizens", "state": "failed"}]},
        {"detection": {"missed": 1, "false_rejections": 0}},
        {"detection": {"missed": 0, "false_rejections": 1}},
        {"connectors": [report()["connectors"][0] | {"read": 4}]},
        {"figures": [report()["figures"][0] | {"equal": False}]},
    ],
    ids=[
        "a run failed",
        "a defect was missed",
        "a sound record was rejected",
        "a record is not accounted for",
        "a figure is not that of the reports",
    ],
)
def test_a_demo_whose_report_breaks_a_promise_fails(wrong: dict[str, Any]) -> None:
    demo._judge_report(report())
    with refused("demo.promise"):
        demo._judge_report(report(**wrong))


def test_stale_pages_are_named_and_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POPHUB_PROJECT", str(tmp_path))
    for room in ("dags", "pophub"):  # docs/way.md names their lines
        (tmp_path / room).symlink_to(PROJECT / room)
    (tmp_path / "docs").mkdir()
    shutil.copy(PROJECT / "docs" / "systems.yaml", tmp_path / "docs")
    with refused("docs.stale") as raised:
        documents.write(app, check=True)
    assert all(name in str(raised.value) for name in documents.pages(app))
    documents.write(app, check=False)
    documents.write(app, check=True)


def test_an_unknown_code_brings_the_nearest() -> None:
    with refused("cli.unknown_code") as raised:
        ledger.explain("live.stail")
    assert "live.stale" in raised.value.remedy


def test_an_unknown_dataset_brings_the_known_ones() -> None:
    with refused("config.unknown_stem") as raised:
        connector_here("mps.citizen")
    assert "mps.citizens" in raised.value.remedy


def test_a_variable_that_is_nowhere_set_is_named(settings: Settings) -> None:
    with pytest.raises(PophubError, match=r"config\.variable_missing.*POPHUB_NOWHERE.*connectors/x"):
        settings.resolve("${POPHUB_NOWHERE}", where="connectors/x")
