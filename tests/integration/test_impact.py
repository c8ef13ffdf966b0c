"""A contract that takes something from a subscriber judges only once a user has acknowledged it."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from command_kit import command
from hubkit import Project, hub_of, surroundings
from outside import check

from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.errors import ConfigError

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("default")]  # of Great Expectations
WARDS = {
    "type": "expect_column_values_to_match_regex",
    "kwargs": {"column": "household_code", "regex": r"\AH[1-2]\Z"},
}
RULE = WARDS | {"meta": {"gate": "correct", "code": "correct.code.unknown"}}


def pophub(project: Project, *arguments: str, code: int = 0, password: str = "") -> Any:
    """Run a command as it is typed; give what it told."""
    environment = surroundings(project) | {"POPHUB_PERSON_PASSWORD": password}
    done = command(*arguments, "--json", environment=environment)
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout or done.stderr)


def tighten(project: Project, *rules: dict[str, Any]) -> None:
    path = project.folder / f"expectations/{project.agency}/citizens.json"
    suite = json.loads(path.read_text())
    path.write_text(json.dumps(suite | {"expectations": [*suite["expectations"], *rules]}))


def day(after: int) -> str:
    return (datetime.now(HO_CHI_MINH).date() + timedelta(days=after)).isoformat()


def test_a_stricter_rule_waits_for_a_word_with_a_day_and_is_told_to_whom_it_takes_from(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in (1, 2, 3):
        project.put(person, 60)
    project.pass_through()
    assert pophub(project, "connector", "impact", project.stem)["changed"] is False
    tighten(project, RULE)
    told = pophub(project, "connector", "impact", project.stem, code=1)
    assert (told["changed"], told["looked_at"], told["failing"]) == (True, 3, 1)
    (rule,) = told["rules"]
    assert (rule["code"], rule["field"], rule["rows"]) == ("correct.code.unknown", "household_code", 1)
    assert "Nguyễn" not in json.dumps(told, ensure_ascii=False)
    (taken,) = told["subscriptions"]
    assert (taken["recipient"], taken["records"], taken["gone"]) == (project.subscriber, 3, 1)
    assert taken["takes"] == [{"field": None, "what": "1 of 3 records would no longer come"}]
    project.put(4, 50)
    ran = project.run()
    assert (ran.error, project.states()) == ("impact.breaks", {"shared": 3}), "read, and not judged yet"
    assert project.run("replay").error == "impact.breaks"
    with pytest.raises(ConfigError, match=r"impact\.breaks"):
        hub_of(project, monkeypatch).prepare()

    impact = ("connector", "impact", project.stem, "--acknowledge")
    assert pophub(project, *impact, day(0), code=2)["code"] == "user.password"
    user = pophub(project, "user", "add", f"Lan{project.number}")
    by = ("--by", user["user"])
    assert pophub(project, *impact, day(-1), *by, password=user["password"], code=2)["code"] == "cli.as_of"
    told = pophub(project, *impact, day(30), *by, password=user["password"])
    assert told["acknowledged"] == {"by": user["user"], "starts": day(30)}
    assert project.run("judge").error == "impact.not_yet"
    pophub(project, *impact, day(0), *by, password=user["password"])
    project.pass_through()
    assert project.states() == {"shared": 3, "quarantined": 1}
    assert (
        pophub(project, *impact, day(0), *by, password=user["password"], code=2)["code"] == "impact.nothing"
    )
    noticed = project.servers.query(
        "select recipient, starts::text, field, what from hub.contract_notice where stem = %s order by acknowledged_at",
        project.stem,
    )
    what = "1 of 3 records would no longer come"
    assert noticed == [(project.subscriber, day(after), "", what) for after in (30, 0)]
    kept = project.servers.query(
        "select a.by, count(*) from judge.contract c left join judge.acknowledgement a using (acknowledgement) "
        "where c.stem = %s group by 1 order by 1 nulls first",
        project.stem,
    )
    assert kept == [(None, 1), (user["user"], 1)]
    check(project)


def test_a_change_that_takes_nothing_judges_at_once(project: Project) -> None:
    project.put(1, 60)
    project.pass_through()
    tighten(project, RULE)
    path = project.folder / f"connectors/{project.agency}/citizens.yaml"
    path.write_text(re.sub(r"(?m)^  email: .*$", "  email: new@mps.example", path.read_text()))
    told = pophub(project, "connector", "impact", project.stem)
    assert (told["failing"], told["acknowledged"]) == (0, None)
    project.put(2, 50)
    project.put(3, 50)
    project.pass_through()
    assert project.states() == {"shared": 2, "quarantined": 1}


def test_a_code_that_no_longer_comes_is_taken_though_no_record_has_it(project: Project) -> None:
    project.put(1, 60)
    project.pass_through()
    path = project.folder / "codes/province.json"
    table = json.loads(path.read_text())
    table["values"] = {value: code for value, code in table["values"].items() if code != "38"}
    del table["labels"]["38"]
    path.write_text(json.dumps(table, ensure_ascii=False))
    told = pophub(project, "connector", "impact", project.stem, code=1)
    (taken,) = told["subscriptions"]
    assert (told["failing"], taken["gone"]) == (0, 0)
    assert taken["takes"] == [{"field": "province_code", "what": "no longer comes: 38"}]
    assert project.run("judge").error == "impact.breaks"


def test_who_receives_nothing_of_it_is_taken_nothing(bare_project: Project) -> None:
    bare_project.declare("mps.citizens")
    bare_project.put(3, 60)
    bare_project.pass_through("prepare", "extract", "judge")
    tighten(bare_project, RULE)
    told = pophub(bare_project, "connector", "impact", bare_project.stem)
    assert (told["failing"], told["subscriptions"]) == (1, [])
    bare_project.pass_through("judge")
