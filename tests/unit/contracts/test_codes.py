"""The codes are a closed table: whatever the hub raises is in it, with its words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pophub.domain.errors as errors
from pophub.domain.codes import CODES

PACKAGE = Path(errors.__file__).parents[1]
TESTS = Path(__file__).parents[2]
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


def expected(tree: ast.Module) -> Iterator[str]:
    """Give the texts that a file of tests expects: in assertions, in what is raised, in tables of its cases."""
    for node in ast.walk(tree):
        call = node.func if isinstance(node, ast.Call) else None
        named = getattr(call, "attr", None) or getattr(call, "id", None)
        table = isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(
            node.value, ast.Dict | ast.List | ast.Tuple
        )
        if (
            isinstance(node, ast.Assert | ast.Compare)
            or named in ("raises", "refused", "parametrize")
            or table
        ):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value.replace("\\.", ".")


def test_every_code_is_produced_by_a_test() -> None:
    """A code that no test expects cannot happen, or nobody knows what happens then: test it, or take it out."""
    told = [path.name.removesuffix(".json") for path in (TESTS / "samples").glob("*/*.fail.*.json")]
    for path in TESTS.rglob("*.py"):
        told += expected(ast.parse(path.read_text(encoding="utf-8")))
    found = {code for text in told for code in re.findall(r"[a-z_]+(?:\.[a-z_]+)+", text)}
    found |= {name.partition(".fail.")[2] for name in told if ".fail." in name}
    assert sorted(CODES.keys() - found) == []


def test_every_code_is_given_by_the_hub_or_by_a_suite() -> None:
    paths = [path for path in PACKAGE.rglob("*.py") if path.name != "codes.py"]
    paths += (PACKAGE.parent / "expectations").rglob("*.json")
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    made = set(re.findall(r'f"([a-z.]+\.)\{\w+\}"', text))  # such as f"contract.dob.{flaw}"
    known = {
        code
        for code in CODES
        if f'"{code}"' in text or f'"{code}: ' in text or f"{code.rpartition('.')[0]}." in made
    }
    assert sorted(CODES.keys() - known) == []
