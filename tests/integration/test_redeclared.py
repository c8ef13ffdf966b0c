"""A changed marker, key or table is held until a person takes it, and both commands say what it means."""

from __future__ import annotations

import json
import re

import pytest
from hubkit import Project
from test_quarantine_commands import pophub, user
from typer.testing import CliRunner

from pophub.cli.program import app

pytestmark = pytest.mark.timeout(240)


def declare(project: Project, *edits: tuple[str, str]) -> None:
    """Change the connector that the project has."""
    path = project.folder / f"connectors/{project.agency}/citizens.yaml"
    text = path.read_text()
    for pattern, replacement in edits:
        text, times = re.subn(pattern, replacement, text)
        assert times == 1, pattern
    path.write_text(text)


ANOTHER = ("    column: cap_nhat_luc\n", "    column: luc_khac\n")


def test_another_marker_is_held_until_a_person_takes_it(project: Project) -> None:
    project.put(1, 60)
    project.pass_through()
    project.sql("alter table dancu.cong_dan add luc_khac timestamptz default now() - interval '2 hours'")
    declare(project, ANOTHER)
    project.put(2, 30)
    for _ in range(2):
        ran = project.run("extract")
        assert ran.error == "source.redeclared"
        assert "cap_nhat_luc (time" in ran.text and "luc_khac (time" in ran.text
    held = "select code, released_at is null from extract.hold where stem = %s"
    assert project.servers.query(held, project.stem) == [("source.redeclared", True)]
    environment = {**project.environment, "POPHUB_HOME": str(project.servers.settings.home)}
    checked = CliRunner().invoke(app, ["connector", "check", "--json"], env=environment)
    findings = json.loads(checked.stdout)["findings"]
    assert [one["code"] for one in findings if one["level"] == "error"] == ["source.redeclared"]
    assert checked.exit_code == 2
    told = pophub(project, "position", "reset", project.stem)
    assert (told["done"], told["versions"]) == (False, 1) and "luc_khac" in told["changed"]
    assert project.run("extract").error == "source.redeclared"
    assert pophub(project, "position", "reset", project.stem, "--yes", code=2)["code"] == "cli.choice"
    lan, lans = user(project, "Lan")
    assert pophub(project, "position", "reset", project.stem, "--by", lan, "--yes", password=lans)["done"]
    project.pass_through()
    assert project.states() == {"shared": 2, "superseded": 1}
    assert project.servers.query(held, project.stem) == [("source.redeclared", False)]
    by = project.servers.query("select marker, by from extract.reading where stem = %s", project.stem)
    assert by == [("luc_khac (time, Asia/Ho_Chi_Minh)", lan)]


def test_what_was_never_read_may_be_declared_anew(project: Project) -> None:
    project.sql("alter table dancu.cong_dan add luc_khac timestamptz default now()")
    assert project.run("extract").code == 0
    declare(project, ANOTHER)
    project.put(1, 60)
    project.pass_through()
    assert project.states() == {"shared": 1}


@pytest.mark.parametrize(
    "edit",
    [
        ("dancu.cong_dan", "dancu.xem"),
        (r"(?m)^(  citizen_id: .*?)so_ddcn", r"\1so_khac"),
    ],
    ids=["table", "key"],
)
def test_another_table_or_key_is_held(project: Project, edit: tuple[str, str]) -> None:
    project.put(1, 60)
    project.pass_through()
    project.sql("alter table dancu.cong_dan add so_khac text")
    project.sql("create view dancu.xem as select * from dancu.cong_dan")
    declare(project, edit)
    assert project.run("extract").error == "source.redeclared"
