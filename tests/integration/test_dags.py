"""Airflow sees one DAG a connector; a broken file takes no other down; errors mean what they say."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pophub.runtime.airflow import PLUGINS, airflow_environment
from pophub.settings import PROJECT, Endpoints, Settings

pytestmark = pytest.mark.timeout(180)

LOOK = """
import json, sys
from datetime import datetime, timezone
from airflow.dag_processing.dagbag import DagBag
from airflow.timetables.base import TimeRestriction
from airflow.serialization.serialized_objects import DagSerialization
folder = sys.argv[1]
bag = DagBag(folder, bundle_path=__import__("pathlib").Path(folder))
told = {"errors": bag.import_errors, "dags": {}}
for name, dag in bag.dags.items():
    timetable = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag)).timetable
    info = timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(None, None, False))
    told["dags"][name] = {
        "tasks": [task.task_id for task in dag.topological_sort()],
        "retries": [task.retries for task in dag.tasks],
        "tags": sorted(dag.tags), "catchup": dag.catchup, "max": dag.max_active_runs,
        "paused": dag.is_paused_upon_creation, "doc": dag.doc_md,
        "waits": info is None or info.run_after > datetime.now(timezone.utc),
    }
print("TOLD" + json.dumps(told))
"""

RUN = """
import json, sys, types
from contextlib import contextmanager
from pophub.domain import errors
class Hub:
    def __getattr__(self, stage):
        def run(stem, run):
            calls.append(stage)
            if stage == "extract" and kind and calls.count(stage) < 3:
                try:
                    raise ValueError("0123 a person's number")
                except ValueError as cause:
                    raise kind("source.test", "did not work", where=stem) from cause
            return {"stem": stem, "rows": 1}
        return run
@contextmanager
def open_hub():
    yield Hub()
fake = types.ModuleType("pophub.wiring")
fake.open_hub = open_hub
sys.modules["pophub.wiring"] = fake
from datetime import timedelta
from airflow.dag_processing.dagbag import DagBag
folder = sys.argv[1]
dag = DagBag(folder, bundle_path=__import__("pathlib").Path(folder)).dags["mps.citizens"]
for task in dag.tasks:
    task.retry_delay = timedelta(milliseconds=10)
    task.retry_exponential_backoff = False
told = []
for kind in (None, errors.ContractBreach, errors.TransientError):
    calls = []
    run = dag.test()
    states = {ti.task_id: ti.state for ti in run.get_task_instances()}
    told.append({"state": run.state, "tasks": states, "calls": calls})
print("TOLD" + json.dumps(told))
"""

RECONCILE = """
import json, sys, types
from contextlib import contextmanager
from pophub.reconcile.findings import Finding, Report
fake = types.ModuleType("pophub.commands.reconcile")
def examine(hub, stem):
    report = Report(stem, False)
    if stem == "mps.citizens":
        report.findings.append(Finding("reconcile.missing", "shared.mps.citizens", "the record is not there",
                                       "00ff00ff", 1, 7, "d1e5", "001090000001"))
    return report
fake.examine = examine
sys.modules["pophub.commands.reconcile"] = fake
from datetime import timedelta
from airflow.dag_processing.dagbag import DagBag
folder = sys.argv[1]
dag = DagBag(folder, bundle_path=__import__("pathlib").Path(folder)).dags["reconcile"]
run = dag.test()
states = {ti.task_id: ti.state for ti in run.get_task_instances()}
print("TOLD" + json.dumps({"state": run.state, "tasks": states}))
"""


WATCH = """
import json, pathlib, shutil, sys
sys.path.append(sys.argv[2])
import pophub_bundle
from airflow.models.dagbag import DagPriorityParsingRequest as Request
from airflow.utils.session import create_session
project = pathlib.Path(sys.argv[1])
bundle = pophub_bundle.PophubBundle(name="pophub", project=str(project))
def asked():
    bundle.refresh()
    with create_session() as session:
        found = sorted(request.relative_fileloc for request in session.query(Request))
        session.query(Request).delete()
    return found
