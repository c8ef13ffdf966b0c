"""A copy of the project's declarations, of which a test changes one place."""

from __future__ import annotations

import shutil
from pathlib import Path

from pophub.settings import PROJECT

DECLARATIONS = ("connectors", "schemas", "expectations", "codes", "subscriptions", "bases")


def copied(folder: Path) -> Path:
    """Copy all declarations into a folder, which is a project then."""
    for name in DECLARATIONS:
        shutil.copytree(PROJECT / name, folder / name)
    return folder


def edit(project: Path, name: str, old: str, new: str) -> None:
    """Change the first place of a file that holds a text; there has to be one."""
    path = project / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
