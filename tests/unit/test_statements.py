"""The named statements of pophub/sql: each that the code asks for is there, and each that is there is asked for."""

from __future__ import annotations

import re

from pophub.postgres import statements
from pophub.settings import PROJECT

CODE = {path: path.read_text() for path in sorted((PROJECT / "pophub").rglob("*.py"))}


def test_every_statement_that_the_code_names_exists() -> None:
    for path, text in CODE.items():
        for variable, file in re.findall(r'^(\w+) = statements\("(\w+)"\)', text, re.M):
            for name in re.findall(rf'\b{variable}\["(\w+)"\]', text):
                assert name in statements(file), f"{path.name} asks {file}.sql for {name}"


def test_every_statement_is_asked_for() -> None:
    code = "\n".join(CODE.values())
    begun = tuple(re.findall(r'f"([a-z_]+_)\{', code))  # such as f"walk_{chain}"
    ended = tuple(re.findall(r'f"\{[\w.]+\}(_[a-z_]+)"', code))
    for path in (PROJECT / "pophub" / "sql").glob("*.sql"):
        for name in statements(path.stem):
            asked = f'"{name}"' in code or name.startswith(begun) or name.endswith(ended)
            assert asked, f"nothing asks {path.name} for {name}"
