"""What a dropped file is, by its name and by its first bytes: both must say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pophub.domain.errors import ContractBreach
from pophub.sources.csv_dialect import is_wide, marked

ZIP = b"PK\x03\x04"
_STRANGERS = {
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an Excel file of before 2007 or locked by a password",
    b"\x1f\x8b": "a gzip file",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"{\\rtf": "an RTF document",
    b"<htm": "a web page",
    b"<!DO": "a web page",
}


def kind_of(path: Path, encoding: str, where: str) -> Literal["csv", "xlsx", "json"]:
    """Give the kind of the file.

    Errors: `source.file_empty`; `source.file_kind` when it is not what its name says.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"):
        raise ContractBreach(
            "source.file_empty",
            "the file is empty",
            where=where,
            remedy="ask the agency to drop the file again",
        )
    suffix = path.suffix.lower()
    found = _content(start, encoding)
    if suffix == ".xlsx" and found == "a zip file (XLSX)":
        return "xlsx"
    if suffix in (".csv", ".txt") and found == "text":
        return "csv"
    if suffix in (".jsonl", ".ndjson") and found == "text":
        return "json"
    raise ContractBreach(
        "source.file_kind",
        f"the file is named {suffix or 'without a suffix'} but holds {found}",
        where=where,
        remedy="ask the agency to drop it again as a CSV or XLSX file, or as JSON lines, under the right name",
    )


def _content(start: bytes, encoding: str) -> str:
    if start.startswith(ZIP):
        return "a zip file (XLSX)"
    for sign, name in _STRANGERS.items():
        if start[:4].upper() == sign.upper():
            return name
    wide = is_wide(marked(start) or encoding)
    return "bytes that are no text" if b"\x00" in start and not wide else "text"
