"""What a drop folder shows before anything is declared: the newest CSV file, its form, its first rows."""

from __future__ import annotations

import csv
from itertools import islice
from pathlib import Path
from typing import Any

from pophub.contracts.source_model import FilesSource
from pophub.domain.errors import ConfigError, TransientError
from pophub.domain.record import FILE_COLUMNS, Columns
from pophub.sources import csv_file
from pophub.sources.csv_dialect import marked
from pophub.sources.survey import Survey, SurveyedColumn

_DELIMITERS = ",;\t|"
_LOOKED_BYTES = 1 << 20
ENCODINGS = ("utf-8-sig", "cp1258")


def survey_folder(folder: Path, rows: int, where: str) -> tuple[Survey, dict[str, Any]]:
    """Look at the newest CSV file; give what it shows, and how files of the folder are written.

    Errors: `source.unreachable`; `connector.from` where there is no CSV file with names in its first line.
    """
    if not folder.is_dir():
        raise TransientError(
            "source.unreachable",
            "the folder is not there",
            where=where,
            remedy="see that the folder is mounted",
        )
    files = sorted(folder.glob("*.[cC][sS][vV]"), key=lambda path: path.stat().st_mtime)
    if not files:
        raise ConfigError(
            "connector.from", "the folder has no CSV file", where=where,
            remedy="drop one that shows how the agency writes; workbooks are declared by hand (docs/add-a-connector.md)",
        )  # fmt: skip
    form = _form(files[-1], where)
    found = _read(files[-1], form, rows, where)
    columns = tuple(SurveyedColumn(name, "text", "text", True) for name in found)
    return Survey(files[-1].name, columns, found), {"pattern": "*.csv", **form}


def _form(path: Path, where: str) -> dict[str, Any]:
    """Tell encoding and delimiter by the file's beginning."""
    with path.open("rb") as file:
        start = file.read(_LOOKED_BYTES)
    encoding = marked(start) or next((one for one in ENCODINGS if _decodes(start, one)), ENCODINGS[-1])
    line = start.decode(encoding, errors="replace").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=line.count)
    if not line.strip() or len(next(csv.reader([line], delimiter=delimiter), [])) < 2:
        raise ConfigError(
            "connector.from", "the first line of the newest file names no columns", where=where,
            remedy="drop a file whose first line names the columns",
        )  # fmt: skip
    return {"encoding": encoding, "delimiter": delimiter}


def _decodes(start: bytes, encoding: str) -> bool:
    try:
        start.decode(encoding)
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return True


def _read(path: Path, form: dict[str, Any], rows: int, where: str) -> Columns:
    told = {
        "kind": "files",
        "url": "${POPHUB_SOURCE}",
        "marker": {"column": "any"},
        "last_line": "may_end_open",
    }
    source = FilesSource.model_validate({**told, **form})
    found: Columns = {}
    for chunk in csv_file.read(path, source, (), rows, where):
        for name, values in chunk.items():
            if name not in FILE_COLUMNS:
                found.setdefault(name, []).extend(values)
        if len(next(iter(found.values()), ())) >= rows:
            break
    return {name: list(islice(values, rows)) for name, values in found.items()}
