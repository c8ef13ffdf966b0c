"""CSV files: undecodable bytes spoil their own value only, a cut file is refused."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pophub.contracts.source_model import FilesSource
from pophub.domain.errors import ContractBreach
from pophub.domain.record import Columns
from pophub.sources.csv_dialect import Dialect, dialect_of
from pophub.sources.csv_quotes import Quotes
from pophub.sources.file_rows import Checked, FileRow, Header, header_of, in_chunks, too_large

MAX_FIELD_CHARACTERS = 4 << 20
MAX_RECORD_CHARACTERS = 16 << 20  # a line without end, or a quote that runs over lines without end


def check(path: Path, source: FilesSource, required: Sequence[str], where: str) -> Checked:
    """Read the file once for its shape; tell how it is written where that is not as declared.

    Errors: `source.encoding`, `source.header_missing`, `source.header_repeated`, `source.file_bomb`; `source.file_quoting`
    where a quote makes it unsure where a record ends; `source.file_truncated` when a quoted value never
    ends; `source.file_end_open` when the last line has no end, where the connector does not allow it,
    else `source.file_truncated` when that line has too few columns.
    """
    last, count = FileRow(0, ()), 0
    dialect = dialect_of(path, source, required, where)
    with _Lines(path, dialect.encoding, where) as lines:
        header, rows = _parse(lines, source, dialect.delimiter, required, where)
        for count, last in enumerate(rows, 1):  # noqa: B007 - what the loop ends with
            pass
        ended = lines.ended()
    if not ended:
        _check_end(source, lines.number, last, header, where)
    return Checked(dialect.told, count, partial(_rows, path, source, dialect, required, where=where))


def _check_end(source: FilesSource, number: int, last: FileRow, header: Header, where: str) -> None:
    if source.last_line == "ends":
        raise ContractBreach(
            "source.file_end_open",
            f"the last line, {number}, has no end: its last value may be cut",
            where=where,
            remedy="ask the agency to drop the whole file again, with an end behind its last line;"
            " or declare `last_line: may_end_open` where it never writes one",
        )
    if 0 < len(last.cells) < len(header.names):
        raise ContractBreach(
            "source.file_truncated",
            "the last line is cut",
            where=where,
            remedy="ask the agency to drop the whole file again",
        )


def read(
    path: Path, source: FilesSource, required: Sequence[str], chunk_rows: int, where: str
) -> Iterator[Columns]:
    """Give the rows of a file that nobody checked, in chunks; see `DropFolder.read`."""
    yield from _rows(path, source, dialect_of(path, source, required, where), required, chunk_rows, where)


def _rows(
    path: Path, source: FilesSource, dialect: Dialect, required: Sequence[str], chunk_rows: int, where: str
) -> Iterator[Columns]:
    plain = dialect.encoding.removesuffix("-sig")
    with _Lines(path, dialect.encoding, where) as lines:
        header, rows = _parse(lines, source, dialect.delimiter, required, where)
        for chunk in in_chunks(header.names, rows, chunk_rows, path.name):
            yield {name: _with_bytes(values, plain) for name, values in chunk.items()}


class _Lines:
    """The file's decoded lines, numbered from 1 as they stand in the file."""

    def __init__(self, path: Path, encoding: str, where: str) -> None:
        self._file = path.open(encoding=encoding, errors="surrogateescape", newline="")
        self._where = where
        self._size = 0
        self._last = ""
        self.number = 0

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        while line := self._file.readline(MAX_RECORD_CHARACTERS + 1):
            self._size += len(line)
            if self._size > MAX_RECORD_CHARACTERS:
                raise too_large("a line", f"{MAX_RECORD_CHARACTERS:,} characters", self._where)
            self._last = line
            self.number += 1
            yield self.number, line

    def below(self, first: int) -> Iterator[tuple[int, str]]:
        """Give the lines from one on; those above are a title, and no record."""
        for number, line in self:
            if number >= first:
                yield number, line
            else:
                self.complete()

    def complete(self) -> None:
        """Say that the record of the lines read since the last call is complete."""
        self._size = 0

    def ended(self) -> bool:
        """Tell whether the line read last has a line end."""
        return self._last.endswith(("\n", "\r"))


def _parse(
    lines: _Lines, source: FilesSource, delimiter: str, required: Sequence[str], where: str
) -> tuple[Header, Iterator[FileRow]]:
    """Give the header and the rows behind it."""
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    quotes = Quotes(delimiter, multiline=source.multiline, where=where)
    rows = _read_to_the_end(lines.below(source.header_line), quotes, lines, where)
    first = next(rows, FileRow(1, ()))
    if first.flaw:
        raise ContractBreach(
            "source.file_quoting",
            f"line {first.line}, which names the columns, has a quote inside a value",
            where=where,
            remedy="ask the agency to drop the file again with a sound first line",
        )
    header = header_of(first.cells, required, where)
    return header, (header.fit(row) for row in rows)


def _read_to_the_end(
    numbered: Iterator[tuple[int, str]], quotes: Quotes, lines: _Lines, where: str
) -> Iterator[FileRow]:
    try:
        for row in quotes.rows(numbered):
            lines.complete()
            if any(len(cell) > MAX_FIELD_CHARACTERS for cell in row.cells):
                raise too_large("a value", f"{MAX_FIELD_CHARACTERS:,} characters", where)
            yield row
    except (csv.Error, UnicodeError) as error:
        raise ContractBreach(
            "source.file_truncated",
            "the file cannot be read to its end: text is cut",
            where=where,
            remedy="ask the agency to drop the whole file again; see `source.encoding`",
        ) from error


def _with_bytes(values: list[Any], encoding: str) -> list[Any]:
    """Give values whose bytes did not decode as the bytes that stood in the file."""
    try:
        "".join(value for value in values if value is not None).encode()
    except UnicodeEncodeError:
        return [_raw(value, encoding) for value in values]
    return values


def _raw(value: str | None, encoding: str) -> str | bytes | None:
    if value is None or value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode(encoding, "surrogateescape")
    return value
