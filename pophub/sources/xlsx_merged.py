"""Merged cells of a sheet: the first one has the value, all others are stored without one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from openpyxl.worksheet.cell_range import CellRange

from pophub.sources.file_rows import FileRow


def leaving_rows_empty(
    rows: Iterable[FileRow], merged: Iterable[CellRange], columns: Sequence[int]
) -> CellRange | None:
    """Give the first merged stretch that takes a value of some columns from a row; None if none does.

    Shape: columns are counted from 1. A row that has values in the stretch alone, such as a note below
    the table, loses none. More stretches at one row than columns overlap, which no program writes: the
    last of them is given too.
    """
    wide = [stretch for stretch in merged if _within(stretch, columns)]
    coming = sorted(wide, key=lambda stretch: stretch.min_row, reverse=True)
    here: list[CellRange] = []
    for row in rows:
        while coming and coming[-1].min_row <= row.line:
            here.append(coming.pop())
        here = [stretch for stretch in here if stretch.max_row >= row.line]
        if len(here) > len(columns):
            return here[-1]
        filled = {at for at in columns if at <= len(row.cells) and row.cells[at - 1] is not None}
        for stretch in here:
            inside = _within(stretch, columns)
            lost = inside - {stretch.min_col} if row.line == stretch.min_row else inside
            if lost and filled - inside:
                return stretch
    return None


def _within(stretch: CellRange, columns: Sequence[int]) -> set[int]:
    return {at for at in columns if stretch.min_col <= at <= stretch.max_col}
