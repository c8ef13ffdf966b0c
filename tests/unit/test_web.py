"""Words of the pages: complete in both languages."""

from __future__ import annotations

import doctest

import pytest

from pophub.domain.codes import CODES
from pophub.web import counts, held, layout, ledger_pages, words


@pytest.mark.parametrize("module", [counts, held, layout, ledger_pages, words])
def test_the_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_remedies_in_vietnamese_are_of_codes_that_there_are() -> None:
    assert set(held.REMEDIES_VI) <= set(CODES)
    assert not set(words.WORDS) & set(dir(dict)), "a template would find the method"
    assert all(text.strip() for pair in words.WORDS.values() for text in pair)
