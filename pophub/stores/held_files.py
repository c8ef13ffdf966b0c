"""The hold of a file ends when the file that was bad is gone, and says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pophub.postgres import Connection, statements, transaction

SQL = statements("files")

Gone = Callable[[Sequence[str]], dict[str, str]]
"""From names of held files to those that are no longer bad, each with why."""


def release_gone(connection: Connection, stem: str, gone: Gone) -> None:
    """Release the holds of files that are no longer bad."""
    with transaction(connection, f"holds of files of {stem}") as cursor:
        cursor.execute(SQL["held_files"], (stem,))
        held = cursor.fetchall()
        if not held:
            return
        why = gone([name for _, name in held])
        for hold, name in held:
            if name in why:
                cursor.execute(SQL["release_file"], (hold,))
                cursor.execute(SQL["say_why"], (hold, why[name]))
