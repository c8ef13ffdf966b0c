"""CSV files: undecodable bytes spoil their own value only, a cut file is refused."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pophub.contracts.model import FilesSource
from pophub.domain.errors import ConfigError, ContractBreach
from pophub.domain.record import Columns
from pophub.sources.file_rows import check_header, in_chunks, too_large

MAX_FIELD_CHARACTERS = 4 << 20
MAX_RECORD_CHARACTERS = 16 << 20  # a line without end, or a quote that runs over lines without end


def check(path: Path, source: FilesSource, required: Sequence[str], where: str) -> None:
    """Read the file once for its shape.

    Errors: `source.header_missing`, `source.header_repeated`, `source.file_bomb`;
    `source.file_truncated` when its last line has no end and too few columns, or a quoted value never
    ends.
    """
    last: list[str] = []
    with _Lines(path, source.encoding, where) as lines:
        rows = _parse(lines, source.delimiter, where)
        names = check_header(next(rows, []), required, where)
        for row in rows:
            last = row
        open_quote = _open_quote(lines.last_record, source.delimiter)
        cut = not lines.ended() and 0 < len(last) < len(names)
    if open_quote or cut:
        raise ContractBreach(
            "source.file_truncated",
            "a quoted value never ends" if open_quote else "the last line is cut",
            where=where,
            remedy="ask the agency to drop the whole file again",
        )


def read(path: Path, source: FilesSource, chunk_rows: int, where: str) -> Iterator[Columns]:
    """Give the rows as they stand, in chunks; see `DropFolder.read`."""
    plain = source.encoding.removesuffix("-sig")
    with _Lines(path, source.encoding, where) as lines:
        rows = _parse(lines, source.delimiter, where)
        names = check_header(next(rows, []), (), where)
        for chunk in in_chunks(names, (row for row in rows if row), chunk_rows):
            yield {name: _with_bytes(values, plain) for name, values in chunk.items()}


class _Lines:
    """The file's decoded lines, with the raw lines of the record that is being parsed."""

    def __init__(self, path: Path, encoding: str, where: str) -> None:
        try:
            self._file = path.open(encoding=encoding, errors="surrogateescape", newline="")
        except LookupError as error:
            raise ConfigError(
                "source.encoding",
                "the text encoding is not known",
                where=where,
                remedy="mend `source.encoding`, such as utf-8-sig or cp1258",
            ) from error
        self._where = where
        self._record: list[str] = []
        self._size = 0
        self._last = ""
        self.last_record: list[str] = []

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(MAX_RECORD_CHARACTERS + 1):
            self._record.append(line)
            self._size += len(line)
            if self._size > MAX_RECORD_CHARACTERS:
                raise too_large("a line", f"{MAX_RECORD_CHARACTERS:,} characters", self._where)
            self._last = line
            yield line

    def complete(self) -> None:
        """Say that the record of the lines read since the last call is complete."""
        self.last_record, self._record, self._size = self._record, [], 0

    def ended(self) -> bool:
        """Tell whether the line read last has a line end."""
        return self._last.endswith(("\n", "\r"))


def _parse(lines: _Lines, delimiter: str, where: str) -> Iterator[list[str]]:
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            lines.complete()
            yield row
    except (csv.Error, UnicodeError) as error:
        raise ContractBreach(
            "source.file_truncated",
            "the file cannot be read to its end: a quoted value never ends, or text is cut",
            where=where,
            remedy="ask the agency to drop the whole file again; see `source.encoding`",
        ) from error


def _open_quote(record: list[str], delimiter: str) -> bool:
    """Tell whether the record swallows a line that follows it."""
    if not record:
        return False
    last = record[-1].rstrip("\r\n") + "\n"
    follows = csv.reader([*record[:-1], last, "x"], delimiter=delimiter)
    return sum(1 for _ in follows) < 2


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
