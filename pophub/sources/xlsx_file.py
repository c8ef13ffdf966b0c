"""XLSX files: the declared sheets, streamed; bombs are bounded."""

from __future__ import annotations

import unicodedata
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from openpyxl.utils.exceptions import InvalidFileException

from pophub.contracts.source_model import FilesSource
from pophub.domain.errors import ContractBreach
from pophub.domain.record import Columns
from pophub.sources.file_rows import MAX_COLUMNS, Checked, FileRow, header_of, in_chunks, names_of, too_large
from pophub.sources.xlsx_cells import WORKBOOK, Opened, opened, rows_of
from pophub.sources.xlsx_merged import leaving_rows_empty

MAX_UNPACKED_BYTES = 1 << 30
MAX_SHARED_BYTES = 128 << 20  # parts besides the sheets are held in memory
MAX_ROWS = 1 << 20  # as many as a spreadsheet has; a cell far below would be rows without end
MAX_CELL_CHARACTERS = 4 << 20
MAX_RATIO = 200  # a sheet of repeated rows packs to about 1:30
HEADER_SOUGHT = 50  # among so many first rows of a sheet the names of columns are looked for
_FREE_BYTES = 16 << 20  # below this size the ratio does not matter


def check(path: Path, source: FilesSource, required: Sequence[str], where: str) -> Checked:
    """Read the file once for its shape; a workbook is always written as declared.

    Errors: `source.file_truncated`, `source.file_kind`, `source.file_bomb`, `source.header_missing`,
    `source.header_repeated`; `source.sheet_missing` when no sheet is the declared one,
    `source.sheet_unread` when a sheet that would not be read holds rows under the same columns,
    `source.cells_merged` when merged cells leave a row without a value.
    """
    _check_zip(path, where)
    count = 0
    with _Book(path, where, source.header_line) as book:
        chosen = book.chosen(source, required)
        for sheet in chosen:
            rows = book.rows(sheet)
            names = header_of(next(rows, _NO_ROW).cells, required, where, _first_line(sheet)).names
            count += sum(1 for _ in rows)
            book.refuse_merged(sheet, [at for at, name in enumerate(names, 1) if name in required])
        if source.unread_sheets == "hold":
            book.refuse_unread(chosen, required)
    return Checked("", count, partial(read, path, source, required, where=where))


def read(
    path: Path, source: FilesSource, required: Sequence[str], chunk_rows: int, where: str
) -> Iterator[Columns]:
    """Give the rows of the declared sheets in chunks; see `DropFolder.read`.

    Shape: a cell's value as stored: text, number, bool, date; of a formula the stored result.
    """
    _check_zip(path, where)
    with _Book(path, where, source.header_line) as book:
        for sheet in book.chosen(source, required):
            rows = book.rows(sheet)
            names = header_of(next(rows, _NO_ROW).cells, required, where, _first_line(sheet)).names
            filled = (_fit(row, len(names)) for row in rows)
            yield from in_chunks(names, filled, chunk_rows, f"{path.name}!{sheet.title}")


class SheetStart(NamedTuple):
    """A sheet of a workbook, whether it can be seen, and its first rows that are not blank."""

    title: str
    visible: bool
    rows: list[FileRow]


def sheets_of(path: Path, where: str) -> list[SheetStart]:
    """Give the beginning of each sheet, whatever it holds.

    Errors: `source.file_truncated`, `source.file_kind`, `source.file_bomb`.
    """
    _check_zip(path, where)
    with _Book(path, where, 1) as book:
        return [
            SheetStart(
                sheet.title, sheet.sheet_state == "visible", list(islice(book.rows(sheet), HEADER_SOUGHT + 1))
            )
            for sheet in book.sheets()
        ]


