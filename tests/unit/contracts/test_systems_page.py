"""docs/systems.md: every connector is a system of the register, and what it says of each is so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from project_kit import copied

from pophub.contracts.load import load_all
from pophub.contracts.systems_page import systems_page
from pophub.settings import PROJECT
from tests.refused import refused


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a copy of the declarations and the register."""
    copied(tmp_path)
    (tmp_path / "docs").mkdir()
    shutil.copy(PROJECT / "docs" / "systems.yaml", tmp_path / "docs" / "systems.yaml")
    return tmp_path


def stands(page: str) -> dict[str, str]:
    """Give where each system of the page stands."""
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    return {row[0].split("`")[1]: row[3] for row in rows}


def test_each_connector_flows_and_nothing_else_does(project: Path) -> None:
    found = stands(systems_page(project))
    connected = {one.stem for one in load_all(project)[0]}
    assert {stem for stem, where in found.items() if where.startswith("flows")} == connected
    assert {where for stem, where in found.items() if stem not in connected} <= {"not yet"}


def test_a_system_whose_connector_goes_flows_no_more(project: Path) -> None:
    before = systems_page(project)
    (project / "connectors" / "security" / "criteria.yaml").unlink()
    assert stands(before)["security.criteria"] == "flows: table bao_cao, by sequence"
    assert stands(systems_page(project))["security.criteria"] == "not yet"


def test_a_flaw_of_the_register_is_told_with_its_line(project: Path) -> None:
    path = project / "docs" / "systems.yaml"
    path.write_text(path.read_text().replace("    holds: births", "    hold: births"))
    with refused("config.unknown_key"):
        systems_page(project)
