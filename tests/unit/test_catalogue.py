"""The catalogue tells what there is to get, with values that are nobody's, and is found without tone marks."""

from __future__ import annotations

import doctest
import json
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from project_kit import copied, edit
from refused import refused
from typer.testing import CliRunner

from pophub.catalogue.entries import entries
from pophub.catalogue.invented import NAMES, NUMBERS
from pophub.catalogue.lineage import hops
from pophub.catalogue.page import datasets_page
from pophub.cli.program import app
from pophub.contracts.personal import hidden_fields
from pophub.domain import vietnamese
from pophub.figures import engine
from pophub.settings import PROJECT

KNOWN = {one.stem: one for one in entries(PROJECT)}


def test_the_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(vietnamese).failed == 0


@pytest.mark.parametrize("stem", KNOWN)
def test_each_dataset_tells_its_fields_and_shows_records_that_are_nobodys(stem: str) -> None:
    entry = KNOWN[stem]
    names = [field.name for field in entry.connector.contract.fields]
    assert [field.name for field in entry.fields] == names and all(
        field.meaning.en and field.meaning.vi for field in entry.fields
    )
    rows = entry.sample(PROJECT)
    assert rows and all(list(row) == names for row in rows)
    samples = "".join(p.read_text() for p in (PROJECT / "tests" / "samples" / stem).glob("*.json"))
    for row in rows:
        for name in hidden_fields(entry.connector):
            if isinstance(row[name], str) and len(row[name]) > 4:
                assert row[name] not in samples, "a sample may have been copied from a source"


