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
TABLES = ("files", "sql")  # their tables name a test a line; the others name the files that show all lines


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
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", text)
    for file, test in named:
        texts = [path.read_text() for path in (PROJECT / "tests").rglob(file)]
        assert any(f"def {test}(" in text for text in texts), f"{file}::{test}"
    whole = re.findall(r"`(tests/[\w/]+\.py)`", text)
    assert named or whole
    assert all((PROJECT / path).exists() for path in whole)


@pytest.mark.parametrize("kind", TABLES)
def test_each_line_of_its_tables_of_outcomes_names_one(kind: str) -> None:
    lines = re.findall(r"^\|.*\|$", page(kind), re.M)
    heads = [at for at, line in enumerate(lines) if line.endswith("| shown by |")]
    assert heads
    for at in heads:
        rest = iter(lines[at + 2 :])
        while (line := next(rest, "")) and not re.match(r"\|(?:---|.*\| shown by \|)", line):
            assert "::test_" in line, line
