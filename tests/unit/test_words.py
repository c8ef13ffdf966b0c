"""One word is one thing: no two classes of the hub have one name, nor a short name that of a class."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from pophub.settings import PROJECT

FILES = [*sorted((PROJECT / "pophub").rglob("*.py")), *sorted((PROJECT / "dags").glob("*.py"))]


def named(path: Path) -> tuple[list[str], list[str]]:
    """Give the classes of a file, and what it calls a type by a name of its own, such as `Row`."""
    tree = ast.parse(path.read_text())
    classes = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    given = [node.targets[0] for node in tree.body if isinstance(node, ast.Assign) and len(node.targets) == 1]
    names = [name.id for name in given if isinstance(name, ast.Name)]
    return classes, [name for name in names if name[0].isupper() and not name.isupper()]


def test_no_class_has_the_name_of_another() -> None:
    places = defaultdict(list)
    for path in FILES:
        for name in named(path)[0]:
            places[name].append(str(path.relative_to(PROJECT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_short_name_of_a_type_is_that_of_a_class() -> None:
    classes = {name for path in FILES for name in named(path)[0]}
    found = {(name, path.name) for path in FILES for name in named(path)[1] if name in classes}
    assert found == set()
