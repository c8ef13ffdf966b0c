"""`pophub backfill` says first what it would do, reads the stretch that it was told, and refuses what it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_kit import command
from hubkit import Project, surroundings
from outside import check
from test_quarantine_commands import user

pytestmark = pytest.mark.timeout(240)


def backfill(
    project: Project, *arguments: str, stem: str | None = None, password: str = ""
) -> tuple[int, str]:
    """Run the command as a person would; give its exit code and what it says."""
    environment = surroundings(project) | {"POPHUB_PERSON_PASSWORD": password}
    done = command("backfill", stem or project.stem, *arguments, environment=environment)
    return done.returncode, done.stdout + done.stderr


def backfills(project: Project) -> list[tuple[Any, ...]]:
    return project.servers.query(
        "select rows, finished_at is not null from extract.backfill where stem = %s order by 1", project.stem
    )


def test_a_backfill_reads_the_stretch_that_it_was_told_and_not_behind_the_position(project: Project) -> None:
    for person in range(1, 7):
        project.put(person, 700 - 100 * person)
    for yes in ((), ("--yes",)):
        code, said = backfill(project, *yes)
        assert (code, "backfill.nothing" in said) == (2, True), said
    project.pass_through()
    code, said = backfill(project)
    assert (code, "add --yes" in said, backfills(project)) == (0, True, []), said
    project.put(7, 1)  # behind the position: live extract's, not the backfill's
    since, until = (project.ago(minutes).isoformat() for minutes in (450, 150))
    code, said = backfill(project, "--since", since, "--until", until, "--yes", "--json")
    assert code == 0, said
    assert json.loads(said)["rows"] == 3
    assert json.loads(said)["by"].startswith("system user "), "somebody is on record"
    assert backfills(project) == [(3, True)]
    project.pass_through("judge", "share")
    assert project.states() == {"shared": 6, "duplicate": 3}
    lan, lans = user(project, "Lan")
    code, said = backfill(project, "--yes", "--by", lan, "--json", password=lans)
    assert (json.loads(said)["rows"], json.loads(said)["by"]) == (6, lan)
    project.pass_through()
    assert project.states() == {"shared": 7, "duplicate": 9}
    check(project)


def test_a_drop_folder_is_refused_with_what_to_do_instead(bare_project: Project, tmp_path: Path) -> None:
    bare_project.declare("mps.citizens")
    stem = bare_project.declare("thanhhoa.procedures")
    bare_project.environment["POPHUB_SOURCE_THANHHOA_URL"] = str(tmp_path)
    bare_project.pass_through("prepare")
    for yes in ((), ("--yes",)):
        code, said = backfill(bare_project, *yes, stem=stem)
        assert (code, "backfill.folder" in said, "reconcile" in said) == (2, True, True), said


def test_who_began_a_backfill_and_who_went_on_with_it_are_on_record(project: Project) -> None:
    project.put(1, 60)
    project.pass_through()
    project.servers.query(
        "insert into extract.backfill (stem, run, upto, by) select stem, 'x', marker, '{Lan}' from extract.position"
        " where stem = %s",
        project.stem,
    )
    code, said = backfill(project)
    assert (code, "would go on with" in said and "by Lan" in said) == (0, True), said
    hoa, hoas = user(project, "Hoa")
    code, said = backfill(project, "--yes", "--by", hoa, password=hoas)
    assert (code, f"by {hoa}, going on where it was cut off" in said) == (0, True), said
    query = "select by, finished_at is not null from extract.backfill where stem = %s"
    assert project.servers.query(query, project.stem) == [(["Lan", hoa], True)]