class _Book:
    """An open workbook; what openpyxl raises on damaged parts is one error."""

    def __init__(self, path: Path, where: str, first: int) -> None:
        self._where = where
        self._first = first  # line that names the columns, or the first that may
        self._file = path.open("rb")
        self._book: Opened | None = None

    def __enter__(self) -> _Book:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _opened(self) -> Opened:
        if self._book is None:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # openpyxl on styles that we never read
                    self._book = opened(self._file)
            except _BROKEN as error:
                raise _truncated(self._where) from error
        return self._book

    def sheets(self) -> list[Any]:
        """Give all sheets with cells, hidden ones too."""
        return list(self._opened().book.worksheets)

    def chosen(self, source: FilesSource, required: Sequence[str]) -> list[Any]:
        """Give the sheets to read: the first visible one, or those that `sheet` names.

        Of several those that have none of the columns are left out, such as a page of instructions.
        """
        sheets = self.sheets()
        visible = [sheet for sheet in sheets if sheet.sheet_state == "visible"]
        if source.sheet is None:
            found = visible[:1]
        else:
            name = _composed(source.sheet)
            found = [sheet for sheet in sheets if _composed(sheet.title) == name]
            found = found or [sheet for sheet in visible if fnmatchcase(_composed(sheet.title), name)]
        if not found:
            raise ContractBreach(
                "source.sheet_missing",
                f"no sheet to read among {', '.join(sheet.title for sheet in visible) or 'no visible one'}",
                where=self._where,
                remedy="ask the agency what changed; see `source.sheet`",
            )
        wanted = set(map(_composed, required))
        return [sheet for sheet in found if wanted & self._names(sheet)] or found[:1]

    def rows(self, sheet: Any, first: int | None = None) -> Iterator[FileRow]:
        """Give the rows that are not blank, as wide as their own cells, whatever the sheet claims."""
        first = self._first if first is None else first
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for number, cells in rows_of(self._opened(), sheet):
                    if number > MAX_ROWS:
                        raise too_large("the sheet", f"{MAX_ROWS:,} rows", self._where)
                    if len(cells) > MAX_COLUMNS and any(cell is not None for cell in cells[MAX_COLUMNS:]):
                        raise too_large("a row", f"{MAX_COLUMNS:,} columns", self._where)
                    if any(type(cell) is str and len(cell) > MAX_CELL_CHARACTERS for cell in cells):
                        raise too_large("a cell", f"{MAX_CELL_CHARACTERS:,} characters", self._where)
                    if number >= first and any(cell is not None for cell in cells):
                        yield FileRow(number, cells)
        except _BROKEN as error:
            raise _truncated(self._where) from error

    def refuse_merged(self, sheet: Any, columns: Sequence[int]) -> None:
        """Refuse a sheet, read to its end, of which merged cells leave a row without a value."""
        if not self._opened().merged[sheet.title]:
            return
        rows = self.rows(sheet)
        next(rows, _NO_ROW)
        stretch = leaving_rows_empty(rows, self._opened().merged[sheet.title], columns)
        if stretch is not None:
            raise ContractBreach(
                "source.cells_merged",
                f"the cells {stretch.coord} of sheet {sheet.title} are merged: only the first has the value",
                where=self._where,
                remedy="ask the agency to unmerge them and to write the value into each row",
            )

    def refuse_unread(self, read: Sequence[Any], required: Sequence[str]) -> None:
        """Refuse a workbook of which a sheet with the columns and rows would not be read."""
        wanted = set(map(_composed, required))
        for sheet in self.sheets():
            if sheet not in read and self._has_rows_under(wanted, sheet):
                hidden = "" if sheet.sheet_state == "visible" else "hidden "
                raise ContractBreach(
                    "source.sheet_unread",
                    f"the {hidden}sheet {sheet.title} has rows under the same columns and is not read",
                    where=self._where,
                    remedy="declare `source.sheet`: a name, a pattern, or '*' for all visible sheets;"
                    " or ask the agency to remove it, or declare `unread_sheets: ignore`",
                )

    def _names(self, sheet: Any) -> set[str]:
        return set(names_of(next(self.rows(sheet), _NO_ROW).cells))

    def _has_rows_under(self, wanted: set[str], sheet: Any) -> bool:
        """Tell whether one of the first rows names the columns, wherever it stands, and a row comes behind it."""
        first = list(islice(self.rows(sheet, 1), HEADER_SOUGHT + 1))
        return any(wanted <= set(names_of(row.cells)) for row in first[:-1])


_NO_ROW = FileRow(1, ())


def _first_line(sheet: Any) -> str:
    return f"the first line of sheet {sheet.title}"


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _fit(row: FileRow, width: int) -> FileRow:
    """Fill a row whose last cells are empty, and cut empty cells beyond the header."""
    cells = row.cells
    if len(cells) < width:
        return row._replace(cells=(*cells, *(None,) * (width - len(cells))))
    if len(cells) > width and all(cell is None for cell in cells[width:]):
        return row._replace(cells=cells[:width])
    return row


def _check_zip(path: Path, where: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except _BROKEN as error:
        raise _truncated(where) from error
    if WORKBOOK not in {part.filename for part in parts}:
        raise ContractBreach(
            "source.file_kind",
            "the file is a zip file but no XLSX workbook",
            where=where,
            remedy="ask the agency to drop it again as an XLSX file",
        )
    shared = sum(part.file_size for part in parts if not part.filename.startswith("xl/worksheets/"))
    if shared > MAX_SHARED_BYTES:
        raise too_large("the file", f"{MAX_SHARED_BYTES >> 20} MiB besides its sheets", where)
    unpacked = sum(part.file_size for part in parts)
    packed = max(1, sum(part.compress_size for part in parts))
    if unpacked > MAX_UNPACKED_BYTES or (unpacked > _FREE_BYTES and unpacked / packed > MAX_RATIO):
        raise ContractBreach(
            "source.file_bomb",
            f"the file unpacks to {unpacked >> 20} MiB",
            where=where,
            remedy="ask the agency to split the file",
        )


def _truncated(where: str) -> ContractBreach:
    return ContractBreach(
        "source.file_truncated",
        "the file is cut or damaged",
        where=where,
        remedy="ask the agency to drop the whole file again",
    )


# What openpyxl raises on damaged parts is not bounded by one class of its own.
_BROKEN = (
    zipfile.BadZipFile,
    InvalidFileException,
    zlib.error,
    SyntaxError,  # of XML
    EOFError,
    RuntimeError,  # a password, an unknown packing
    KeyError,
    IndexError,
    ValueError,
    AttributeError,
    TypeError,
)
