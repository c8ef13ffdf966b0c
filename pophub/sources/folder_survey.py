"""What a drop folder shows before anything is declared: its newest file, how it is written, its first rows."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import chain, islice
from pathlib import Path
from typing import Any

from pophub.contracts.source_model import FilesSource
from pophub.domain.errors import ConfigError, ContractBreach, TransientError
from pophub.domain.legacy_fonts import legacy_share
from pophub.domain.record import FILE_COLUMNS, FLAWS, Columns
from pophub.sources.csv_dialect import DELIMITERS, marked
from pophub.sources.file_kind import kind_of
from pophub.sources.file_rows import FileRow, names_of
from pophub.sources.files import ROOMS, DropFolder, is_unfinished
from pophub.sources.json_pages import MISSING
from pophub.sources.survey import Survey, SurveyedColumn, SurveyedForm, held_by
from pophub.sources.xlsx_file import HEADER_SOUGHT, SheetStart, sheets_of

ENCODINGS = ("utf-8-sig", "cp1258")
OLD_FONTS = "cp1252"  # as which TCVN3 and VNI are read, so that the gate tells them by their letters
_OLD = 0.2  # of the words: more of them in an old font are no accident of Windows-1258
SUFFIXES = (".csv", ".txt", ".xlsx", ".jsonl", ".ndjson")
LOOKED_FILES = 5  # the newest ones are held against the draft
_LOOKED_BYTES = 1 << 20
_SHOWN = 3


def survey_folder(folder: Path, pattern: str | None, rows: int, where: str) -> tuple[Survey, SurveyedForm]:
    """Look at the newest file, of a name that fits the pattern; give what it shows, and how files are written.

    Errors: `source.unreachable`; `connector.from` where no file has a line that names columns; those of a file
    that cannot be read.
    """
    if not folder.is_dir():
        raise TransientError(
            "source.unreachable", "the folder is not there", where=where, remedy="see that the folder is mounted"
        )  # fmt: skip
    newest = _newest_first(folder, pattern, where)
    first = newest[0]
    alike = [path for path in newest if path.suffix.lower() == first.suffix.lower()]
    kind = kind_of(first, ENCODINGS[0], f"{where}: {first.name}")
    form, names = {"csv": _text_form, "xlsx": _workbook_form, "json": _plain_form}[kind](first, where)
    form.keys["pattern"] = pattern or _pattern(alike)
    source = _declared(form.keys)
    found, lacking = _read(first, kind, source, names, rows, where)
    if legacy_share(found) >= _OLD:
        raise _nameless(
            "the newest file names its columns in TCVN3 or VNI, the encodings before Unicode", where, _UNICODE
        )
    form.asks.extend(_lacking(lacking, len(next(iter(found.values()), ()))))
    form.asks.extend(_held(alike[:LOOKED_FILES], source, tuple(found), where))
    if left := DropFolder(source, folder, where=where).left_out():
        told = ", ".join(left[:_SHOWN])
        form.asks.append(f"pattern: {source.pattern} leaves out {len(left)} files, such as {told}")
    columns = tuple(
        SurveyedColumn(name, kind.upper(), held_by(values), True) for name, values in found.items()
    )
    return Survey(first.name, columns, found), form


def header_line(rows: Sequence[FileRow]) -> int | None:
    """Give the line that names the columns: each cell up to its last is a name of its own, and a row comes behind.

    A title above it is narrower than half of the widest row. Half of the names at least have a letter.

    >>> title, head = FileRow(1, ("Hồ sơ", None, None)), FileRow(3, ("Mã", "Tên", "Ngày"))
    >>> header_line([title, head, FileRow(4, ("1", "An", None))])
    3
    """
    widest = max((sum(cell not in (None, "") for cell in row.cells) for row in rows), default=0)
    for row in rows[:-1]:
        names = names_of([cell if isinstance(cell, str) else None for cell in row.cells])
        while names and not names[-1]:
            names.pop()
        lettered = sum(any(sign.isalpha() for sign in name) for name in names)
        distinct = len(set(names)) == len(names) and "" not in names
        if distinct and len(names) >= max(2, widest / 2) and lettered >= len(names) / 2:
            return row.line
    return None


def _newest_first(folder: Path, pattern: str | None, where: str) -> list[Path]:
    files = [
        path for path in folder.iterdir()
        if path.is_file() and not is_unfinished(path.name) and path.suffix.lower() in SUFFIXES
        and (pattern is None or fnmatchcase(path.name, pattern))
    ]  # fmt: skip
    if not files:
        raise ConfigError(
            "connector.from", "the folder has no file of a kind that is read", where=where,
            remedy="drop one that shows how the agency writes: .csv, .txt, .xlsx, .jsonl or .ndjson",
        )  # fmt: skip
    return sorted(files, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)


def _pattern(files: Sequence[Path]) -> str:
    """Give the pattern of names that end as these do.

    >>> _pattern([Path("a.csv")]), _pattern([Path("a.csv"), Path("B.CSV")])
    ('*.csv', '*.[cC][sS][vV]')
    """
    spelled = {path.suffix for path in files}
    if len(spelled) == 1:
        return f"*{spelled.pop()}"
    return "*." + "".join(f"[{sign}{sign.upper()}]" for sign in files[0].suffix.lower()[1:])


def _declared(keys: dict[str, Any]) -> FilesSource:
    told = {"kind": "files", "url": "${POPHUB_SOURCE}", "marker": {"column": "any"}, **keys}
    return FilesSource.model_validate(told)


def _plain_form(path: Path, where: str) -> tuple[SurveyedForm, list[str]]:
    return SurveyedForm({}, {}, []), []


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LOOKED_BYTES)


def _text_form(path: Path, where: str) -> tuple[SurveyedForm, list[str]]:
    """Tell encoding, delimiter and the line with the names by the file's beginning."""
    start = _start(path)
    encoding = marked(start) or _encoding(start)
    text = io.StringIO(start.decode(encoding, errors="replace"), newline="")
    lines = list(islice(enumerate(text, 1), HEADER_SOUGHT + 1))
    found = [(*widest, delimiter) for delimiter in DELIMITERS if (widest := _widest(lines, delimiter))]
    if not found:
        raise _nameless("no line of the newest file names columns", where)
    _, line, delimiter = max(found, key=lambda one: one[0])
    form = SurveyedForm({"encoding": encoding, "delimiter": delimiter}, {}, [])
    return _below(form, line, next((number for number, text in lines if text.strip()), line)), []