def test_a_sample_that_holds_a_person_shows_none_of_it(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    sample = folder / "tests" / "samples" / "mps.citizens" / "pasted.pass.json"
    sample.parent.mkdir(parents=True)
    raw = json.loads((PROJECT / "tests/samples/mps.citizens/plain.pass.json").read_text())["raw"]
    sample.write_text(json.dumps({"raw": raw}))
    (entry,) = [one for one in entries(folder) if one.stem == "mps.citizens"]
    (row,) = entry.sample(folder)
    assert (row["citizen_id"], row["full_name"]) == (NUMBERS[0], NAMES[0])
    assert not set(map(str, row.values())) & {raw["so_ddcn"], raw["ho_ten"], raw["ma_ho"], raw["so_cmnd"]}


def test_fields_that_nobody_classified_are_hidden_and_say_so(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    edit(folder, "connectors/project06/tasks.yaml", "personal:", "# personal:")
    (entry,) = [one for one in entries(folder) if one.stem == "project06.tasks"]
    kinds = {field.name: field.sensitivity for field in entry.fields}
    assert "unsaid" in kinds.values() and "person" not in kinds.values()
    assert all(kinds[name] in ("unsaid", "number") for name in hidden_fields(entry.connector))


@pytest.mark.parametrize("key", ["doc", "doc_vi"])
def test_a_field_that_is_told_in_one_language_alone_fails_the_generated_page(
    tmp_path: Path, key: str
) -> None:
    folder = copied(tmp_path)
    assert "| số định danh cá nhân, Nghị định 137/2015 | number of a citizen |" in datasets_page(folder)
    text = (folder / "schemas/mps/citizens.v1.avsc").read_text()
    schema = json.loads(text)
    del schema["fields"][1][key]
    (folder / "schemas/mps/citizens.v1.avsc").write_text(json.dumps(schema, ensure_ascii=False))
    with refused("connector.undocumented"):
        datasets_page(folder)


def test_sensitivity_is_that_of_the_declarations() -> None:
    kinds = {field.name: field.sensitivity for field in KNOWN["mps.citizens"].fields}
    assert kinds["citizen_id"] == "number" and kinds["full_name"] == "person"
    assert {field.sensitivity for field in KNOWN["catalogue.databases"].fields} == {"open"}


@pytest.mark.parametrize(
    "typed", ["cong dan", "Công dân", unicodedata.normalize("NFD", "công dân"), "DAN cong"]
)
def test_a_dataset_is_found_with_tone_marks_and_without(typed: str) -> None:
    assert KNOWN["mps.citizens"].tells_of(typed)
    assert not KNOWN["catalogue.databases"].tells_of(typed + " xyz")


def test_figures_and_recipients_stand_with_the_dataset_that_they_take() -> None:
    assert "tasks" in [figure.name for figure in KNOWN["project06.tasks"].figures]
    assert KNOWN["mof.einvoices"].figures and not KNOWN["mps.identity_accounts"].fields[0].codes
    portal = [(who.subscriber, grant.fields) for who, grant in KNOWN["mps.citizens"].receivers]
    assert ("portal", ("citizen_id", "full_name", "birth_date", "province_code")) in portal


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POPHUB_HOME", str(tmp_path))
    monkeypatch.delenv("POPHUB_POSTGRES_HOST", raising=False)
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["catalogue", *arguments])


def test_the_command_tells_the_same_with_and_without_a_hub(home: Path) -> None:
    told = run("mps.citizens", "--json")
    assert told.exit_code == 0, told.output
    (dataset,) = json.loads(told.stdout)["datasets"]
    assert [one["name"] for one in dataset["fields"]] == [one.name for one in KNOWN["mps.citizens"].fields]
    assert dataset["sample"][0]["citizen_id"] == NUMBERS[0] and dataset["state"] is None
    shown = run("mps.citizens")
    assert NUMBERS[0] in shown.output and "freshness was not measured" in shown.output
    listed = run("--find", "hoa don").output
    assert "mof.einvoices" in listed and "mps.citizens" not in listed


def test_a_dataset_that_is_none_is_refused_with_the_nearest(home: Path) -> None:
    answer = run("mps.citizen")
    assert answer.exit_code == 2
    assert "config.unknown_stem" in answer.output and "did you mean mps.citizens" in answer.output


def test_a_dataset_knows_what_it_comes_from_and_where_it_goes() -> None:
    known = list(KNOWN.values())
    found = hops("mps.citizens", known)
    assert found[0][:3] == ("from", "source", "dancu.cong_dan")
    to = {(hop.kind, hop.name) for hop in found if hop.way == "to"}
    assert {
        ("population", ""),
        ("subscriber", "portal"),
        ("dataset", "moj.civil_status"),
        ("figure", "fragmentation"),
    } <= to
    back = {
        (hop.name, hop.by)
        for hop in hops("mof.einvoices", known)
        if hop.way == "from" and hop.kind == "dataset"
    }
    assert ("mps.citizens", ("seller_citizen_id",)) in back
    taxpayers = hops("mof.taxpayers", known)
    assert {(hop.name, hop.by) for hop in taxpayers if (hop.way, hop.kind) == ("to", "dataset")} == {
        ("mof.einvoices", ("seller_tax_code",)),
        ("mof.ecommerce_findings", ("seller_tax_code",)),
        ("moit.ecommerce_sales", ("seller_tax_code",)),
        ("moit.market_findings", ("seller_tax_code",)),
        ("mps.identity_accounts", ("tax_code",)),
        ("vss.insurance", ("employer_tax_code",)),
    }
    assert ("from", "dataset", "moj.civil_status", ("citizen_id",)) in hops("mps.identity_accounts", known)
    assert hops("no.such", known) == []
    for one in known:
        assert len(hops(one.stem, known)) == len(set(hops(one.stem, known)))
        for hop in hops(one.stem, known):
            mirrored = ("from", "dataset", one.stem)
            if (hop.way, hop.kind) == ("to", "dataset"):
                assert mirrored in [other[:3] for other in hops(hop.name, known)], "told from both ends"


def test_what_a_figure_reads_is_found_once_and_again_where_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, opened = copied(tmp_path), 0
    shutil.copytree(PROJECT / "figures", folder / "figures", dirs_exist_ok=True)
    known = engine.Engine

    def counted() -> engine.Engine:
        nonlocal opened
        opened += 1
        return known()

    def readers() -> list[str]:
        (entry,) = [one for one in entries(folder) if one.stem == "project06.tasks"]
        return [figure.name for figure in entry.figures]

    before = readers()
    monkeypatch.setattr(engine, "Engine", counted)
    assert "tasks" in before and readers() == before and opened == 0
    edit(folder, "figures/tasks.sql", "from project06.tasks", "from mps.citizens")
    assert (readers(), opened) == ([name for name in before if name != "tasks"], 1)
