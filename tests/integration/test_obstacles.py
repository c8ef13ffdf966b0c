"""What agencies raise from below stays on record: filed once, answered by another person, changed by nobody."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg2
import psycopg2.errors
import pytest
from hubkit import Project
from test_quarantine_commands import BAD_NAME, pophub, user

from pophub.postgres import connect
from pophub.quarantine import obstacles
from tests.refused import refused

pytestmark = pytest.mark.timeout(300)


def rejected(project: Project) -> int:
    """Let one record fail; give the number of its version."""
    key = project.put(1, 60, ho_ten=BAD_NAME)
    project.pass_through()
    return int(project.servers.query("select id from quarantine.version where key = %s", key)[0][0])


def on_record(project: Project) -> list[tuple[Any, ...]]:
    return project.servers.query(
        "select o.kind, o.codes, o.owner, o.filed_by, a.outcome, a.answered_by from quarantine.obstacle o "
        "left join quarantine.obstacle_answer a using (obstacle) where o.agency = %s order by 1",
        project.agency,
    )


def test_a_dispute_is_filed_once_and_answered_by_another_person(project: Project) -> None:
    version = rejected(project)
    (lan, lans), (minh, minhs) = user(project, "Lan"), user(project, "Minh")
    file = ("obstacle", "file", project.agency, "--version", str(version), "--what", "it is his name")
    assert pophub(project, *file, "--by", lan, code=2)["code"] == "user.password"
    first = pophub(project, *file, "--by", lan, password=lans)
    again = pophub(project, *file, "--by", minh, password=minhs)
    assert (first["changed"], again["changed"]) == (True, False)
    assert again["obstacle"] == first["obstacle"] and again["filed_by"] == lan
    with closing(connect(project.servers.settings, "pophub_judge")) as judge, refused("obstacle.version"):
        obstacles.dispute(judge, "another", version, "x", "Minh")
    (listed,) = pophub(project, "obstacle", "list", "--agency", project.agency)["obstacles"]
    assert (listed["version"], listed["owner"], listed["age_days"], listed["answer"]) == (
        version,
        "hub",
        0,
        None,
    )
    answer = (
        "obstacle",
        "answer",
        str(first["obstacle"]),
        "--outcome",
        "upheld",
        "--answer",
        "mended",
        "--by",
    )
    assert pophub(project, *answer, lan, code=1, password=lans)["code"] == "obstacle.four_eyes"
    assert pophub(project, *answer, minh, password=minhs)["changed"]
    later = ("obstacle", "answer", str(first["obstacle"]), "--outcome", "declined", "--answer", "no", "--by")
    stands = pophub(project, *later, minh, password=minhs)
    assert (stands["changed"], stands["outcome"], stands["answered_by"]) == (False, "upheld", minh)
    assert on_record(project) == [("dispute", ["clean.text.control"], "hub", lan, "upheld", minh)]
    assert pophub(project, "obstacle", "list", "--agency", project.agency)["obstacles"] == []
    assert project.states() == {"quarantined": 1}, "an answer moves no version"


def test_what_cannot_be_filed_is_refused(project: Project) -> None:
    version = rejected(project)
    lan, lans = user(project, "Lan")
    file = ("obstacle", "file", project.agency, "--by", lan, "--what")
    for arguments, code in (
        (("  ",), "config.missing"),
        (("it", "--version", "999999999"), "obstacle.version"),
        (("it", "--kind", "weather"), "cli.choice"),
        (("it", "--owner", "nobody"), "cli.choice"),
    ):
        assert pophub(project, *file, *arguments, code=2, password=lans)["code"] == code
    missing = ("obstacle", "answer", "999999999", "--outcome", "upheld", "--answer", "x", "--by", lan)
    assert pophub(project, *missing, code=2, password=lans)["code"] == "obstacle.unknown"
    with closing(connect(project.servers.settings, "pophub_judge")) as judge, refused("obstacle.version"):
        obstacles.dispute(judge, "another", version, "x", "Lan")
    with closing(connect(project.servers.settings, "pophub_judge")) as judge, refused("obstacle.personal"):
        obstacles.file(judge, project.agency, "other", "it is 001090000001", "Lan")
    assert on_record(project) == []


def test_two_at_once_file_one_dispute(project: Project) -> None:
    version, filed = rejected(project), []

    def file(name: str) -> None:
        with closing(connect(project.servers.settings, "pophub_judge")) as connection:
            filed.append(obstacles.dispute(connection, project.agency, version, "x", name))

    together = [threading.Thread(target=file, args=(f"Lan {n}",)) for n in range(6)]
    for one in together:
        one.start()
    for one in together:
        one.join()
    assert len({one.obstacle for one in filed}) == 1 and sum(one.changed for one in filed) == 1


def test_nobody_changes_what_was_filed_and_figures_see_no_words(project: Project) -> None:
    settings = project.servers.settings
    with closing(connect(settings, "pophub_judge")) as connection:
        filed = obstacles.file(connection, project.agency, "funding", "no money", "Lan", "mof")
        (asked,) = [o for o in obstacles.obstacles(connection) if o["obstacle"] == filed.obstacle]
        assert (asked["kind"], asked["owner"], asked["stem"]) == ("funding", "mof", None)
    for role, statement in (
        ("pophub_judge", "update quarantine.obstacle set what = 'x'"),
        ("pophub_judge", "delete from quarantine.obstacle_answer"),
        ("pophub_read", "insert into quarantine.obstacle_answer values (1, 'a', 'upheld', 'x', 'b')"),
        ("pophub_figures", "select what from quarantine.obstacle"),
        ("pophub_figures", "select answer from quarantine.obstacle_answer"),
    ):
        denied = pytest.raises(psycopg2.errors.InsufficientPrivilege)
        with closing(connect(settings, role)) as other, other.cursor() as cursor, denied:
            cursor.execute(statement)
    with closing(connect(settings, "pophub_figures")) as connection:
        now = [row for row in obstacles.counted(connection, datetime.now(UTC)) if row[0] == project.agency]
        assert [(row[1], row[3], row[5]) for row in now] == [("funding", "mof", None)]
        assert not [row for row in obstacles.counted(connection, filed.filed_at.replace(year=2024))]


@pytest.mark.parametrize("point", ["obstacle.filing", "obstacle.answering"])
def test_a_kill_before_the_commit_leaves_nothing(project: Project, point: str) -> None:
    import os
    import subprocess
    import sys

    act = "obstacles.file(c, sys.argv[1], 'other', 'x', 'Lan')" if point.endswith("filing") else (
        "obstacles.answer(c, obstacles.obstacles(c, sys.argv[1])[0]['obstacle'], 'declined', 'x', 'Minh')"
    )  # fmt: skip
    program = (
        "import sys\nfrom pophub.postgres import connect\nfrom pophub.quarantine import obstacles\n"
        f"from pophub.settings import Settings\nc = connect(Settings.load(), 'pophub_judge')\n{act}\n"
    )
    with closing(connect(project.servers.settings, "pophub_judge")) as connection:
        if point.endswith("answering"):
            obstacles.file(connection, project.agency, "other", "x", "Lan")
        before = on_record(project)
        run = [sys.executable, "-c", program, project.agency]
        assert subprocess.run(run, env=os.environ | {"POPHUB_FAIL": point}, check=False).returncode == -9
        assert on_record(project) == before
        assert subprocess.run(run, check=False).returncode == 0
        assert on_record(project) != before
