"""The codes are a closed table: whatever the hub raises is in it, with its words."""

from __future__ import annotations

import ast
from pathlib import Path

import pophub.domain.errors as errors
from pophub.domain.codes import CODES

PACKAGE = Path(errors.__file__).parents[1]
ERRORS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
}


def raised() -> dict[str, str]:
    """Give each code that stands as first argument of an error, with its file."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            first = node.args[0]
            if node.func.id in ERRORS and isinstance(first, ast.Constant):
                found[str(first.value)] = path.name
    return found


def test_every_code_that_is_raised_is_in_the_table() -> None:
    assert {code: file for code, file in raised().items() if code not in CODES} == {}


def test_every_code_has_words_in_both_languages_and_a_remedy() -> None:
    assert all(all(code) for code in CODES.values())
