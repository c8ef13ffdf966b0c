"""What others see of a real Airflow: a ministry's DAG waits for a dataset, a failed run says why.

A hub of its own with one small dataset: the schools of docs/add-a-connector.md.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from frame_kit import Frame, Pressable

from pophub.commands.airflow_runs import Airflow
from pophub.runtime.airflow import airflow_environment
from pophub.settings import Settings
from tests.acceptance.test_demo import DECLARED, POPHUB, PROJECT, environment, project_of
from tests.integration.page_blocks import blocks

pytestmark = pytest.mark.timeout(540)
STEM = "moet.schools"
MINISTRY = """
from airflow.sdk import DAG, Asset, task

with DAG(dag_id="ministry.reads_schools", schedule=[Asset("pophub://shared/moet.schools")], is_paused_upon_creation=False):

    @task
    def read(triggering_asset_events=None):
        return [event.extra["shared"] for events in triggering_asset_events.values() for event in events]

    read()
"""
GRANT = """
subscription: 1
subscriber: portal
title: {en: Portal, vi: Cổng}
grants:
  - dataset: moet.schools
    purpose: {en: Choose a school, vi: Chọn trường}
    legal_basis: Decree 47/2020
    fields: [school_code, name, level]
    starts: 2022-01-01
"""
SHARING = PROJECT / "figures/sharing.sql"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A hub that runs, with the schools alone, and a DAG of the ministry that waits for them."""
    home = tmp_path_factory.mktemp("airflow") / "home"
    project = project_of(home)
    for name in DECLARED:
        shutil.copytree(PROJECT / name, project / name)
    for kept in ("connectors", "subscriptions", "figures"):
        shutil.rmtree(project / kept)
    for block in blocks("add-a-connector"):
        if block.path and block.path.split("/")[0] in DECLARED:
            path = project / block.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif "create table truong" in block.text:
            subprocess.run(["bash", "-ec", block.text.replace("/tmp/", f"{project}/")], check=True)
    (project / "dags/ministry.py").write_text(MINISTRY)
    for path, text in (("subscriptions/portal.yaml", GRANT), ("figures/sharing.sql", SHARING.read_text())):
        (project / path).parent.mkdir()
        (project / path).write_text(text)
    home.mkdir(mode=0o700)
    (home / "sources.env").write_text(f"POPHUB_SOURCE_MOET_URL=sqlite:///{project}/moet-schools.sqlite\n")
    try:
        done = subprocess.run(
            [POPHUB, "up"], env=environment(home), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        yield home
    finally:
        subprocess.run([POPHUB, "down"], env=environment(home), capture_output=True, check=False)


@pytest.fixture
def airflow(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    for name, value in environment(home).items():
        monkeypatch.setenv(name, value)
    with Airflow(Settings.load()) as found:
        found.wait_for_dags([STEM, "ministry.reads_schools"])
        yield found


def ask(home: Path, statement: str) -> list[str]:
    exports = subprocess.run(
        [POPHUB, "env", "--json"], env=environment(home), capture_output=True, text=True, check=True
    )
    done = subprocess.run(
        ["psql", "-X", "-A", "-t", "-c", statement], env=os.environ | json.loads(exports.stdout),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def run(airflow: Airflow, name: str, dag: str = STEM) -> str:
    """Start a run, or a failed one again; wait for its end and give its state."""
    states: list[str] = []
    airflow.trigger(dag, name)
    airflow.wait([(dag, name)], lambda _, state: states.append(state), 200)
    return states[0]


def source(home: Path, statement: str) -> None:
    with closing(sqlite3.connect(project_of(home) / "moet-schools.sqlite")) as database, database:
        database.execute(statement)


def until(true: Callable[[], Any], most_s: float = 120) -> Any:
    limit = time.monotonic() + most_s
    while not (found := true()):
        assert time.monotonic() < limit, "not in time"
        time.sleep(0.5)
    return found


def test_a_ministrys_own_dag_waits_for_a_dataset_and_is_told_how_much_came(
    home: Path, airflow: Airflow
) -> None:
    assert run(airflow, "asset-1") == "success"
    accepted = int(ask(home, f"select count(*) from ledger.history where stem = '{STEM}'")[0])
    (waited,) = until(
        lambda: [r for r in airflow.runs(["ministry.reads_schools"]) if r["state"] == "success"]
    )
    path = f"/api/v2/dags/ministry.reads_schools/dagRuns/{waited['run_id']}/taskInstances/read/xcomEntries/return_value"
    told = airflow._call("GET", path + "?deserialize=true")["value"]
    assert sum(told) == accepted > 0
    (asset,) = airflow._call("GET", "/api/v2/assets", params={"uri_pattern": f"pophub://shared/{STEM}"})[
        "assets"
    ]
    assert [task["task_id"] for task in asset["producing_tasks"]] == ["share"]
    assert [dag["dag_id"] for dag in asset["scheduled_dags"]] == ["ministry.reads_schools"]


def test_a_failed_run_says_code_and_remedy_until_it_is_well_again(home: Path, airflow: Airflow) -> None:
    source(home, "alter table truong rename column ten_truong to ten")
    try:
        assert run(airflow, "note-1") == "failed"
        note = airflow.note(STEM, "note-1")
        assert note.startswith(
            "extract failed: source.column_missing: the column ten_truong is gone or renamed"
        )
        assert "Next: ask Register of schools what changed" in note and len(note.splitlines()) == 1
        airflow.set_note(STEM, "note-1", f"Lan called the ministry\n{note}")
    finally:
        source(home, "alter table truong rename column ten to ten_truong")
    accepted = f"select count(*) from ledger.history where stem = '{STEM}'"
    before = int(ask(home, accepted)[0])
    source(
        home,
        "update truong set so_hs = 821, cap_nhat = datetime('now', '+7 hours') where ma_truong = 'HN0001'",
    )
    assert run(airflow, "note-1") == "success"
    until(lambda: airflow.note(STEM, "note-1") == "Lan called the ministry")
    assert int(ask(home, accepted)[0]) == before + 1, "what the failed run read at last waits for another run"


def test_the_run_tab_shows_why_a_run_failed_and_the_end_of_its_log(home: Path, airflow: Airflow) -> None:
    source(home, "alter table truong rename column ten_truong to ten")
    try:
        assert run(airflow, "tab-1") == "failed"
        answer = airflow._client.get(f"/pophub/runs/{STEM}/tab-1", params={"lang": "en"})
    finally:
        source(home, "alter table truong rename column ten to ten_truong")
    assert answer.status_code == 200
    assert "extract ended with an error" in answer.text and "source.column_missing" in answer.text
    assert "ends the same way until what is named above is mended" in answer.text
    assert "judge, attempt 1" in answer.text and "Returned value was" in answer.text
    assert run(airflow, "tab-1") == "success"
    again = airflow._client.get(f"/pophub/runs/{STEM}/tab-1", params={"lang": "en"}).text
    assert "ended with an error" not in again and "extract, attempt 2" in again


def test_who_may_start_no_runs_in_airflow_looks_at_the_pages_and_does_nothing(
    home: Path, airflow: Airflow
) -> None:
    token = airflow._client.headers["authorization"].removeprefix("Bearer ")
    told = jwt.decode(token, options={"verify_signature": False}) | {"sub": "look", "jti": "of another"}
    secret = airflow_environment(Settings.load())["AIRFLOW__API_AUTH__JWT_SECRET"]
    algorithm = jwt.get_unverified_header(token)["alg"]
    form = {"act": "acknowledged", "stem": STEM, "code": "waits"}
    for role, named, seen, done in (("admin", "operator", 200, 303), ("viewer", "viewer", 403, 403)):
        headers = {
            "authorization": f"Bearer {jwt.encode(told | {'role': role}, secret, algorithm=algorithm)}"
        }
        inside = partial(airflow._client.request, headers=headers, params={"lang": "en"})
        assert f"airflow user look ({named})" in inside("GET", "/pophub/").text
        page = inside("GET", "/pophub/workbench")
        assert page.status_code == seen
        if seen == 200:  # the same person has the same token, whatever the role is
            (form["token"],) = set(re.findall(r'name="token" value="([^"]+)"', page.text))
        assert inside("POST", "/pophub/steps", data=form).status_code == done


def signed_in(page: Any, home: Path, url: str) -> None:
    """Sign in to Airflow as a person does, on its own page."""
    page.goto(url)
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill((home / "secrets/airflow.admin").read_text().strip())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda now: "/auth/login" not in now)


def person(home: Path, name: str) -> tuple[str, str]:
    done = subprocess.run(
        [POPHUB, "user", "add", name, "--json"],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    return told["user"], told["password"]


def test_in_airflows_frame_each_button_and_link_does_something(
    home: Path, airflow: Airflow, chromium: Any
) -> None:
    if not ask(home, f"select 1 from extract.batch where stem = '{STEM}'"):
        assert run(airflow, "asset-1") == "success"
    subprocess.run([POPHUB, "ledger", "checkpoint"], env=environment(home), check=True, capture_output=True)
    (version, code, field) = ask(
        home,
        "select id, f ->> 'code', f ->> 'field' from quarantine.version, jsonb_array_elements(failures) f "
        "where state = 'quarantined' and f ->> 'field' <> '' order by id limit 1",
    )[0].split("|")  # fmt: skip
    lan, minh = (person(home, name) for name in ("Lan", "Minh"))
    url = Settings.load().endpoints.airflow_url
    group = f"stem={STEM}&code={code}&field={field}"
    own = (
        "", "quarantine", f"quarantine/group?{group}", f"quarantine/versions?{group}", f"record/version/{version}",
        "quarantine/proposals", "record", "ledger", "catalogue", f"catalogue/{STEM}", "subscriptions",
        f"subscriptions/portal/{STEM}", f"workbench?stem={STEM}", "figures", "figures/sharing?by=dataset",
    )  # fmt: skip
    tabs = f"dags/{STEM}/plugin/pophub-sharing", f"dags/{STEM}/runs/asset-1/plugin/pophub-counts"

    def typed(one: Pressable) -> dict[str, str]:
        user, password = minh if one.to.partition("?")[0].endswith("approve") else lan
        return {"reason": "letter 12", "whom": "Hoa", "text": "HN0001", "find": "truong", "set_name": "Trường Chu Văn An", "stem": STEM,
                "user": user, "password": password}  # fmt: skip

    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    try:
        page = context.new_page()
        signed_in(page, home, url)
        frame, pressed = Frame(page), set[tuple[str, ...]]()
        still: list[str] = []
        for at in (*tabs, f"plugin/pophub/pophub/{own[0]}"):
            frame.open(f"{url}/{at}")
            still += frame.press_all(pressed, typed)
        places = [f"/pophub/{path}" for path in own]
        for at in places:  # which grow by what buttons lead to
            frame.go(url + at)
            still += frame.press_all(pressed, typed)
            if at == places[-1]:
                places += sorted(
                    {path for path in frame.led if path.rpartition("/")[2].isdigit()} - {*places}
                )
        assert not still, "\n".join(still)
        assert frame.wrong == []
        buttons = {name[1].removeprefix("post /pophub/") for name in pressed if name[0] == "button"}
        acts = {
            "steps", "steps/#/undo", "quarantine/preview", "quarantine/replay", "quarantine/return", "quarantine/export",
            "record", "record/version/#", "record/version/#/propose", "record/version/#/approve", "ledger/verify", "workbench",
            *(f"datasets/{STEM}/{act}" for act in ("run", "pause", "resume")),
        }  # fmt: skip
        assert acts <= buttons, acts - buttons
        asked = [run["run_id"] for run in airflow.runs([STEM]) if run["run_id"].startswith("pages_")]
        assert asked, "Airflow took the name of the run that a button asked for"
    finally:
        context.close()
