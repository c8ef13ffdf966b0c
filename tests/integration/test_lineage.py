"""A DAG run tells OpenLineage what it read and wrote, with the counts that SQL gives; undeclared, it tells nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hubkit import PROJECT, Project
from test_quarantine_commands import BAD_NAME

from pophub.runtime.airflow import PLUGINS

pytestmark = pytest.mark.timeout(300)
RUN = """
import pathlib, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1], bundle_path=pathlib.Path(sys.argv[1]))
run = bag.dags[sys.argv[2]].test()
print("STATE", run.state)
"""


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("airflow")
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=environment(home), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return home


def environment(home: Path, **more: str) -> dict[str, str]:
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OPENLINEAGE"))
    }
    return own | {
        "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False", "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"), "PYTHONWARNINGS": "ignore", "PYTHONPATH": str(PROJECT), **more,
    }  # fmt: skip


def run_dag(project: Project, home: Path, **more: str) -> None:
    told = {**project.environment, "POPHUB_HOME": str(project.servers.settings.home), **more}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(PROJECT / "dags"), project.stem],
        env=environment(home, **told), cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert "STATE success" in done.stdout, (done.stdout + done.stderr)[-3000:]


def fill(project: Project) -> None:
    for person in (1, 2, 3):
        project.put(person, 60)
    project.put(4, 60, ho_ten=BAD_NAME)


def counted(event: dict[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    """Give what an event says was read and written: dataset -> rows."""
    read = {
        f"{d['namespace']}/{d['name']}": d["inputFacets"]["inputStatistics"]["rowCount"]
        for d in event["inputs"]
    }
    wrote = {
        f"{d['namespace']}/{d['name']}": d["outputFacets"]["outputStatistics"]["rowCount"]
        for d in event["outputs"]
    }
    return read, wrote


def test_a_run_tells_its_datasets_with_counts_and_no_value(
    project: Project, airflow_home: Path, tmp_path: Path
) -> None:
    fill(project)
    file = tmp_path / "events.jsonl"
    transport = json.dumps({"type": "file", "log_file_path": str(file), "append": True})
    run_dag(project, airflow_home, AIRFLOW__OPENLINEAGE__TRANSPORT=transport)
    events = [json.loads(line) for line in file.read_text().splitlines()]
    ended = {e["job"]["name"].rpartition(".")[2]: e for e in events if e["eventType"] == "COMPLETE"}
    stem = project.stem
    shared, held = project.servers.query(
        "select sum(shared), sum(quarantined) from hub.batch_summary where stem = %s", stem
    )[0]
    assert (shared, held) == (3, 1)
    assert counted(ended["extract"]) == ({f"pophub://source/{stem}": 4}, {f"pophub://raw/{stem}": 4})
    assert counted(ended["judge"]) == (
        {f"pophub://raw/{stem}": 4}, {f"pophub://history/{stem}": shared, f"pophub://quarantine/{stem}": held},
    )  # fmt: skip
    assert counted(ended["share"]) == (
        {f"pophub://history/{stem}": shared},
        {f"pophub://shared/{stem}": shared, f"pophub://sub.{project.subscriber}/{stem}": shared},
    )
    text = file.read_text()
    assert not [person for person in range(1, 5) if project.number_of(person) in text]
    assert project.environment["POPHUB_SOURCE_MPS_URL"] not in text and "Nguyễn" not in text


def test_where_no_transport_is_declared_nothing_is_told(
    project: Project, airflow_home: Path, tmp_path: Path
) -> None:
    fill(project)
    run_dag(project, airflow_home)
    assert project.states() == {"shared": 3, "quarantined": 1}
    assert not list(airflow_home.rglob("*.jsonl"))