def _widest(lines: Iterable[tuple[int, str]], delimiter: str) -> tuple[int, int] | None:
    """Give how many names a delimiter finds, and in which line; None where there are none."""
    rows = [
        FileRow(number, next(csv.reader([line], delimiter=delimiter), []))
        for number, line in lines
        if line.strip()
    ]
    if len(rows) == 1:
        rows.append(FileRow(rows[0].line + 1, ()))  # a file of names alone
    line = header_line(rows)
    return None if line is None else (next(len(row.cells) for row in rows if row.line == line), line)


def _encoding(start: bytes) -> str:
    """Tell the encoding of a text without a mark by what decodes, and as what its words are Vietnamese."""
    if _decodes(start, ENCODINGS[0]):
        return ENCODINGS[0]
    words = unicodedata.normalize("NFC", start.decode(ENCODINGS[1], "replace"))
    return OLD_FONTS if legacy_share([re.sub(r"[!-/:-@\[-`{-~]", " ", words)]) >= _OLD else ENCODINGS[1]


def _decodes(start: bytes, encoding: str) -> bool:
    try:
        start.decode(encoding)
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


def _below(form: SurveyedForm, line: int, first: int) -> SurveyedForm:
    if line > first:
        form.keys["header_line"] = line
        form.why["header_line"] = "the names of the columns; what stands above is left out"
    return form


