"""What the reader of a file could not read: cells and whole rows, with their codes (`domain.record.FLAWS`)."""

from __future__ import annotations

from typing import Any

import orjson

from pophub.domain.codes import CODES
from pophub.domain.record import FLAWS, Columns

WHOLE_ROW = ""


class RowFlaws:
    """The flaws of some rows.

    Shape: `whole` are (row, code) of rows of which nothing could be read.
    """

    def __init__(self, raw: Columns) -> None:
        self._by_column: dict[str, list[tuple[int, str]]] = {}
        for row, text in enumerate(raw.get(FLAWS, ())):
            if text is not None:
                for column, code in _codes(text).items():
                    self._by_column.setdefault(column, []).append((row, code))
        self.whole = self._by_column.get(WHOLE_ROW, [])

    def of(self, column: str) -> list[tuple[int, str]]:
        """Give (row, code) of the cells of a column that could not be read."""
        return self._by_column.get(column, [])

    def void(self, column: str, values: list[Any]) -> list[Any]:
        """Give the mapped values of a column, None for each cell that could not be read."""
        if not self._by_column:
            return values
        values = list(values)
        for row, _ in (*self.of(column), *self.whole):
            values[row] = None
        return values


def _codes(text: Any) -> dict[str, str]:
    """Read one row's flaws; what no reader of ours wrote spoils the row."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or not all(code in CODES for code in found.values()):
        return {WHOLE_ROW: "contract.type"}
    return found
