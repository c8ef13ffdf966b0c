"""Write an agency's rejections to a CSV or XLSX file that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from pophub.contracts.rule_codes import Words
from pophub.postgres import Connection, transaction
from pophub.quarantine import places
from pophub.quarantine.browse import sent
from pophub.quarantine.reasons import codes_of, meaning
from pophub.quarantine.selection import Selection, statement

PAGE_ROWS = 2_000
MAX_CELL = 32_000
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
HEADER = ("id", "dataset", "key", "marker", "state", "gate", "codes", "reasons_vi", "reasons_en", "batch", "lane",
          "offset", "row", "file", "contract", "first_judged_at", "last_judged_at", "row_as_sent")  # fmt: skip


def harmless(value: Any) -> Any:
    """Give a cell that no spreadsheet takes for a formula.

    >>> harmless("=1+1"), harmless("-5"), harmless(-5), harmless("  @x"), harmless("An")
    ("'=1+1", "'-5", -5, "'  @x", 'An')
    """
    if not isinstance(value, str):
        return value
    return "'" + value if value.startswith(STARTS) or value.lstrip().startswith(STARTS) else value


def export(connection: Connection, selection: Selection, kind: str, path: Path, words: Words) -> int:
    """Write the selection to a file that only its owner may read; give the number of versions.

    The file appears under its name once it is whole.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        write = _csv if kind == "csv" else _xlsx
        written = write(draft, _rows(connection, selection, words))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return written


def _rows(connection: Connection, selection: Selection, words: Words) -> Iterator[list[Any]]:
    after = 0
    while True:
        with transaction(connection, "exporting the quarantine") as cursor:
            cursor.execute(statement("export"), selection.values(after=after, limit=PAGE_ROWS))
            page = cursor.fetchall()
        if not page:
            return
        after = page[-1][0]
        yield from (_cells(row, words) for row in page)


def _cells(row: tuple[Any, ...], codes: Words) -> list[Any]:
    *plain, gate, failures, batch, lane, offset, place, contract, first, last, raw = row
    as_sent = sent(bytes(raw))
    text = "" if as_sent is None else orjson.dumps(places.without(as_sent), default=_text).decode()
    words = [
        "; ".join(dict.fromkeys(meaning(f["code"], codes, lang) for f in failures)) for lang in ("vi", "en")
    ]
    times = [first.isoformat(timespec="seconds"), last.isoformat(timespec="seconds")]
    cells = [
        *plain,
        gate,
        codes_of(failures),
        *words,
        batch,
        lane,
        offset,
        place,
        places.in_words(as_sent) or "",
        contract,
        *times,
        text[:MAX_CELL],
    ]
    return [harmless(cell) for cell in cells]


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _csv(path: Path, rows: Iterator[list[Any]]) -> int:
    written = 0
    with path.open("w", encoding="utf-8-sig", errors="replace", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        for written, row in enumerate(rows, 1):  # noqa: B007
            out.writerow(row)
    return written


def _xlsx(path: Path, rows: Iterator[list[Any]]) -> int:
    written = 0
    book = Workbook(write_only=True)
    sheet = book.create_sheet("quarantine")
    sheet.append(HEADER)
    for written, row in enumerate(rows, 1):  # noqa: B007
        sheet.append([ILLEGAL_CHARACTERS_RE.sub("\ufffd", c) if isinstance(c, str) else c for c in row])
    book.save(path)
    return written
