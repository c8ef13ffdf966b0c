"""A project without connectors that drafts them from a source never seen."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pophub.cli.connector_app import connector
from pophub.contracts.load import load_all
from pophub.contracts.model import Connector
from pophub.settings import PROJECT

NEWEST = datetime(2026, 11, 27, 8)


class School:
    """A project without connectors, and a database that it has never seen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "source.sqlite"
        (folder / "connectors").mkdir(parents=True)
        shutil.copytree(PROJECT / "codes", folder / "codes")

    def run(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run a command of `connector` with --json; give what it told."""
        done = CliRunner().invoke(connector, [*arguments, "--json"])
        assert done.exit_code == code, (done.stdout, done.stderr, done.exception)
        told: dict[str, Any] = json.loads(done.stdout if code == 0 or done.stdout else done.stderr)
        return told

    def connector(self, stem: str) -> Connector:
        connectors, errors = load_all(self.folder)
        assert errors == []
        return next(one for one in connectors if one.stem == stem)

    def texts(self) -> dict[str, str]:
        kinds, tables = (".yaml", ".avsc", ".json"), self.folder / "codes"
        files = [p for p in self.folder.rglob("*") if p.suffix in kinds and p.parent != tables]
        return {str(path.relative_to(self.folder)): path.read_text(encoding="utf-8") for path in files}


def stranger(folder: Path, monkeypatch: pytest.MonkeyPatch) -> School:
    """Make the project the one that commands work in."""
    monkeypatch.setenv("POPHUB_PROJECT", str(folder))
    monkeypatch.setenv("POPHUB_HOME", str(folder / "home"))
    return School(folder)


@pytest.fixture(name="school")
def folder_school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> School:
    """Give such a project whose source is a drop folder, `in`, with nothing in it yet."""
    found = stranger(tmp_path, monkeypatch)
    (found.folder / "in").mkdir()
    monkeypatch.setenv("POPHUB_SOURCE_HCC_URL", str(found.folder / "in"))
    return found


def drafted(school: School, *wishes: str) -> dict[str, Any]:
    """Draft from the folder, check that nothing is wrong with it, and give what was told."""
    told: dict[str, Any] = school.run("new", "hcc.dossiers", "--from", "POPHUB_SOURCE_HCC_URL", *wishes)[
        "drafted"
    ][0]
    checked = school.run("check", "hcc.dossiers")
    assert [one for one in checked["findings"] if one["level"] == "error"] == []
    return told


def shared(school: School) -> int:
    """Try the draft as it is; give how many rows would be shared, of which none is set aside."""
    tried = school.run("try", "hcc.dossiers")
    assert tried["rules"] == [], tried["rules"]
    return int(tried["states"]["shared"])