told = {"at the start": asked(), "unchanged": asked()}
new = project / "connectors/mps/other.yaml"
shutil.copy(project / "connectors/mps/citizens.yaml", new)
told["a new connector"] = asked()
told["once"] = asked()
suite = project / "expectations/mps/citizens.json"
suite.write_text(suite.read_text() + " ")
bundle.refresh()
told["a changed suite, asked twice"] = asked()
new.unlink()
told["one that is gone"] = asked()
bundle._again_at = 0
told["later, for what is gone"] = asked()
told["that once"] = asked()
print("TOLD" + json.dumps({"asked": told, "path": str(bundle.path)}))
"""

TASK = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager
folder = sys.argv[1]
with _airflow_parsing_context_manager(dag_id="mps.citizens", task_id="judge"):
    bag = DagBag(folder + "/connectors.py", bundle_path=__import__("pathlib").Path(folder))
print("TOLD" + json.dumps({"errors": bag.import_errors, "dags": sorted(bag.dags)}))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("airflow")
    done = _python(home, PROJECT, "-m", "airflow", "db", "migrate")
    assert done.returncode == 0, done.stderr[-2000:]
    return home


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("connectors", "schemas", "expectations", "codes", "bases", "dags"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    return tmp_path


def _environment(home: Path, project: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return own | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "POPHUB_PROJECT": str(project),
        "POPHUB_HOME": str(home / "pophub"),
        "PYTHONWARNINGS": "ignore",
        "PYTHONPATH": str(PROJECT),
    }


def _python(home: Path, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=_environment(home, project),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=150,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def told(done: subprocess.CompletedProcess[str]) -> Any:
    lines = [line for line in done.stdout.splitlines() if line.startswith("TOLD")]
    assert lines, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(lines[-1].removeprefix("TOLD"))


def test_each_connector_is_a_dag_with_the_stages_in_order(home: Path, project: Path) -> None:
    seen = told(_python(home, project, "-c", LOOK, str(project / "dags")))
    assert seen["errors"] == {}
    stems = {f"{path.parent.name}.{path.stem}" for path in (project / "connectors").glob("*/*.yaml")}
    assert set(seen["dags"]) >= stems | {"pophub_warm_up"}
    for stem in stems:
        dag = seen["dags"][stem]
        assert dag["tasks"] == ["extract", "judge", "share", "all_well"]
        assert sorted(dag["retries"])[1] >= 2
        assert dag["tags"] == sorted(["pophub", stem.split(".")[0]])
        assert (dag["catchup"], dag["max"], dag["paused"]) == (False, 1, False)
        assert dag["waits"], "a new DAG starts at its time or by hand, never by itself"
        assert "Reads" in dag["doc"] and not dag["doc"].isascii(), "told in both languages"


def test_a_broken_connector_shows_and_takes_no_other_down(home: Path, project: Path) -> None:
    broken = project / "connectors" / "mps" / "citizens.yaml"
    broken.write_text(broken.read_text().replace("lanes:", "lnes:"))
    (project / "connectors" / "moj" / "civil_status.yaml").write_text("connector: [1\n")
    (project / "expectations" / "mof" / "einvoices.json").write_text("{")
    seen = told(_python(home, project, "-c", LOOK, str(project / "dags")))
    assert set(seen["dags"]) >= {"mof.einvoices", "moit.ecommerce_sales", "pophub_warm_up"}
    assert not set(seen["dags"]) & {"mps.citizens", "moj.civil_status"}
    ((file, message),) = seen["errors"].items()
    assert file.endswith("broken_connectors.py")
    assert "mps/citizens.yaml" in message and "moj/civil_status.yaml" in message
    assert "lnes" in message and "lanes" in message
    assert "mof/einvoices.json" in message, "its DAG stays, and a run says what is wrong"


def test_the_process_of_a_task_reads_its_own_connector_alone(home: Path, project: Path) -> None:
    (project / "connectors/moj/civil_status.yaml").write_text("connector: [1\n")
    seen = told(_python(home, project, "-c", TASK, str(project / "dags")))
    assert seen == {"errors": {}, "dags": ["mps.citizens"]}


def test_runs_end_as_their_stages_say(home: Path, project: Path) -> None:
    done = _python(home, project, "-c", RUN, str(project / "dags"))
    sound, breach, down = told(done)
    assert sound["calls"] == ["extract", "judge", "share"]
    assert sound["state"] == "success"
    assert sound["tasks"] == dict.fromkeys(("extract", "judge", "share", "all_well"), "success")
    assert breach["calls"] == ["extract", "judge", "share"], "tried once; what came through goes on"
    assert (breach["tasks"]["extract"], breach["tasks"]["all_well"]) == ("failed", "upstream_failed")
    assert breach["state"] == "failed"
    assert down["calls"].count("extract") > 1, "tried again"
    assert "source.test: did not work" in done.stdout + done.stderr
    assert "a person's number" not in done.stdout + done.stderr


def test_the_reconcile_dag_turns_red_with_event_ids_and_no_keys(home: Path, project: Path) -> None:
    done = _python(home, project, "-c", RECONCILE, str(project / "dags"))
    seen = told(done)
    stems = {f"{path.parent.name}.{path.stem}" for path in (project / "connectors").glob("*/*.yaml")}
    assert seen["state"] == "failed"
    assert seen["tasks"] == dict.fromkeys(stems, "success") | {"mps.citizens": "failed"}
    text = done.stdout + done.stderr
    assert "reconcile.missing: shared.mps.citizens, lane 1, sequence 7" in text and "00ff00ff" in text
    assert "001090000001" not in text


def test_airflow_is_asked_to_read_the_dags_when_a_declaration_changed(home: Path, project: Path) -> None:
    done = _python(home, project, "-c", WATCH, str(project), str(PLUGINS))
    assert "TOLD" in done.stdout, done.stderr[-2000:]
    told = json.loads(done.stdout.rpartition("TOLD")[2])
    assert told["path"] == str(project / "dags")
    both = ["broken_connectors.py", "connectors.py"]
    assert told["asked"] == {
        "at the start": [], "unchanged": [], "a new connector": both, "once": [],
        "a changed suite, asked twice": both, "one that is gone": both,
        "later, for what is gone": both, "that once": [],
    }  # fmt: skip


def _listed(home: Path) -> set[str]:
    """Give the DAGs that Airflow lists of the folder of the hub."""
    with closing(sqlite3.connect(home / "airflow.db", timeout=60)) as database:
        return {
            name
            for (name,) in database.execute(
                "select dag_id from dag where bundle_name = 'pophub' and not is_stale"
            )
        }


def _until(true: Callable[[], bool], processor: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + 120
    while not true():
        assert processor.poll() is None, "the DAG processor ended"
        assert time.monotonic() < limit, "not in time"
        time.sleep(0.2)


def test_airflows_own_dag_processor_lists_a_new_connector_though_no_reading_is_due(
    home: Path, project: Path, tmp_path: Path
) -> None:
    files = [
        project / name
        for name in ("connectors/thanhhoa/procedures.yaml", "schemas/thanhhoa/procedures.v1.avsc", "expectations/thanhhoa/procedures.json")
    ]  # fmt: skip
    aside = [new.rename(tmp_path / new.name) for new in files]
    settings = Settings(
        home=home / "pophub", project=project, endpoints=Endpoints(airflow_url="http://127.0.0.1:1")
    )
    ours = {
        name: value
        for name, value in airflow_environment(settings).items()
        if name.startswith(("AIRFLOW__DAG_PROCESSOR__", "AIRFLOW__CORE__PLUGINS_FOLDER"))
    }
    every = {name.rpartition("__")[2]: value for name, value in ours.items()}
    assert int(every["MIN_FILE_PROCESS_INTERVAL"]) > 120
    looks = (every["REFRESH_INTERVAL"], every["BUNDLE_REFRESH_CHECK_INTERVAL"])
    assert [int(one) for one in looks if int(one) > 5] == [], "a look every few seconds is what brings it"
    log = tmp_path / "processor.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [sys.executable, "-m", "airflow", "dag-processor"],
            env=_environment(home, project) | ours, cwd=home, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
        ) as processor,
    ):  # fmt: skip
        try:
            _until(lambda: "mps.citizens" in _listed(home), processor)
            assert "thanhhoa.procedures" not in _listed(home)
            for file, new in zip(aside, files, strict=True):
                file.rename(new)
            _until(lambda: "thanhhoa.procedures" in _listed(home), processor)
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{log.read_text()[-3000:]}") from None
        finally:
            processor.terminate()
            processor.wait(60)
