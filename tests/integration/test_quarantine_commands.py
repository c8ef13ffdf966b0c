"""The commands of an operator, as they are typed, on the real servers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_kit import command
from hubkit import INVOICES_TABLE, Project, surroundings
from outside import check
from test_versions import invoice

from pophub.contracts.load import load_all
from pophub.postgres import connect
from pophub.quarantine import repair

pytestmark = pytest.mark.timeout(300)
BAD_NAME = "Nguyễn\u0007Văn An"


def pophub(project: Project, *arguments: str, code: int = 0, password: str = "") -> Any:
    """Run a command with --json in a process of its own; give what it printed."""
    environment = surroundings(project) | {"POPHUB_PERSON_PASSWORD": password}
    ran = command(*arguments, "--json", environment=environment)
    assert ran.returncode == code, ran.stderr
    assert BAD_NAME not in ran.stderr
    return json.loads(ran.stdout if code == 0 else ran.stderr)


def user(project: Project, name: str) -> tuple[str, str]:
    """Add a user of this test; give name and password."""
    added = pophub(project, "user", "add", f"{name}{project.number}")
    return added["user"], added["password"]


def test_an_operator_finds_repairs_and_replays_by_commands_alone(project: Project, tmp_path: Path) -> None:
    key = project.put(1, 60, ho_ten=BAD_NAME)
    project.put(2, 60, ngay_sinh="1990-03-15")
    project.pass_through()
    listed = pophub(project, "quarantine", "list", project.stem, "--limit", "1", "--since", "1h")
    assert (listed["total"], len(listed["versions"])) == (2, 1)
    causes = pophub(project, "quarantine", "groups", "--agency", project.agency, "--gate", "clean")
    assert "clean.text.control" in {c["code"] for c in causes["causes"]}
    number = project.servers.query("select id from quarantine.version where key = %s", key)[0][0]
    assert pophub(project, "quarantine", "show", str(number))["sent"]["ho_ten"] == BAD_NAME
    assert pophub(project, "quarantine", "show", "999999999", code=2)["code"] == "quarantine.unknown"
    out = tmp_path / "mine.xlsx"
    told = pophub(project, "quarantine", "export", project.stem, "--format", "xlsx", "--out", str(out))
    assert (told["versions"], out.exists()) == (2, True)
    (lan, lans), (minh, minhs), (hoa, hoas) = (user(project, name) for name in ("Lan", "Minh", "Hoa"))
    sets = ("--set", "full_name=Lê Văn Sửa", "--reason", "letter 12", "--by", lan)
    proposal = str(pophub(project, "quarantine", "repair", str(number), *sets, password=lans)["proposal"])
    same = ("quarantine", "approve", proposal, "--by", lan.lower())
    assert pophub(project, *same, code=1, password=lans)["code"] == "repair.four_eyes"
    (waits,) = pophub(project, "quarantine", "repairs", project.stem)["proposals"]
    assert (str(waits["proposal"]), waits["id"], waits["proposed_by"]) == (proposal, number, lan)
    first = pophub(project, "quarantine", "approve", proposal, "--by", minh, password=minhs)
    assert pophub(project, "quarantine", "repairs", project.stem)["proposals"] == []
    assert (first["state"], first["approved_by"], first["changed"]) == ("shared", minh, True)
    again = pophub(project, "quarantine", "approve", proposal, "--by", hoa, password=hoas)
    assert (again["state"], again["approved_by"], again["changed"]) == ("shared", minh, False)
    assert again["approved_at"] == first["approved_at"]
    path = project.folder / f"connectors/{project.agency}/citizens.yaml"
    path.write_text(path.read_text().replace('format: "%d/%m/%Y"', 'format: "%Y-%m-%d"'))
    said = pophub(project, "quarantine", "replay", project.stem, "--code", "contract.date.format")
    assert (said["done"], said["runs"][0]["shared"]) == (False, 1)
    assert project.states()["quarantined"] == 1
    done = pophub(
        project,
        "quarantine",
        "replay",
        project.stem,
        "--code",
        "contract.date.format",
        "--yes",
        "--by",
        lan,
        password=lans,
    )
    assert (done["done"], done["runs"][0]["shared"]) == (True, 1)
    assert project.states() == {"shared": 2}
    project.pass_through("share")
    check(project)


def test_what_an_operator_may_stop_and_read_is_said_by_commands(project: Project) -> None:
    project.put(1, 60, ho_ten=BAD_NAME)
    project.pass_through()
    (lan, lans), (hoa, hoas) = (user(project, name) for name in ("Lan", "Hoa"))
    assert pophub(project, "quarantine", "feedback", project.agency)["messages"] == {project.agency: 1}
    assert pophub(project, "quarantine", "digest", project.agency)["states"][0]["records"] == 1
    overdue = pophub(project, "quarantine", "overdue")["overdue"]
    assert [o for o in overdue if o["stem"] == project.stem] == []
    policy = ("quarantine", "policy", project.stem, "--retain-days", "5", "--by", lan)
    kept = pophub(project, *policy, password=lans)
    assert (kept["retain_days"], kept["set_by"]) == (5, lan)
    assert pophub(project, "quarantine", "expire", project.stem, "--ahead", "10d")["datasets"][0]["soon"] == 1
    assert pophub(project, "hold", "list", project.stem)["holds"] == []
    release = ("hold", "release", "999999999", "--by", lan, "--reason", "x")
    assert pophub(project, *release, code=2, password=lans)["code"] == "hold.unknown"
    names = ("--by", lan, "--reason", "moves")
    resume = ("resume", project.stem, "--by")
    assert pophub(project, *resume, lan, password=lans)["changed"] is False
    first = pophub(project, "pause", project.stem, *names, password=lans)
    assert (first["changed"], first["paused_by"], first["reason"]) == (True, lan, "moves")
    other = ("--by", hoa, "--reason", "something else")
    second = pophub(project, "pause", project.stem, *other, password=hoas)
    assert second == first | {"changed": False}, "the first pause stands, and the answer says whose"
    nobody = ("pause", project.stem, "--recipient", "nobody", *names)
    assert pophub(project, *nobody, code=2, password=lans)["code"] == "cli.choice"
    ended = pophub(project, *resume, lan, password=lans)
    assert (ended["changed"], ended["resumed_by"]) == (True, lan)
    assert pophub(project, *resume, hoa, password=hoas) == ended | {"changed": False}


def test_an_approved_repair_also_holds_when_the_person_arrives_later(bare_project: Project) -> None:
    project = bare_project
    project.declare("mps.citizens")
    stem = project.declare("mof.einvoices", fields=("invoice_no", "total_vnd"))
    project.sql(INVOICES_TABLE)
    project.pass_through("prepare")
    invoice(project, "HD1", 30, project.number_of(9))  # the wrong person
    project.pass_through(stem=stem)
    declared = next(c for c in load_all(project.folder)[0] if c.stem == stem)
    field = declared.file.people[0].id
    number = project.servers.query("select id from quarantine.version where stem = %s", stem)[0][0]
    connection = connect(project.servers.settings, "pophub_judge")
    try:
        proposal = repair.propose(
            connection, declared, number, [f"{field}={project.number_of(1)}"], "letter", "Lan"
        )
        repair.approve(connection, proposal, "Minh")
    finally:
        connection.close()
    assert project.pass_through("replay", stem=stem)[0]["quarantined"] == 1  # now it waits for the right one
    project.put(1, 25)
    project.pass_through()
    judged, _ = project.pass_through("judge", "share", stem=stem)
    assert judged["replayed"] == 1
    check(project, stem)


def test_a_name_that_is_nowhere_known_is_refused_and_one_of_the_past_is_not(project: Project) -> None:
    project.put(1, 60, ho_ten=BAD_NAME)
    project.pass_through()
    near = f"{project.agency}.citizen"
    commands: tuple[tuple[tuple[str, ...], str], ...] = (
        (("quarantine", "replay", near), "config.unknown_stem"),
        (("quarantine", "list", near), "config.unknown_stem"),
        (("hold", "list", near), "config.unknown_stem"),
        (("growth", "--dataset", near), "config.unknown_stem"),
        (("growth", "--agency", "no_agency"), "cli.choice"),
        (("growth", "--recipient", "no_recipient"), "cli.choice"),
        (("quarantine", "groups", "--agency", "no_agency"), "cli.choice"),
        (("quarantine", "list", "--field", "full_nam"), "cli.choice"),
        (("quarantine", "replay", "--id", "999999999"), "quarantine.unknown"),
    )
    for arguments, code in commands:
        refused = pophub(project, *arguments, code=2)
        assert refused["code"] == code, arguments
        if code == "config.unknown_stem":
            assert f"did you mean {project.stem}" in refused["what"]
    retired = dict(project.environment)
    project.environment["POPHUB_PROJECT"] = str(project.folder / "nothing declared here")
    assert pophub(project, "quarantine", "list", project.stem, "--field", "full_name")["total"] == 1
    assert pophub(project, "hold", "list", project.stem)["holds"] == []
    known = ("--dataset", project.stem, "--recipient", project.subscriber, "--as-of", "2000-01-01")
    assert pophub(project, "growth", *known, code=2)["code"] == "ledger.no_checkpoint"
    project.environment.update(retired)


def test_what_cannot_be_written_is_said_and_who_did_it_is_on_record(project: Project, tmp_path: Path) -> None:
    project.put(1, 60, ho_ten=BAD_NAME)
    project.pass_through()
    place = tmp_path / "out"
    place.mkdir()
    (place / "a file").touch()
    commands = (("export", project.stem), ("digest", project.agency))
    for out in (place / "nosuch" / "x", place, place / "a file" / "x"):
        for words in commands:
            ran = command("quarantine", *words, "--out", str(out), environment=surroundings(project))
            assert (ran.returncode, "cli.out" in ran.stderr) == (2, True), ran.stderr
            assert str(out) in ran.stderr and "Traceback" not in ran.stderr
    assert list(place.iterdir()) == [place / "a file"], "no draft is left"
    done = pophub(project, "quarantine", "replay", project.stem, "--yes")
    ((started_by,),) = project.servers.query(
        "select started_by from quarantine.replay_run where stem = %s", project.stem
    )
    assert done["by"] == started_by and started_by.startswith("system user ")


READING = (
    "status", "live", "connector list", "connector check", "alert list --all", "hold list --all",
    "quarantine list", "quarantine groups", "quarantine repairs", "quarantine overdue", "quarantine policy STEM", "quarantine show ID",
    "quarantine digest AGENCY", "position show STEM", "user list --all", "ledger checkpoint --list", "reconcile STEM",
    "population as-of 2100-01-01 --stem STEM", "quarantine expire --dry-run",
)  # fmt: skip
LIKE_A_TIME = re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:")
ISO = re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?[+-][0-9]{2}:[0-9]{2}\Z")


def texts(document: Any) -> Iterator[str]:
    """Give all texts of a JSON document that the hub wrote, not what an agency sent."""
    if isinstance(document, dict):
        yield from (text for name, value in document.items() if name != "sent" for text in texts(value))
    elif isinstance(document, list):
        yield from (text for value in document for text in texts(value))
    elif isinstance(document, str):
        yield document


def test_every_reading_command_answers_one_object_with_its_version_and_times_in_iso_8601(
    project: Project,
) -> None:
    project.put(1, 60, ho_ten=BAD_NAME)
    project.put(2, 60)
    project.pass_through()
    number = project.servers.query("select id from quarantine.version where stem = %s", project.stem)[0][0]
    seen = 0
    for text in READING:
        words = (
            text.replace("STEM", project.stem).replace("ID", str(number)).replace("AGENCY", project.agency)
        )
        told = pophub(project, *words.split())
        assert told["version"] >= 1, text
        for time in filter(LIKE_A_TIME.match, texts(told)):
            assert ISO.match(time), f"{text}: {time}"
            seen += 1
    assert seen > 10


def test_a_version_is_shown_for_a_person(project: Project) -> None:
    key = project.put(1, 60, ho_ten=BAD_NAME)
    project.pass_through()
    number = str(project.servers.query("select id from quarantine.version where key = %s", key)[0][0])
    before = said(project, "quarantine", "show", number)
    assert "mend: remove the characters at the source" in before
    assert 'ho_ten = "Nguyễn\\u0007Văn An"' in before, "what cannot be seen is shown"
    assert re.search(r"change marker: 20[0-9-]{8} [0-9:]{8}\+07:00; operation: upsert", before)
    (lan, lans), (minh, minhs) = (user(project, name) for name in ("Lan", "Minh"))
    sets = ("--set", "full_name=Lê Văn Sửa", "--set", "birth_date=1990-03-15", "--reason", "x", "--by", lan)
    proposal = str(pophub(project, "quarantine", "repair", number, *sets, password=lans)["proposal"])
    assert f"next: another person runs pophub quarantine approve {proposal}" in said(
        project, "quarantine", "show", number
    )
    pophub(project, "quarantine", "approve", proposal, "--by", minh, password=minhs)
    after = said(project, "quarantine", "show", number)
    assert "birth_date = 1990-03-15" in after and "full_name = Lê Văn Sửa" in after
    assert "mend:" not in after, "nothing is left to mend at the source"
    for text in (before, after):
        assert not re.search(r"datetime\.|None|True|False|\{'", text), text


def said(project: Project, *arguments: str) -> str:
    """Run a command for a person; give what it printed."""
    ran = command(*arguments, environment=surroundings(project))
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
