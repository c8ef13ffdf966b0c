"""A suite's own codes: closed per project, with words in both languages wherever a code is shown."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from school_kit import FILE, SAMPLES, SCHEMA, STEM, SUITE, school_project, write
from typer.testing import CliRunner

from pophub.cli.program import app
from pophub.commands.choices import demand_names
from pophub.commands.documents import pages
from pophub.contracts.expectations_page import OWN_CODES
from pophub.contracts.load import check, load_all, load_connector
from pophub.contracts.rule_codes import project_codes
from pophub.domain.codes import CODES
from pophub.domain.errors import ConfigError
from pophub.gates.rules import GreatExpectationsRules
from pophub.quarantine.reasons import in_words, meaning
from pophub.quarantine.selection import Selection
from pophub.scoring.findings import Scored
from pophub.scoring.samples import score_samples

CODE = "correct.email.format"
WORDS: dict[str, Any] = json.loads(f"{{{OWN_CODES}}}")["meta"]["codes"]
RULE = {
    "type": "expect_column_values_to_match_regex",
    "kwargs": {"column": "head_email", "regex": r"\A[^@\s]+@[^@\s]+\Z"},
    "meta": {"gate": "correct", "code": CODE},
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = school_project(tmp_path, monkeypatch)
    declare(made, WORDS)
    return made


def declare(project: Path, codes: Any, *, rule: dict[str, Any] | None = RULE, suite: str = SUITE) -> None:
    """Write a suite with codes of its own and a rule that has one."""
    told = json.loads((project / suite).read_text())
    others = [one for one in told["expectations"] if one["meta"]["code"] != CODE]
    told["expectations"] = [*others, *([rule] if rule else [])]
    write(project / suite, json.dumps(told | {"meta": {"codes": codes}}, ensure_ascii=False, indent=1))


def neighbour(project: Path) -> str:
    """Declare the schools once more; give the suite's name."""
    for name in (FILE, SCHEMA, SUITE):
        text = (project / name).read_text().replace("dataset: schools", "dataset: colleges")
        write(project / name.replace("schools", "colleges"), text)
    return SUITE.replace("schools", "colleges")


@pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own
def test_a_rule_fails_with_the_words_of_its_suite(project: Path) -> None:
    connector = load_connector(project / FILE, project)
    (rule,) = [one for one in connector.contract.rules if one.code == CODE]
    contract = connector.contract.model_copy(update={"rules": (rule,)})
    rules = GreatExpectationsRules(connector.model_copy(update={"contract": contract}))
    (failure,) = rules.judge({"head_email": ["a@b.example", "hanoi"]})
    assert (failure.row, failure.gate, failure.code) == (1, "correct", CODE)
    assert failure.reason == WORDS[CODE]["en"]
    told = in_words(asdict(failure), project_codes(project))
    assert {key: told[key] for key in ("en", "vi", "remedy")} == WORDS[CODE]


def test_words_of_a_code_are_those_of_the_project_as_it_is_now(project: Path) -> None:
    failure = {"gate": "correct", "code": CODE, "field": None, "severity": "critical", "reason": "as of then"}
    assert meaning(CODE, project_codes(project), "vi") == WORDS[CODE]["vi"]
    declare(project, {}, rule=None)
    assert meaning(CODE, project_codes(project)) == CODE
    told = in_words(failure, project_codes(project))
    assert (told["en"], told["vi"]) == ("as of then", "as of then")
    write(project / SUITE, "[")
    assert project_codes(project) == CODES


def test_every_place_that_knows_codes_knows_those_of_the_suites(project: Path) -> None:
    told = CliRunner().invoke(app, ["explain", CODE])
    assert told.exit_code == 0
    assert all(words in told.stdout for words in WORDS[CODE].values())
    assert f"| `{CODE}` | {WORDS[CODE]['en']} |" in pages(app)["docs/codes.md"]()
    demand_names(Selection(code=CODE))
    with pytest.raises(ConfigError, match=f"did you mean {CODE}"):
        demand_names(Selection(code="correct.email.fromat"))


@pytest.mark.filterwarnings("default")
def test_a_sample_is_named_for_a_code_of_its_suite(project: Path) -> None:
    sound = {"ma": "HN0001", "thu_dien_tu": "hanoi", "cap_nhat": "2024-03-20 08:00:00"}
    write(project / SAMPLES / f"no_at.fail.{CODE}.json", json.dumps({"raw": sound}))
    write(project / SAMPLES / "no_at.fail.correct.email.unknown.json", json.dumps({"raw": sound}))
    scored = Scored(STEM, loaded=True)
    score_samples(load_connector(project / FILE, project), project, scored)
    told = {Path(one.where).name.partition(":")[0]: one.what for one in scored.errors}
    assert told == {
        "no_at.fail.correct.email.unknown.json": "its name tells neither pass nor a code of a gate"
    }


REFUSED = [
    ({"correct.id.length": WORDS[CODE]}, "suite.code", "a code of the hub's own"),
    ({"contract.email.format": WORDS[CODE]}, "suite.code", "is not a gate"),
    ({"correct": WORDS[CODE]}, "suite.code", "is not a gate"),
    ({"correct.E-Mail": WORDS[CODE]}, "suite.code", "is not a gate"),
    (
        {CODE: WORDS[CODE], "correct.phone.format": WORDS[CODE]},
        "suite.code",
        "no rule of the suite has the code",
    ),
    ({CODE: {**WORDS[CODE], "fr": "x"}}, "config.unknown_key", "'fr'"),
    ({CODE: {"en": "x", "remedy": "x"}}, "config.missing", "has no vi"),
    ({CODE: {**WORDS[CODE], "vi": " "}}, "config.type", "vi of correct.email.format is no line of text"),
    ({CODE: {**WORDS[CODE], "en": "a\nb"}}, "config.type", "en of correct.email.format is no line of text"),
    ({CODE: "x"}, "config.type", "are no object"),
    ([CODE], "config.type", "meta.codes is no object"),
    ({}, "code.unknown", CODE),
]


@pytest.mark.parametrize(("codes", "code", "words"), REFUSED)
def test_what_may_not_be_a_code_of_a_suite_is_refused_with_its_line(
    project: Path, codes: Any, code: str, words: str
) -> None:
    declare(project, codes)
    findings = check(project)
    assert any(one.code == code and words in one.what for one in findings), list(map(str, findings))
    places = {one.where.partition(":")[::2] for one in findings}
    assert {name for name, _ in places} == {SUITE}
    assert all(int(line) > 1 for _, line in places)


def test_a_code_means_one_thing_in_a_project(project: Path) -> None:
    other = neighbour(project)
    assert check(project) == []
    declare(project, {CODE: {**WORDS[CODE], "vi": "khác"}}, suite=other)
    (finding,) = check(project)
    assert (finding.code, Path(finding.where).name) == ("suite.code", "schools.json")
    assert [one.stem for one in load_all(project)[0]] == ["moet.colleges", STEM]


def test_a_code_of_one_suite_is_unknown_to_another(project: Path) -> None:
    other = neighbour(project)
    declare(project, {}, suite=other)
    assert [(one.code, one.where.partition(":")[0]) for one in check(project)] == [("code.unknown", other)]
