"""Each kind of source has a page with its limits, and each line of it the test that shows it."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from pophub.contracts.model import ConnectorFile
from pophub.settings import PROJECT

KINDS = [
    get_args(one.model_fields["kind"].annotation)[0]
    for one in get_args(ConnectorFile.model_fields["source"].annotation)
]
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
HEADS = ("| what |", "| limit |")  # of the tables whose each line is a limit


def page(kind: str) -> str:
    return (PROJECT / f"docs/source-{kind}.md").read_text()


def test_there_are_pages_of_all_kinds_and_the_readme_leads_there() -> None:
    assert sorted(KINDS) == ["cdc", "files", "http", "kafka", "sql"]
    readme = (PROJECT / "README.md").read_text()
    for kind in KINDS:
        assert f"(docs/source-{kind}.md)" in readme, kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_says_what_happens_when_something_is_wrong_and_names_the_tests_that_show_it(kind: str) -> None:
    text = page(kind)
    assert re.search("^## (?:What happens when|When) something is wrong$", text, re.M)
    for file, test in NAMED.findall(text):
        texts = [path.read_text() for path in (PROJECT / "tests").rglob(file)]
        assert any(f"def {test}(" in text for text in texts), f"{file}::{test}"
    assert re.findall(r"`tests/[\w/]+\.py`", text) == [], "a file of tests is no test"


@pytest.mark.parametrize("kind", KINDS)
def test_each_line_of_its_tables_of_outcomes_and_limits_names_one(kind: str) -> None:
    tables = re.findall(r"(?:^\|.*\|$\n)+", page(kind), re.M)
    assert [table for table in tables if table.startswith(HEADS)]
    for table in tables:
        head, _, *lines = table.splitlines()
        if head.endswith("| shown by |") or head.startswith(HEADS):
            assert head.endswith("| shown by |"), head
            assert [line for line in lines if not NAMED.search(line.rsplit("| ", 1)[1])] == []
