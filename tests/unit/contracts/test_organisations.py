"""Organisations that a record names: what is refused with file and line, and in which turn datasets are run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from project_kit import edit

from pophub.contracts.load import check, load_all, load_connector
from pophub.contracts.referred import in_turn
from pophub.settings import PROJECT

INVOICES, TAXPAYERS = "connectors/mof/einvoices.yaml", "connectors/mof/taxpayers.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "words"),
    [
        (
            INVOICES,
            "in: mof.taxpayers",
            "in: catalogue.targets",
            "config.value",
            "no register of organisations",
        ),
        (INVOICES, "in: mof.taxpayers", "in: mof.taxpayer", "config.unknown_stem", "no dataset mof.taxpayer"),
        (INVOICES, "id: seller_tax_code", "id: seller_tax", "schema.field_missing", "mean seller_tax_code"),
        (INVOICES, "name: seller_name", "name: total_vnd", "config.type", "total_vnd is long, not a text"),
        (INVOICES, "at: issued_at", "at: status", "config.type", "not a date or a time"),
        (
            INVOICES,
            "  - id: seller_tax_code",
            "  - id: seller_citizen_id",
            "config.value",
            "is an id already",
        ),
        (TAXPAYERS, "active: active", "active: kind", "config.type", "kind is string, not boolean"),
        (
            TAXPAYERS,
            "personal: [tax_code, name, representative_id]",
            "personal: [tax_code, name]",
            "config.value",
            "representative_id tells of a person",
        ),
        (TAXPAYERS, "  id: tax_code", "  id: name", "config.value", "which is tax_code here"),
    ],
)
def test_a_flaw_is_named_with_file_and_line(
    project: Path, file: str, old: str, new: str, code: str, words: str
) -> None:
    edit(project, file, old, new)
    line = [n for n, one in enumerate((project / file).read_text().splitlines(), start=1) if new in one][-1]
    told = check(project)
    found = [error for error in told if error.where == f"{file}:{line}"]
    assert code in [error.code for error in found] and any(words in error.what for error in found), [
        str(error) for error in told
    ]


def test_what_others_name_is_run_before_them() -> None:
    turns = in_turn(load_all(PROJECT)[0])
    place = {stem: at for at, turn in enumerate(turns) for stem in turn}
    assert place["mps.citizens"] == place["mof.taxpayers"] == place["laocai.procedure_catalogue"] == 0
    assert place["mof.einvoices"] == place["moit.market_findings"] == place["laocai.procedures"] == 1
    assert place["mps.identity_accounts"] == place["moj.civil_status"] + 1 == 2  # it looks deaths up
    assert len(turns) == 3


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [("  active: active\n", "", True), ("  name: name\n", "  name: kind\n", True),
     ("  en: Taxpayers", "  en: All taxpayers", False)],
)  # fmt: skip
def test_another_reading_of_the_register_is_another_contract_of_who_asks_it(
    project: Path, old: str, new: str, changes: bool
) -> None:
    suite = project / "expectations/mof/einvoices.json"
    told = json.loads(suite.read_text())
    kept = [one for one in told["expectations"] if "hub_seller_tax_code_" not in json.dumps(one)]
    suite.write_text(json.dumps(told | {"expectations": kept}))  # no rule may miss what is not told any more
    path = project / INVOICES
    before = load_connector(path, project).digest
    edit(project, TAXPAYERS, old, new)
    assert (load_connector(path, project).digest != before) == changes
