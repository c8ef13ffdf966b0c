"""The cells of a workbook as they are stored: formulas are never evaluated, nothing is guessed.

openpyxl gives the empty value for a formula whose result nobody stored, the text `#N/A` for an error, a
time of day or a duration for what was typed as 1:30, and leaves _x000D_ in a text as it stands. Here the
first three are `Unread` with their code, and the last is the character that it stands for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import time, timedelta
from typing import IO, Any, NamedTuple

from openpyxl.cell.text import Text
from openpyxl.reader.excel import ExcelReader
from openpyxl.workbook import Workbook
from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG, WorkSheetParser
from openpyxl.worksheet.cell_range import CellRange
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
from openpyxl.xml.functions import fromstring, iterparse

from pophub.sources.file_rows import Unread

WORKBOOK = "xl/workbook.xml"
FORMULA = Unread("contract.cell.formula")
ERROR = Unread("contract.cell.error")
TIME = Unread("contract.type")  # shown in any form: 1:30 may be a time, a duration or a ratio
_STRING = f"{{{SHEET_MAIN_NS}}}si"
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


class Opened(NamedTuple):
    """A workbook; `stale` where it says that whoever opens it computes all results anew.

    Shape: `merged` has the merged stretches of each sheet that `rows_of` gave to its end, by its title.
    """

    book: Workbook
    stale: bool
    merged: dict[str, list[CellRange]]


def opened(file: IO[bytes]) -> Opened:
    """Open a workbook; its sheets are read when they are asked for."""
    reader = _Reader(file, read_only=True, data_only=True, keep_links=False)
    reader.read()
    root: Any = fromstring(reader.archive.read(WORKBOOK))
    told = root.find(f"{{{SHEET_MAIN_NS}}}calcPr")
    return Opened(reader.wb, told is not None and told.get("fullCalcOnLoad") in ("1", "true"), {})


def rows_of(opened: Opened, sheet: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Give the rows that the sheet stores: number, and cells up to the rightmost one of the row.

    Shape: a cell is None, text, number, bool, a date with or without time, or `Unread`.
    Errors: ValueError where a row has two cells at one place.
    """
    book: Any = opened.book
    with sheet._get_source() as xml:
        parser = _Parser(
            xml,
            sheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        parser.stale = opened.stale
        for number, cells in parser.parse():
            yield number, _in_place(cells)
        merged: Any = parser.merged_cells
        opened.merged[sheet.title] = list(merged.mergeCell) if merged else []


def _in_place(cells: Sequence[dict[str, Any]]) -> tuple[Any, ...]:
    """Put each cell of a row into its column; openpyxl loses those behind the last one that is stored."""
    found = {cell["column"]: cell["value"] for cell in cells}
    if len(found) < len(cells):
        raise ValueError
    return tuple(map(found.get, range(1, max(found, default=0) + 1)))


def unescaped(text: str) -> str:
    """Give the characters that a workbook's text stands for.

    >>> unescaped("a_x000D_b"), unescaped("_x005F_x000D_"), unescaped("_xD83D__xDE00_") == chr(0x1F600)
    ('a\\rb', '_x000D_', True)
    """
    if "_x" not in text:
        return text
    found = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    try:
        return found.encode("utf-16", "surrogatepass").decode("utf-16")  # two halves are one character
    except UnicodeDecodeError:
        return found


class _Reader(ExcelReader):
    def read_strings(self) -> None:
        package: Any = self.package
        part = package.find(SHARED_STRINGS)
        if part is None:
            return
        with self.archive.open(part.PartName[1:]) as xml:
            for _, node in iterparse(xml):
                if node.tag == _STRING:
                    text: Any = Text.from_tree(node)
                    self.shared_strings.append(unescaped(text.content))
                    node.clear()


class _Parser(WorkSheetParser):
    stale = False

    def parse_cell(self, element: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().parse_cell(element)
        value = found["value"]
        if found["data_type"] == "e":
            found["value"] = ERROR
        elif isinstance(value, time | timedelta):
            found["value"] = TIME
        elif (value is None or self.stale) and element.find(FORMULA_TAG) is not None:
            empty = element.get("t") == "str" and element.find(VALUE_TAG) is not None
            if self.stale or not empty:  # an empty text is a result, too
                found["value"] = FORMULA
        elif type(value) is str and element.get("t") != "s":
            found["value"] = unescaped(value)
        return found
