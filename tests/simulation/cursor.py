"""psycopg2's cursor over twins, and what `pophub.postgres` writes by it in bulk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .database import Session


class MemoryCursor:
    """psycopg2's cursor over twins."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.rowcount = -1
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, text: str, args: Any = None) -> None:
        """Run a statement."""
        answer = self.session.run(text, args)
        if isinstance(answer, int):
            self.rowcount, self._rows = answer, []
        else:
            self.rowcount, self._rows = len(answer), answer

    def fetchone(self) -> tuple[Any, ...] | None:
        """Give the next row."""
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Give the rest."""
        rows, self._rows = self._rows, []
        return rows


def execute_values(
    cursor: MemoryCursor, text: str, rows: Sequence[tuple[Any, ...]], *, fetch: bool = False
) -> list[tuple[Any, ...]]:
    """Stand in for `pophub.postgres.execute_values`."""
    assert not fetch
    if rows:
        cursor.execute(text, list(rows))
    return []


def copy_columns(cursor: MemoryCursor, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
    """Stand in for `pophub.postgres.copy_columns`."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if rows:
        cursor.execute(f"copy {table}", rows)
