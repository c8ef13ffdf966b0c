"""Code tables are declarations of the project: what is wrong in one is named with file and line."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from project_kit import edit

from pophub.contracts.code_tables import read_tables
from pophub.contracts.connector_page import TABLE
from pophub.contracts.load import check, load_all, load_connector
from pophub.contracts.model import Connector
from pophub.domain.errors import ConfigError
from pophub.domain.record import Columns
from pophub.gates.mapping import ContractMapper
from pophub.gates.rules import GreatExpectationsRules
from pophub.scoring.examine import examine
from pophub.settings import PROJECT, Settings

FILE = "connectors/mps/citizens.yaml"
SEX = "codes/sex.json"


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ('"title"', '"titel"', "config.unknown_key", "did you mean title"),
        (' "source": "Decree 137/2015",\n', "", "config.missing", "source"),
        ('"M": "Nam"', '"M": 7', "config.type", "M"),
        ('"0": "M"', '"0": "MALE"', "config.missing", "'MALE' has no label"),
        ('"M": "Nam",', '"M": "Nam", "X": "khác",', "config.value", "no value means 'X'"),
        ('"Nam": "M"', '"Nam": "M", "Nam": "F"', "yaml.duplicate_key", "Nam"),
        ('"Nam": "M"', '"Nam": "e\\u0301"', "config.value", "not composed"),
        ("{", "[", "yaml.syntax", ""),
    ],
)
def test_a_flaw_of_a_table_is_named_with_file_line_and_hint(
    project: Path, old: str, new: str, code: str, words: str
) -> None:
    edit(project, SEX, old, new)
    findings = check(project)
    told = [one for one in findings if one.where.startswith("codes/")]
    assert code in {one.code for one in told} and any(words in one.what for one in told), list(map(str, told))
    assert all(re.fullmatch(r"codes/sex\.json:[0-9]+", one.where) for one in told)
    using = [one for one in findings if one.where.startswith(FILE)]
    assert [one.code for one in using] == ["config.value"]
    assert "the code table sex cannot be read: codes/sex.json:" in using[0].what


def test_a_table_of_a_name_that_no_mapping_could_write_is_refused(project: Path) -> None:
    (project / SEX).rename(project / "codes/Giới tính.json")
    assert [one.code for one in check(project) if one.where.startswith("codes/")] == ["identifier.invalid"]


def test_connector_check_tells_of_a_table_that_nothing_uses(project: Path) -> None:
    (project / "codes/ward.json").write_text('{"title": "Wards"}')
    settings = Settings.load().model_copy(update={"project": project})
    scores, others = examine(settings, sources=False)
    assert {one.where.partition(":")[0] for one in others} == {"codes/ward.json"}
    assert all(one.loaded for one in scores)


@pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own
def test_a_table_of_the_project_translates_and_judges(project: Path) -> None:
    (project / "codes/ticked.json").write_text(TABLE)
    edit(project, FILE, "codes: sex", "codes: ticked")
    edit(project, "expectations/mps/citizens.json", '"codes": "sex"', '"codes": "ticked"')
    connector = load_connector(project / FILE, project)
    source = connector.file.mapping["sex"].source
    raw: Columns = {name: [None] * 3 for name in connector.file.columns} | {source: ["Độc thân", None, "ba"]}
    found = ContractMapper(connector).map(raw).columns["sex"]
    assert found == ["SINGLE", "UNKNOWN", "ba"]
    (rule,) = [one for one in connector.contract.rules if one.kwargs.get("codes") == "ticked"]
    alone = connector.contract.model_copy(update={"rules": (rule,)})
    failures = GreatExpectationsRules(connector.model_copy(update={"contract": alone})).judge({"sex": found})
    assert [(one.row, one.code) for one in failures] == [(2, "correct.code.unknown")]


def test_a_changed_table_is_a_changed_connector_for_those_that_use_it(project: Path) -> None:
    def digests() -> dict[str, str]:
        return {one.stem: one.digest for one in load_all(project)[0]}

    before = digests()
    edit(project, "codes/platform.json", '"TIKI": "TIKI"', '"TIKI": "TIKI", "Tiki": "TIKI"')
    changed = {stem for stem, digest in digests().items() if digest != before[stem]}
    using = {one.stem for one in load_all(project)[0] if "platform" in one.tables}
    assert changed == using < before.keys()


def test_two_projects_have_tables_of_their_own(project: Path) -> None:
    edit(project, "codes/platform.json", '"TIKI": "TIKI"', '"TIKI": "SENDO"')
    edit(project, "codes/platform.json", '  "TIKI": "Tiki",\n', "")

    def tiki(connectors: list[Connector]) -> str:
        one = next(c for c in connectors if c.stem == "moit.ecommerce_sales")
        return one.tables["platform"].values["TIKI"]

    assert (tiki(load_all(project)[0]), tiki(load_all(PROJECT)[0])) == ("SENDO", "TIKI")


def test_a_project_without_tables_says_so(project: Path) -> None:
    shutil.rmtree(project / "codes")
    with pytest.raises(ConfigError, match="there is no code table 'sex': there are none"):
        load_connector(project / FILE, project)


def test_the_page_shows_a_table_that_can_be_read_and_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "codes").mkdir()
    (tmp_path / "codes/marital.json").write_text(TABLE)
    tables, errors = read_tables(tmp_path)
    assert errors == [] and tables.sound["marital"].values == json.loads(TABLE)["values"]
    page = (PROJECT / "docs/connector-file.md").read_text()
    assert TABLE in page and all(f"| `{name}` |" in page for name in read_tables(PROJECT)[0].sound)
