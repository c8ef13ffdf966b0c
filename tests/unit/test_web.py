"""Words of the pages: complete in both languages."""

from __future__ import annotations

import doctest
import re

import pytest

from pophub.domain.codes import CODES, GATES
from pophub.settings import PROJECT
from pophub.web import counts, figures_pages, held, layout, ledger_pages, words


@pytest.mark.parametrize("module", [counts, figures_pages, held, layout, ledger_pages, words])
def test_the_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_remedies_in_vietnamese_are_of_codes_that_there_are() -> None:
    assert set(held.REMEDIES_VI) <= set(CODES)
    assert not set(words.WORDS) & set(dir(dict)), "a template would find the method"
    assert all(text.strip() for pair in words.WORDS.values() for text in pair)


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
