"""The code tables of `codes/*.json`: what a source's value means in the contract."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from pophub.domain.errors import ConfigError

FOLDER = Path(__file__).parent / "codes"


@cache
def code_table(name: str) -> dict[str, str]:
    """Give a code table: source value to contract value. The empty key is what a null means.

    Errors: `config.value` when there is no such table.
    """
    path = FOLDER / f"{name}.json"
    if name not in code_table_names():
        raise ConfigError(
            "config.value",
            f"there is no code table {name!r}",
            remedy=f"use one of {', '.join(code_table_names())}",
        )
    values: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["values"]
    return values


@cache
def code_table_names() -> tuple[str, ...]:
    """Give the names of all code tables."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))
