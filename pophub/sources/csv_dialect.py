"""How a CSV file is written where its first bytes and its first line prove it: else as it is declared."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pophub.contracts.source_model import FilesSource
from pophub.domain.errors import ConfigError, ContractBreach
from pophub.sources.file_rows import names_of

MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
}
"""Byte order mark: encoding; the longer ones first."""

DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_START_BYTES = 1 << 16  # more than a first line of names takes


class Dialect(NamedTuple):
    """Encoding and delimiter of a file; `told` says in words what is not as declared, else ""."""

    encoding: str
    delimiter: str
    told: str = ""


def dialect_of(path: Path, source: FilesSource, required: Sequence[str], where: str) -> Dialect:
    """Tell how the file is written.

    A byte order mark proves the encoding. Another delimiter is proved by a first line in which all required
    names appear with that one alone.
    Errors: `source.encoding` for one that is not known, or a wide one (UTF-16, UTF-32) that the file is not.
    """
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
    encoding = marked(start) or source.encoding
    ordered = encoding.lower().endswith(("le", "be"))
    if is_wide(encoding) and not marked(start) and not (ordered and b"\0" in start):
        raise ContractBreach(
            "source.encoding",
            f"the file is not {encoding.upper()}: its start has not the bytes of one",
            where=where,
            remedy="mend `source.encoding`, or ask the agency to drop it again in that encoding",
        )
    delimiter = _delimiter(
        _first_line(start, encoding, source.header_line, where), source.delimiter, required
    )
    told = []
    if _plain(encoding) != _plain(source.encoding):
        told.append(f"encoding {encoding.removesuffix('-sig')}, by its byte order mark")
    if delimiter != source.delimiter:
        told.append(f"{DELIMITERS[delimiter]} between values, by its first line")
    return Dialect(encoding, delimiter, "; ".join(told))


def marked(start: bytes) -> str | None:
    """Give the encoding that a byte order mark proves."""
    return next((name for mark, name in MARKS.items() if start.startswith(mark)), None)


def is_wide(encoding: str) -> bool:
    """Tell whether a character takes two or four bytes."""
    return _plain(encoding).startswith(("utf16", "utf32"))


def _plain(encoding: str) -> str:
    """Give a name by which spellings of one encoding are equal; a byte order belongs to none."""
    plain = encoding.lower().replace("_", "").replace("-", "")
    return plain.removesuffix("sig").removesuffix("le").removesuffix("be")


def _first_line(start: bytes, encoding: str, number: int, where: str) -> str:
    try:
        text = start.decode(encoding, "ignore")
    except LookupError as error:
        raise ConfigError(
            "source.encoding",
            "the text encoding is not known",
            where=where,
            remedy="mend `source.encoding`, such as utf-8-sig or cp1258",
        ) from error
    except UnicodeError:
        return ""
    lines = islice(io.StringIO(text, newline=""), number - 1, None)
    return next((line for line in lines if line.strip()), "")


def _delimiter(line: str, declared: str, required: Sequence[str]) -> str:
    wanted = set(names_of(required))

    def proved(delimiter: str) -> bool:
        try:
            return wanted <= set(names_of(next(csv.reader([line], delimiter=delimiter), [])))
        except csv.Error:
            return False

    if proved(declared):
        return declared
    found = [delimiter for delimiter in DELIMITERS if proved(delimiter)]
    return found[0] if len(found) == 1 else declared