def _workbook_form(path: Path, where: str) -> tuple[SurveyedForm, list[str]]:
    """Tell which sheets are read, the line with the names, and these: those of the first visible one that has some."""
    sheets = sheets_of(path, f"{where}: {path.name}")
    lines = [(sheet, header_line(sheet.rows)) for sheet in sheets if sheet.visible]
    found = [(sheet, line) for sheet, line in lines if line is not None]
    if not found:
        raise _nameless(
            "no visible sheet of the newest workbook has a line of names, with rows behind it", where
        )
    sheet, line = found[0]
    form = _below(SurveyedForm({}, {}, []), line, sheet.rows[0].line)
    wanted = _names(sheet, line)
    same = [other.title for other, at in found if at == line and set(wanted) <= {*_names(other, at)}]
    if len(same) > 1:
        form.keys["sheet"] = "*"
        form.why["sheet"] = f"all visible ones with these columns: {', '.join(same)}"
        form.asks.append(f"sheet: whether all of {', '.join(same)} are to be read")
    elif sheet is not next(one for one in sheets if one.visible):
        form.keys["sheet"] = "*"
        form.why["sheet"] = f"all visible ones with these columns; here {sheet.title}, which is not the first"
    return form, wanted


def _names(sheet: SheetStart, line: int) -> list[str]:
    return [name for row in sheet.rows if row.line == line for name in names_of(row.cells) if name]


_ONE_LINE = "ask the agency for one line with a name for each column, none of them merged or twice"
_UNICODE = "ask the agency to export in Unicode, such as CSV UTF-8; names of columns would stay so for good"


def _nameless(what: str, where: str, remedy: str = _ONE_LINE) -> ConfigError:
    return ConfigError("connector.from", what, where=where, remedy=remedy)


def _read(
    path: Path, kind: str, source: FilesSource, names: Sequence[str], rows: int, where: str
) -> tuple[Columns, Counter[str]]:
    """Give the first rows, and of each member how many records lack it."""
    source = source.model_copy(update={"last_line": "may_end_open", "unread_sheets": "ignore"})
    room, place = ROOMS[kind], f"{where}: {path.name}"
    if kind == "json":  # so that a member that is missing is told
        first: Columns = next(room.read(path, source, (), rows, place), {})
        names = [name for name in first if name not in FILE_COLUMNS]
    found: Columns = {}
    lacking: Counter[str] = Counter()
    for chunk in room.read(path, source, names, rows, place):
        for name, values in chunk.items():
            if name not in FILE_COLUMNS and (name in names or not names):
                found.setdefault(name, []).extend(values)
        flaws = [json.loads(flaw) for flaw in chunk[FLAWS] if flaw]
        lacking.update(
            chain.from_iterable((n for n, code in one.items() if code == MISSING) for one in flaws)
        )
        if len(next(iter(found.values()), ())) >= rows:
            break
    return {name: list(islice(values, rows)) for name, values in found.items()}, lacking


def _lacking(lacking: Counter[str], rows: int) -> list[str]:
    return [
        f"the member {name[:40]} is missing in {count:,} of {rows:,} records, which fail {MISSING}: ask for it, or take "
        "the field out"
        for name, count in lacking.items()
    ]


def _held(files: Sequence[Path], source: FilesSource, names: Sequence[str], where: str) -> list[str]:
    """Tell which of some files would be held as they are, and why."""
    told: dict[str, list[str]] = {}
    for path in files:
        try:
            room = ROOMS[kind_of(path, source.encoding, path.name)]
            room.check(path, source, names, path.name)
        except ContractBreach as error:
            told.setdefault(f"{error.code}: {error.what}; {error.remedy}", []).append(path.name)
    return [f"held as they are: {', '.join(held)} ({why})" for why, held in told.items()]
