"""Two people of a repair are two users: a name is worth nothing without its password."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest
from hubkit import Project, surroundings
from test_quarantine_commands import BAD_NAME, pophub, user

from pophub.contracts.load import load_all
from pophub.postgres import connect
from pophub.quarantine import repair

pytestmark = pytest.mark.timeout(300)
SETS = ("--set", "full_name=Lê Văn Sửa", "--reason", "letter 12")


def failed_version(project: Project) -> str:
    """Let one record fail; give the number of its version."""
    key = project.put(1, 60, ho_ten=BAD_NAME)
    project.pass_through()
    return str(project.servers.query("select id from quarantine.version where key = %s", key)[0][0])


def counted(project: Project) -> tuple[Any, ...]:
    """Count repairs and approvals of the project's versions."""
    return project.servers.query(
        "select count(*), count(a.repair) from quarantine.repair r join quarantine.version v on v.id = r.version "
        "left join quarantine.repair_approval a using (repair) where v.stem = %s",
        project.stem,
    )[0]


def test_one_person_who_types_two_names_cannot_repair(project: Project) -> None:
    number = failed_version(project)
    lan, lans = user(project, "Lan")
    propose = ("quarantine", "repair", number, *SETS, "--by")
    assert pophub(project, *propose, lan, code=2)["code"] == "user.password"
    for name, password in (("Nobody", lans), (lan, "guessed"), (lan, lans + "x")):
        refused = pophub(project, *propose, name, code=2, password=password)
        assert refused["code"] == "user.login" and password not in str(refused)
    assert counted(project) == (0, 0)
    proposal = str(pophub(project, *propose, lan, password=lans)["proposal"])
    minh, minhs = user(project, "Minh")
    approve = ("quarantine", "approve", proposal, "--by")
    for name in ("Minh", minh):
        assert pophub(project, *approve, name, code=2, password=lans)["code"] == "user.login"
    assert pophub(project, *approve, lan.upper(), code=1, password=lans)["code"] == "repair.four_eyes"
    assert pophub(project, "user", "remove", minh.upper())["user"] == minh
    assert pophub(project, *approve, minh, code=2, password=minhs)["code"] == "user.login"
    assert counted(project) == (1, 0)
    again, anew = user(project, "Minh")
    assert again == minh and anew != minhs, "the old password is worth nothing"
    assert pophub(project, *approve, minh, password=anew)["state"] == "shared"
    assert counted(project) == (1, 1)


def test_a_proposal_made_without_a_login_is_not_approved(project: Project) -> None:
    number = failed_version(project)
    (connector,) = load_all(project.folder)[0]
    with closing(connect(project.servers.settings, "pophub_judge")) as connection:
        name = f"Lan{project.number}"
        proposal = str(
            repair.propose(connection, connector, int(number), ["full_name=Lê Văn Sửa"], "x", name)
        )
    user(project, "Lan")  # a login that came later proves nothing of what was typed before
    minh, minhs = user(project, "Minh")
    approve = ("quarantine", "approve", proposal, "--by", minh)
    assert pophub(project, *approve, code=1, password=minhs)["code"] == "repair.proposer"
    assert counted(project) == (1, 0)


def test_users_are_kept_without_their_passwords_and_who_added_them_is_on_record(project: Project) -> None:
    name, password = user(project, "Lan")
    assert pophub(project, "user", "add", name.lower(), code=2)["code"] == "user.exists"
    minh, minhs = user(project, "Minh")
    pophub(project, "user", "remove", name, "--by", minh, password=minhs)
    assert pophub(project, "user", "remove", name, code=2)["code"] == "user.unknown"
    assert name not in {one["name"] for one in pophub(project, "user", "list")["users"]}
    (kept,) = [one for one in pophub(project, "user", "list", "--all")["users"] if one["name"] == name]
    assert kept["added_by"].startswith("system user ") and kept["removed_by"] == minh
    (row,) = project.servers.query(
        "select p::text, octet_length(salt), octet_length(password) from hub.person p where name = %s", name
    )
    assert password not in row[0] and row[1:] == (16, 32)


