"""XLSX files: the first sheet, streamed; formulas are never evaluated, bombs are bounded."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from pophub.contracts.model import FilesSource
from pophub.domain.errors import ContractBreach
from pophub.domain.record import Columns
from pophub.sources.file_rows import MAX_COLUMNS, check_header, in_chunks, too_large

MAX_UNPACKED_BYTES = 1 << 30
MAX_SHARED_BYTES = 128 << 20  # parts besides the sheets are held in memory
MAX_ROWS = 1 << 20  # as many as a spreadsheet has; a cell far below would be rows without end
MAX_CELL_CHARACTERS = 4 << 20
MAX_RATIO = 200  # a sheet of repeated rows packs to about 1:30
_FREE_BYTES = 16 << 20  # below this size the ratio does not matter


def check(path: Path, source: FilesSource, required: Sequence[str], where: str) -> None:
    """Read the file once for its shape.

    Errors: `source.file_truncated`, `source.file_kind`, `source.file_bomb`,
    `source.header_missing`, `source.header_repeated`.
    """
    _check_zip(path, where)
    rows = _rows(path, where)
    check_header(next(rows, ()), required, where)
    for _ in rows:
        pass


def read(path: Path, source: FilesSource, chunk_rows: int, where: str) -> Iterator[Columns]:
    """Give the rows of the first sheet in chunks; see `DropFolder.read`.

    Shape: a cell's value as stored: text, number, bool, datetime; of a formula the stored result.
    """
    _check_zip(path, where)
    rows = _rows(path, where)
    names = check_header(next(rows, ()), (), where)
    width = len(names)
    filled = (_fit(row, width) for row in rows if any(cell is not None for cell in row))
    for chunk in in_chunks(names, filled, chunk_rows):
        yield {name: [_plain(cell) for cell in cells] for name, cells in chunk.items()}


def _fit(row: Sequence[Any], width: int) -> Sequence[Any]:
    """Fill a row whose last cells are empty, and cut empty cells beyond the header."""
    if len(row) < width:
        return (*row, *(None,) * (width - len(row)))
    if len(row) > width and all(cell is None for cell in row[width:]):
        return row[:width]
    return row


def _plain(cell: Any) -> Any:
    return cell if isinstance(cell, str | int | float | None) else _date_or_text(cell)


def _date_or_text(cell: Any) -> Any:
    return cell if hasattr(cell, "year") else str(cell)


def _check_zip(path: Path, where: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except _BROKEN as error:
        raise _truncated(where) from error
    if "xl/workbook.xml" not in {part.filename for part in parts}:
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


def _rows(path: Path, where: str) -> Iterator[Sequence[Any]]:
    """Give the rows of the first sheet, as wide as their own cells, whatever the sheet claims."""
    try:
        with path.open("rb") as file:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # openpyxl on styles that we never read
                workbook = load_workbook(file, read_only=True, data_only=True, keep_links=False)
            sheet = workbook.worksheets[0]
            sheet.reset_dimensions()
            for number, row in enumerate(sheet.iter_rows(values_only=True)):
                if number >= MAX_ROWS:
                    raise too_large("the sheet", f"{MAX_ROWS:,} rows", where)
                if len(row) > MAX_COLUMNS and any(cell is not None for cell in row[MAX_COLUMNS:]):
                    raise too_large("a row", f"{MAX_COLUMNS:,} columns", where)
                if any(type(cell) is str and len(cell) > MAX_CELL_CHARACTERS for cell in row):
                    raise too_large("a cell", f"{MAX_CELL_CHARACTERS:,} characters", where)
                yield row
    except _BROKEN as error:
        raise _truncated(where) from error


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
