"""The header of a dropped file and its rows as columns, the same for CSV and XLSX."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pophub.domain.errors import ContractBreach
from pophub.domain.record import EXTRA, FLAWS, PLACE, RESERVED, Columns

MAX_COLUMNS = 2_000
MAX_NAMES, MAX_NAME = 10, 40  # of a header, in a message
CHUNK_CHARACTERS = 8 << 20  # a chunk of long cells has fewer rows


class Unread(NamedTuple):
    """A cell that could not be read, with the code that says why."""

    code: str


class FileRow(NamedTuple):
    """A row of a file: the number of its first line, its cells, the code where it could not be read.

    Shape: where there is a `flaw`, the one cell is the whole line as it stands.
    """

    line: int
    cells: Sequence[Any]
    flaw: str | None = None


class Checked(NamedTuple):
    """A file whose shape is sound: what is to be told of how it is written, else "", and how many rows it has.

    `read` gives these in chunks of at most so many; see `DropFolder.read`.
    """

    told: str
    rows: int
    read: Callable[[int], Iterator[Columns]]


def too_large(what: str, most: str, where: str) -> ContractBreach:
    """Make the refusal of a file that would fill memory."""
    return ContractBreach(
        "source.file_bomb",
        f"{what} has more than {most}",
        where=where,
        remedy="ask the agency to split the file",
    )


class Header(NamedTuple):
    """The names of the first line, and how many empty ones stood behind them."""

    names: list[str]
    spare: int = 0

    def fit(self, row: FileRow) -> FileRow:
        """Cut empty cells under the header's empty names: a delimiter at the end of each line."""
        over = len(row.cells) - len(self.names)
        if row.flaw is None and 0 < over <= self.spare and not any(row.cells[-over:]):
            return row._replace(cells=row.cells[:-over])
        return row


def names_of(header: Sequence[object]) -> list[str]:
    """Give the names of a first line in NFC, white space off the ends; "" for a cell that is none."""
    return [_composed("" if name is None or type(name) is Unread else str(name).strip()) for name in header]


def header_of(
    header: Sequence[object], required: Sequence[str], where: str, first: str = "the first line"
) -> Header:
    """Give the header's names, white space off the ends, a required one as the connector writes it.

    Names are the same when their NFC is. Empty ones at the end are left out.
    Errors: `source.header_missing` when a required column is not there, or a name repeats;
    `source.file_bomb` when there are too many.
    """
    if len(header) > MAX_COLUMNS:
        raise too_large("the first line", f"{MAX_COLUMNS:,} columns", where)
    names = names_of(header)
    while names and not names[-1]:
        names.pop()
    declared = {_composed(name): name for name in required}
    missing = [name for plain, name in declared.items() if plain not in names]
    if missing or not names:
        raise ContractBreach(
            "source.header_missing",
            f"{first} lacks {', '.join(missing) or 'any name'}; {_found(names, declared)}",
            where=where,
            remedy="ask the agency what changed; see `source.delimiter`, `source.encoding` and the"
            " columns that `mapping` names",
        )
    names = [declared.get(name, name) for name in names]
    if len(set(names)) < len(names) or "" in names or RESERVED & set(names):
        raise ContractBreach(
            "source.header_repeated",
            f"{first} has a name twice, an empty name, or one of {', '.join(sorted(RESERVED))}",
            where=where,
            remedy="ask the agency to drop the file again with one name a column",
        )
    return Header(names, len(header) - len(names))


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _found(names: Sequence[str], declared: Mapping[str, str]) -> str:
    """Say which other names there are; a line with none that is declared may be somebody's data."""
    if not declared.keys() & set(names):
        return f"none of its {len(names)} names is declared"
    others = [name[:MAX_NAME] for name in names if name and name not in declared]
    return f"it has besides {', '.join(others[:MAX_NAMES])}" if others else "it has no other"


def in_chunks(
    names: Sequence[str], rows: Iterable[FileRow], chunk_rows: int, place: str
) -> Iterator[Columns]:
    """Give rows as columns; `_extra`, `_place` and `_flaws` tell of each row (see `pophub.ports`)."""
    width = len(names)
    rest = iter(rows)
    while chunk := _some(rest, chunk_rows):
        cells = [row.cells for row in chunk]
        extra: list[str | None] = [None] * len(chunk)
        flaws: list[str | None] = [None] * len(chunk)
        if set(map(len, cells)) != {width} or any(row.flaw for row in chunk):
            _fit(chunk, cells, extra, flaws, width)
        columns = dict(zip(names, map(list, zip(*cells, strict=True)), strict=True))
        _unread(columns, flaws)
        places = [f"{place}:{row.line}" for row in chunk]
        yield {**columns, EXTRA: extra, PLACE: places, FLAWS: flaws}


def _fit(
    chunk: Sequence[FileRow],
    cells: list[Sequence[Any]],
    extra: list[str | None],
    flaws: list[str | None],
    width: int,
) -> None:
    """Give each row the header's width; what is over and what could not be read goes beside it."""
    for index, row in enumerate(chunk):
        if row.flaw is not None:
            extra[index], flaws[index] = _json(list(row.cells)), _json({"": row.flaw})
            cells[index] = (None,) * width
        elif len(row.cells) != width:
            extra[index] = _json(list(row.cells[width:]))
            cells[index] = (*row.cells[:width], *(None,) * (width - len(row.cells)))


def _unread(columns: Columns, flaws: list[str | None]) -> None:
    """Take cells that could not be read out of the columns, and name them in `flaws`."""
    found: dict[int, dict[str, str]] = {}
    for name, values in columns.items():
        if Unread in set(map(type, values)):
            for index, value in enumerate(values):
                if type(value) is Unread:
                    found.setdefault(index, {})[name] = value.code
                    values[index] = None
    for index, codes in found.items():
        flaws[index] = _json(codes)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _some(rows: Iterator[FileRow], most: int) -> list[FileRow]:
    """Take rows up to a number, or until their texts make a chunk."""
    chunk: list[FileRow] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += sum([len(cell) for cell in row.cells if type(cell) is str])
        if len(chunk) >= most or size >= CHUNK_CHARACTERS:
            break
    return chunk
