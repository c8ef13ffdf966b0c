"""Words of the pages: complete in both languages."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from project_kit import copied

from pophub.domain.codes import CODES, GATES
from pophub.settings import PROJECT
from pophub.web import counts, figures_pages, held, layout, ledger_pages, transactions, words
from pophub.web.declarations import declarations
from pophub.web.words_remedies import REMEDIES, remedy_vi


@pytest.mark.parametrize("module", [counts, figures_pages, held, layout, ledger_pages, transactions, words])
def test_the_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_remedies_in_vietnamese_are_of_codes_that_there_are() -> None:
    assert set(held.REMEDIES_VI) <= set(CODES)
    assert not set(words.WORDS) & set(dir(dict)), "a template would find the method"
    assert all(text.strip() for pair in words.WORDS.values() for text in pair)


def test_each_code_of_a_gate_or_a_sign_in_says_what_mends_it_in_vietnamese_and_nothing_says_what_no_code_has() -> (
    None
):
    said = {code.remedy for name, code in CODES.items() if name.partition(".")[0] in {*GATES, "oidc"}}
    assert said == set(REMEDIES)
    assert all(remedy_vi(text).strip() and not remedy_vi(text).isascii() for text in said)
    assert remedy_vi("what a suite declares") == ""


def test_no_word_is_there_that_no_page_says() -> None:
    folder = PROJECT / "pophub" / "web"
    files = [
        *folder.glob("templates/*.html"),
        *(p for p in folder.glob("*.py") if not p.name.startswith("words")),
    ]
    said = "".join(path.read_text() for path in files)
    begun = {*re.findall(r"""["'](\w+_)["'] ~""", said), "done_"}  # such as w["source_" ~ state]
    unsaid = {
        name
        for name in words.WORDS
        if name not in GATES
        and not name.startswith(tuple(begun))
        and not re.search(rf"""\bw\.{name}\b|["']{name}["']""", said)
    }
    assert unsaid == set()


def test_what_a_project_declares_is_read_again_when_a_file_of_it_is_another(tmp_path: Path) -> None:
    project = copied(tmp_path)
    before = declarations(project)
    stems = [one.stem for one in before.connectors]
    assert declarations(project) is before and "mps.citizens" in stems
    (project / "connectors/mps/identity_accounts.yaml").unlink()
    after = declarations(project)
    assert [one.stem for one in after.connectors] == [one for one in stems if one != "mps.identity_accounts"]
    assert "mps.identity_accounts" not in {one.stem for one in after.entries}
