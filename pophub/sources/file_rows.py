"""The header of a dropped file and its rows as columns, the same for CSV and XLSX."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pophub.domain.errors import ContractBreach
from pophub.domain.record import EXTRA, Columns

MAX_COLUMNS = 2_000
CHUNK_CHARACTERS = 8 << 20  # a chunk of long cells has fewer rows


def too_large(what: str, most: str, where: str) -> ContractBreach:
    """Make the refusal of a file that would fill memory."""
    return ContractBreach(
        "source.file_bomb",
        f"{what} has more than {most}",
        where=where,
        remedy="ask the agency to split the file",
    )


def check_header(header: Sequence[object], required: Sequence[str], where: str) -> list[str]:
    """Give the header's names, white space off the ends and empty ends left out.

    Errors: `source.header_missing` when a required column is not there, or a name repeats;
    `source.file_bomb` when there are too many.
    """
    if len(header) > MAX_COLUMNS:
        raise too_large("the first line", f"{MAX_COLUMNS:,} columns", where)
    names = ["" if name is None else str(name).strip() for name in header]
    while names and not names[-1]:
        names.pop()
    missing = [name for name in required if name not in names]
    if missing or not names:
        told = ", ".join(missing) or "any name"
        raise ContractBreach(
            "source.header_missing",
            f"the first line lacks {told}",
            where=where,
            remedy="ask the agency what changed; see `source.delimiter`, `source.encoding` and the"
            " columns that `mapping` names",
        )
    if len(set(names)) < len(names) or "" in names or EXTRA in names:
        raise ContractBreach(
            "source.header_repeated",
            "the first line has a name twice, an empty name, or the reserved name _extra",
            where=where,
            remedy="ask the agency to drop the file again with one name a column",
        )
    return names


def in_chunks(names: Sequence[str], rows: Iterable[Sequence[Any]], chunk_rows: int) -> Iterator[Columns]:
    """Give rows as columns; the column `_extra` tells of rows of another width (see `read`)."""
    width = len(names)
    rest = iter(rows)
    while chunk := _some(rest, chunk_rows):
        extra: list[str | None] = [None] * len(chunk)
        if set(map(len, chunk)) != {width}:
            for index, row in enumerate(chunk):
                if len(row) != width:
                    extra[index] = json.dumps(list(row[width:]), ensure_ascii=False, default=str)
                    chunk[index] = (*row[:width], *(None,) * (width - len(row)))
        values = zip(*chunk, strict=True)
        yield {
            **{name: list(value) for name, value in zip(names, values, strict=True)},
            EXTRA: extra,
        }


def _some(rows: Iterator[Sequence[Any]], most: int) -> list[Sequence[Any]]:
    """Take rows up to a number, or until their texts make a chunk."""
    chunk: list[Sequence[Any]] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += sum([len(cell) for cell in row if type(cell) is str])
        if len(chunk) >= most or size >= CHUNK_CHARACTERS:
            break
    return chunk
