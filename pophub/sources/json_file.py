"""JSON lines: one object a line, read as records of an API are; a line that is none costs that record alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import partial
from pathlib import Path

from pophub.contracts.source_model import FilesSource
from pophub.domain.errors import ContractBreach
from pophub.domain.record import RESERVED, Columns
from pophub.sources.file_rows import MAX_COLUMNS, Checked, FileRow, Unread, in_chunks, too_large
from pophub.sources.json_pages import MISSING, Member, parsed, records_of

MAX_LINE_BYTES = 16 << 20
NO_OBJECT = "contract.json.format"


def check(path: Path, source: FilesSource, required: Sequence[str], where: str) -> Checked:
    """Read the file once for its shape; nothing is to be said of how it is written.

    Errors: `source.file_truncated` where the last line is cut, `source.header_missing` where no record has a
    declared member, `source.header_repeated` where one has a name of the hub's own, `source.file_bomb`.
    """
    found, lines, records = dict[str, None](), 0, 0
    for _, record, _, ended in _records(path, where):
        if record is None and not ended:
            raise ContractBreach(
                "source.file_truncated", "the last line is cut", where=where,
                remedy="ask the agency to drop the whole file again",
            )  # fmt: skip
        found |= dict.fromkeys(record or ())
        lines, records = lines + 1, records + (record is not None)
        if len(found) > MAX_COLUMNS:
            raise too_large("the records", f"{MAX_COLUMNS:,} members", where)
    if records:
        _refuse_missing([name for name in required if name not in found], where)
    _refuse_reserved(sorted(RESERVED & found.keys()), where)
    names = [*required, *sorted(found.keys() - set(required))]
    return Checked("", lines, partial(_rows, path, names, frozenset(required), where=where))


def read(
    path: Path, source: FilesSource, required: Sequence[str], chunk_rows: int, where: str
) -> Iterator[Columns]:
    """Give the records of a file that nobody checked, in chunks; see `DropFolder.read`."""
    yield from check(path, source, required, where).read(chunk_rows)


def _refuse_missing(names: Sequence[str], where: str) -> None:
    if names:
        raise ContractBreach(
            "source.header_missing", f"no record has {', '.join(names)}", where=where,
            remedy="ask the agency what changed; see the columns that `mapping` names",
        )  # fmt: skip


def _refuse_reserved(names: Sequence[str], where: str) -> None:
    if names:
        raise ContractBreach(
            "source.header_repeated", f"a record has a member named {', '.join(names)}", where=where,
            remedy="ask the agency to drop the file again with another name for it",
        )  # fmt: skip


def _rows(
    path: Path, names: Sequence[str], declared: Set[str], chunk_rows: int, where: str
) -> Iterator[Columns]:
    """Give the records as they stand, in chunks; see `DropFolder.read`."""
    absent = Unread(MISSING)

    def rows() -> Iterator[FileRow]:
        for number, record, line, _ in _records(path, where):
            if record is None:
                yield FileRow(number, (line.decode("utf-8", "replace"),), NO_OBJECT)
            else:
                yield FileRow(number, [record.get(n, absent if n in declared else None) for n in names])

    return in_chunks(names, rows(), chunk_rows, path.name)


def _records(path: Path, where: str) -> Iterator[tuple[int, Member | None, bytes, bool]]:
    """Give number, flat record and bytes of each line that is not blank, and whether it has an end.

    The record is None where the line is no JSON object, or has a member twice.
    """
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise too_large("a line", f"{MAX_LINE_BYTES:,} bytes", where)
            if not line.strip(b" \t\r\n\xef\xbb\xbf"):
                continue
            try:
                (record,) = records_of([parsed(line, where)], None, where)
            except ContractBreach:
                yield number, None, line, line.endswith(b"\n")
                continue
            yield number, record, line, line.endswith(b"\n")
