"""The header of a dropped file and its rows as columns, the same for CSV and XLSX."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from pophub.domain.errors import ContractBreach
from pophub.ports import EXTRA, Columns


def check_header(header: Sequence[object], required: Sequence[str], where: str) -> list[str]:
    """Give the header's names, white space off the ends and empty ends left out.

    Errors: `source.header_missing` when a required column is not there, or a name repeats.
    """
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
    while chunk := list(islice(rest, chunk_rows)):
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
