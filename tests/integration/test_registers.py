"""The registers' figures, counted from what flowed through a simulated hub of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pophub.runtime import hub
from pophub.settings import Settings

POPHUB = str(Path(sys.executable).with_name("pophub"))
STEMS = ("project06.tasks", "catalogue.databases")
FLOW = """
from pophub.settings import Settings
from pophub.simulation.apply import apply
from pophub.simulation.plan import plan
from pophub.wiring import Hub

history = plan(3, 0.1)
for step in ("2023", "2024"):
    apply(Settings.load(), history, step)
    works = Hub(Settings.load())
    for stem in STEMS:
        if step == "2023":
            works.prepare() if stem == STEMS[0] else None
        for stage in ("extract", "judge", "share"):
            getattr(works, stage)(stem, run=f"test-{step}")
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("registers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POPHUB_HOME", str(folder))
        started = hub.start(Settings.load(), servers=("postgres", "kafka"))
        try:
            prepare = "from pophub.settings import Settings\nfrom pophub.prepare import prepare_database\nprepare_database(Settings.load())\n"
            text = f"STEMS = {STEMS!r}\n{prepare}{FLOW}"
            done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-3000:]
            yield folder
        finally:
            hub.stop(started)


def told(*arguments: str) -> Any:
    done = subprocess.run(
        [POPHUB, *arguments, "--json"], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_tasks_of_2024_are_690_as_reported(home: Path) -> None:
    found = told("figures", "tasks", "--year", "2024", "--as-of", "2024-12-31")
    counted = {name: found["all"][name] for name in ("tasks", "done", "regular", "in_progress", "unreported")}
    assert counted == {"tasks": 690, "done": 348, "regular": 119, "in_progress": 184, "unreported": 39}
    assert round(found["done_percent"]) == 50
    province = found["by_agency"]["tuyenquang"]
    assert (province["tasks"], province["done"] + province["regular"], province["in_progress"]) == (
        61,
        34,
        27,
    )
    assert set(found["by_group"]) == {
        "INSTITUTIONS",
        "INFRASTRUCTURE",
        "ONLINE_SERVICES",
        "DATA",
        "RESOURCES",
    }


def test_overdue_tasks_are_counted_by_year_of_assignment(home: Path) -> None:
    found = told("figures", "tasks", "--as-of", "2024-12-31")["by_year"]
    assert set(found) == {"2022", "2023", "2024"}
    assert found["2022"]["overdue"] == found["2022"]["in_progress"] == 14
    for year in found.values():
        assert 0 < year["overdue"] <= year["in_progress"]


def test_the_state_of_an_earlier_day_can_be_counted_again(home: Path) -> None:
    found = told("figures", "tasks", "--as-of", "2023-12-31")
    assert set(found["by_year"]) == {"2022", "2023"}
    assert found["by_year"]["2023"]["in_progress"] == 70


def test_registered_databases_grow_as_reported(home: Path) -> None:
    found = {
        r["period"]: (r["transactions"], r["percent"]) for r in told("growth", "--of", "databases")["rows"]
    }
    assert (found["2023 national"][0], found["2024 national"][0]) == (6, 10)
    assert (found["2023 other"][0], found["2024 other"]) == (2_260, (2_938, 30.0))


def test_no_defect_of_the_registers_is_missed(home: Path) -> None:
    from pophub.simulation.detect import detect

    found = detect(Settings.load())
    assert found.injected == found.found > 40
    assert (found.missed_versions, found.refused_versions) == ([], [])


def test_growth_names_its_checkpoint_in_every_form(home: Path, tmp_path: Path) -> None:
    first = told("growth")
    assert first["checkpoint"]["id"] == 1
    assert told("growth", "--as-of", "#1")["rows"] == first["rows"]
    assert told("growth", "--as-of", "#1", "--against", "now")["rows"] == []
    for form in ("csv", "svg", "text"):
        done = subprocess.run(
            [POPHUB, "growth", "--by", "month", "--format", form], capture_output=True, text=True, check=True
        )
        if form == "svg":
            assert ElementTree.fromstring(done.stdout).tag.endswith("svg")
            assert "checkpoint 1" in done.stdout
        assert "2024-12" in done.stdout
        assert "(so far)" not in done.stdout and ",true," not in done.stdout, "both years have ended"
    verified = told("ledger", "verify")
    assert verified["broken"] == [] and verified["checkpoints"] == 1
    pack = told("ledger", "export", "--period", "2024", "--out", str(tmp_path / "pack"))
    assert pack["transactions"] == next(r["transactions"] for r in first["rows"] if r["period"] == "2024")
    check = subprocess.run(
        [sys.executable, str(tmp_path / "pack" / "verify_pack.py"), "--key", pack["public_key"]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout
