"""Where the records of a CSV file begin and end: a stray quote never swallows the lines behind it.

Quotes count as RFC 4180 says: a value that begins with one ends at the next single one, right before a
delimiter or the end of the line. A quote inside a value that does not begin with one is a character like
any other (`5" pipe`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

from pophub.domain.errors import ContractBreach
from pophub.sources.file_rows import FileRow

MALFORMED = "contract.quoting"
_INSIDE = re.compile(r'(?:[^"]|"")*+\Z')  # a line that does not end the value it is in


class Quotes:
    """The grammar of one file's lines, of its delimiter; `multiline` lets a quoted value span lines."""

    def __init__(self, delimiter: str, *, multiline: bool, where: str) -> None:
        mark = re.escape(delimiter)
        value = rf'(?:"(?:[^"]|"")*+"|(?:[^"{mark}\r\n][^{mark}\r\n]*+)?)'
        self._whole = re.compile(rf"{value}(?:{mark}{value})*+[\r\n]*\Z")
        self._open = re.compile(rf'(?:{value}{mark})*+"(?:[^"]|"")*+\Z')
        self._closes = re.compile(rf'(?:[^"]|"")*+"(?={mark}|[\r\n]|\Z)')
        self._delimiter = delimiter
        self._multiline = multiline
        self._where = where

    def rows(self, lines: Iterator[tuple[int, str]]) -> Iterator[FileRow]:
        """Give the records of numbered lines, blank ones left out.

        Errors: `source.file_quoting` where it cannot be told where a record ends, with the line's number;
        `source.file_truncated` where the last record does not end.
        """
        for number, line in lines:
            if '"' not in line:
                text = line.rstrip("\r\n")
                if text:
                    yield FileRow(number, text.split(self._delimiter))
            elif self._whole.match(line):
                yield FileRow(number, self._parsed(line))
            elif self._multiline:
                yield FileRow(number, self._parsed(self._over_lines(number, line, lines)))
            else:
                self._refuse_open(number, line, lines)
                yield FileRow(number, [line.rstrip("\r\n")], MALFORMED)

    def _parsed(self, record: str) -> list[str]:
        return next(csv.reader([record], delimiter=self._delimiter, strict=True))

    def _over_lines(self, number: int, line: str, lines: Iterator[tuple[int, str]]) -> str:
        """Put a record together whose quoted values span lines."""
        if not self._open.match(line):
            raise self._malformed(number, "has a quote inside a value")
        parts = [line]
        for _, following in lines:
            parts.append(following)
            if _INSIDE.match(following):
                continue
            closed = self._closes.match(following)
            if closed is None:
                raise self._malformed(number, "begins a record whose quotes do not match")
            rest = following[closed.end() :].removeprefix(self._delimiter)
            if self._whole.match(rest):
                return "".join(parts)
            if not self._open.match(rest):
                raise self._malformed(number, "begins a record whose quotes do not match")
        raise self._endless(number)

    def _refuse_open(self, number: int, line: str, lines: Iterator[tuple[int, str]]) -> None:
        """Refuse a line whose last value may go on in the next one: what that one holds is then unsure."""
        if line.count('"') % 2 == 0 and not self._goes_on(line):
            return
        if next(lines, None) is None:
            raise self._endless(number)
        raise self._malformed(number, "opens a quote that it does not close")

    def _goes_on(self, line: str) -> bool:
        """Tell whether a lenient reader would take the next line into this one."""
        follows = csv.reader([line.rstrip("\r\n") + "\n", "x"], delimiter=self._delimiter)
        return sum(1 for _ in follows) < 2

    def _malformed(self, number: int, what: str) -> ContractBreach:
        return ContractBreach(
            "source.file_quoting",
            f"line {number} {what}",
            where=self._where,
            remedy="ask the agency to write each quote inside a value twice and to drop the file again; "
            "declare `multiline: true` only where quoted values span lines",
        )

    def _endless(self, number: int) -> ContractBreach:
        return ContractBreach(
            "source.file_truncated",
            f"a quoted value never ends: it begins in the record of line {number}",
            where=self._where,
            remedy="ask the agency to drop the whole file again",
        )