def test_no_role_but_the_owner_adds_users_and_pages_see_no_hash(project: Project) -> None:
    project.pass_through("prepare")  # once more, as `pophub up` does
    rights = project.servers.query(
        "select distinct r.rolname::text, a.attname::text, p.verb from pg_roles r, pg_attribute a, "
        "unnest(array['select', 'insert', 'update']) p (verb) where r.rolname like 'pophub%%' "
        "and a.attrelid = 'hub.person'::regclass and a.attnum > 0 and r.rolname <> 'pophub_owner' "
        "and has_column_privilege(r.oid, a.attrelid, a.attnum, p.verb)"
    )
    assert {role for role, _, _ in rights} == {"pophub_judge", "pophub_read", "pophub_web"}
    assert {verb for _, _, verb in rights} == {"select"}
    assert {role for role, column, _ in rights if column in ("salt", "password")} == {"pophub_judge"}
    of_logins = project.servers.query(
        "select r.rolname::text, p.verb from pg_roles r, unnest(array['select', 'insert', 'update', 'delete']) p (verb) "
        "where r.rolname like 'pophub%%' and r.rolname <> 'pophub_owner' and has_table_privilege(r.oid, 'hub.login', p.verb)"
    )
    assert of_logins == [("pophub_web", "select")], (
        "what tells the right secret is compared by pages and registry alone"
    )


def test_each_act_of_consequence_asks_the_person_it_names_for_the_password(project: Project) -> None:
    lan, _ = user(project, "Lan")
    _, minhs = user(project, "Minh")
    project.put(1, 60)
    project.pass_through()
    stem = project.stem
    acts: tuple[tuple[str, ...], ...] = (
        ("hold", "release", "1", "--reason", "x"), ("pause", stem, "--reason", "x"), ("resume", stem),
        ("position", "pass-gap", stem, "--yes"), ("position", "reset", stem, "--yes"),
        ("position", "take-loss", stem, "--why", "x", "--yes"), ("backfill", stem, "--yes"),
        ("quarantine", "replay", stem, "--yes"), ("quarantine", "policy", stem, "--retain-days", "5"),
        ("quarantine", "expire", stem, "--yes"), ("user", "add", "Hoa"), ("user", "remove", lan),
    )  # fmt: skip
    for act in acts:
        refused = pophub(project, *act, "--by", lan, code=2, password=minhs)
        assert refused["code"] == "user.login", act
    assert pophub(project, "pause", stem, "--reason", "x", "--by", lan, code=2)["code"] == "user.password"
    for table in ("quarantine.pause", "extract.backfill", "extract.loss", "quarantine.policy"):
        assert project.servers.query(f"select from {table} where stem = %s", stem) == [], table
    for dry in (("quarantine", "replay", stem), ("quarantine", "expire", stem), ("position", "reset", stem)):
        pophub(project, *dry, "--by", lan)  # what is only said asks for nothing


def test_in_a_terminal_the_password_is_asked_for_and_not_shown(project: Project) -> None:
    number = failed_version(project)
    lan, lans = user(project, "Lan")
    terminal, end = os.openpty()
    words = ("quarantine", "repair", number, *SETS, "--by", lan)
    with subprocess.Popen(
        [sys.executable, "-c", "from pophub.cli.program import main; main()", *words],
        env=surroundings(project), stdin=end, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    ) as ran:  # fmt: skip
        assert ran.stdout is not None and ran.stderr is not None
        asked = ran.stderr.read(len("password of your user: "))
        os.write(terminal, f"{lans}\n".encode())
        said, told = ran.communicate(timeout=120)
        shown = os.read(terminal, 4096) if select.select([terminal], [], [], 0)[0] else b""
    os.close(terminal)
    os.close(end)
    assert asked == b"password of your user: " and ran.returncode == 0, told
    assert said.startswith(b"proposal ")
    assert lans.encode() not in shown + said + told
