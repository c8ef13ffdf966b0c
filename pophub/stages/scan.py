"""extract of a source without a change marker: all its rows are read, each time, as one numbered scan.

Of a drop folder each file is a whole inventory, and a scan of its own, in the order of their names.

A row that was sent like this last is not sent again; of the others, and of the rows that are gone, the
scan's number is the marker. Atomic steps: before anything of a key is sent, a transaction names the key as
one that was not sent; after the broker's acknowledgement another keeps what was. A crash between the two
lets the next scan send the key again, under its own, newer number: whatever the one before still brings
late is superseded, or says what the head says already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from pophub.contracts.model import Connector
from pophub.domain import digests
from pophub.domain.errors import ContractBreach
from pophub.domain.raw_values import packed, unpacked
from pophub.domain.record import EXTRA, FLAWS, GONE, SCAN, Columns
from pophub.domain.rows import Rows
from pophub.ports import Scans, TableSource
from pophub.process.failpoints import reach
from pophub.stages.extract import Extract, Extracted

ROWS_GONE = "rows gone"  # what is held where too many are


class Scan(Extract):
    """One extract of a source without a change marker, to the end that it sees at its start."""

    def table(self, source: TableSource) -> Extracted:
        """Read the whole table, send what is new in it, then what is gone from it."""
        with self._scans.held_when_breached("table"):
            columns = source.columns()
            self._check_columns(columns, "the source table")
            scan = self._begin()
            rows = 0
            for chunk in whole_keys(self.fetched(source, None), self._key_columns):
                rows += self._take(scan, chunk, columns)
        with self._scans.held_when_breached(ROWS_GONE):
            self._take_gone(scan, rows, self.done.rows, columns)
        return self.done

    def _file(self, name: str, digest: str, chunks: Iterable[Columns], done: Extracted) -> None:
        """Take one inventory whole: what is new in it, then what is gone from it.

        Errors: `source.file_late`; `source.rows_gone`, after which the file is read again.
        """
        newest = self._scans.newest_file()
        if newest is not None and name < newest:
            raise ContractBreach(
                "source.file_late", f"its name comes before {newest}, which was taken: an older state proves nothing",
                where=f"{self.connector.stem}, {name}",
                remedy="withdraw the file; where it is newer, give it a name that comes after",
            )  # fmt: skip
        scan, rows, sent = self._scans.claim(self.by), 0, done.rows
        header: Sequence[str] = self.connector.file.columns
        for chunk in whole_keys(chunks, self._key_columns):
            header = tuple(chunk)
            self._check_columns(header, name)
            rows += self._take(scan, chunk, header)
        self._take_gone(scan, rows, done.rows - sent, header)
        self.store.taken(name, digest, rows)
        reach("extract.moved")

    def _begin(self) -> int:
        """Begin a scan and give its number."""
        return self._scans.claim(self.by)

    def _take(self, scan: int, columns: Columns, header: Sequence[str]) -> int:
        """Send those of a chunk's rows that were not sent like this last; give how many rows it has."""
        rows = Rows.of(columns | {SCAN: [scan] * _count(columns)}, self.mapper)
        keys, contents = identified(self.connector, columns, rows.keys)
        unknown = self._scans.unknown(keys, contents)
        self.done.filtered += len(rows) - len(unknown)
        if unknown:
            told = list(zip(*(columns[name] for name in self._key_columns), strict=True))
            self._scans.named({keys[i]: None if rows.keys[i] is None else packed(told[i]) for i in unknown})
            self._send_all(rows.take(unknown), header)
            self._scans.kept()
        return len(rows)

    def _take_gone(self, scan: int, rows: int, sent: int, header: Sequence[str]) -> None:
        """Send a delete for each key that the whole scan did not see, unless too many are gone."""
        before = self.done.rows
        gone, known = self._scans.gone()
        most = self.connector.file.source.gone_at_most
        if gone > max(most * known, self._scans.let_go()):
            self._scans.ended("held", rows, sent, gone)
            raise ContractBreach(
                "source.rows_gone",
                f"{gone:,} of {known:,} rows are gone, more than gone_at_most ({most:g}) lets pass",
                where=self.connector.stem,
                remedy=f"ask {self.connector.file.owner.name} whether they are; then `pophub hold list` names "
                "the hold, `pophub hold release` lets so many go at the next scan",
            )
        after = ""
        while found := self._scans.gone_after(after, self._chunk_rows):
            self._delete(scan, dict(found), header)
            after = found[-1][0]
        self._scans.ended("whole", rows, sent + self.done.rows - before, gone)

    def _delete(self, scan: int, found: Mapping[str, str | None], header: Sequence[str]) -> None:
        """Send deletes of keys that the whole scan did not see."""
        rows = self._deletes(scan, found, header)
        self._scans.gone_named(list(found))
        if len(rows):
            self._send_all(rows, header)
        self._scans.gone_kept(list(found))

    def _deletes(self, marker: int, found: Mapping[str, str | None], header: Sequence[str]) -> Rows:
        """Give the deletes of keys: rows with the key's own columns, in which nothing else stands."""
        keys = [key for key, as_sent in found.items() if as_sent is not None]
        values = [unpacked(cast(str, found[key])) for key in keys]
        columns: Columns = {name: [None] * len(keys) for name in header}
        for at, name in enumerate(self._key_columns):
            columns[name] = [row[at] for row in values]
        columns |= {SCAN: [marker] * len(keys), GONE: [True] * len(keys)}
        rows = Rows.of(columns, self.mapper)
        return rows.take([i for i, key in enumerate(keys) if rows.keys[i] == key])  # as it is mapped by now

    def _send_all(self, rows: Rows, header: Sequence[str]) -> None:
        start = self._scans.start()
        for batch in self.cutter.cut(rows, start.now_us):
            self._send(batch, self.done)
            self._scans.moved(batch, start.marker, None, header)
            reach("extract.moved")

    @property
    def _key_columns(self) -> tuple[str, ...]:
        return key_columns(self.connector)

    @property
    def _scans(self) -> Scans:
        return cast(Scans, self.store)


def key_columns(connector: Connector) -> tuple[str, ...]:
    """Give the source's columns that make the key."""
    return tuple(connector.file.mapping[name].source for name in connector.file.key)


def identified(
    connector: Connector, columns: Columns, mapped: Sequence[str | None]
) -> tuple[list[str], list[bytes]]:
    """Give key and digest of what the contract reads of each row; rows of one key have one digest.

    A row whose key cannot be mapped goes by its digest.
    """
    contents, _ = digests.row_digests(content_columns(connector, columns), len(mapped))
    keys = [c.hex() if key is None else key for key, c in zip(mapped, contents, strict=True)]
    if len(set(keys)) == len(keys):
        return keys, contents
    of_key: dict[str, list[bytes]] = {}
    for key, content in zip(keys, contents, strict=True):
        of_key.setdefault(key, []).append(content)
    joint = {key: digests.joint_digest(found) for key, found in of_key.items()}
    return keys, [joint[key] for key in keys]


def content_columns(connector: Connector, columns: Columns) -> list[list[Any]]:
    """Give the columns that the contract reads of the source, in the order of their names.

    What could not be read says something too; where nobody speaks of it, as in a snapshot, all could be.
    """
    file = connector.file
    read = {m.source for m in file.mapping.values()}
    read |= {file.source.deleted.column} if file.source.deleted else set()
    told = (EXTRA, FLAWS) if file.source.tells_flaws else ()
    nothing: list[Any] = [None] * _count(columns)
    return [columns[name] for name in sorted(read)] + [columns.get(name, nothing) for name in told]


def whole_keys(chunks: Iterable[Columns], key: Sequence[str]) -> Iterator[Columns]:
    """Give chunks of which none ends between two rows of one key, where such rows follow each other.

    >>> chunks = [{"k": [1, 2], "v": [1, 2]}, {"k": [2, 3], "v": [3, 4]}]
    >>> [chunk["v"] for chunk in whole_keys(chunks, ["k"])]
    [[1], [2, 3], [4]]
    """
    held: Columns = {}
    for chunk in chunks:
        columns = {name: [*held[name], *values] for name, values in chunk.items()} if held else chunk
        names, count = [columns[name] for name in key], _count(columns)
        last = count - 1
        while last > 0 and _at(names, last - 1) == _at(names, count - 1):
            last -= 1
        if last > 0:
            yield {name: values[:last] for name, values in columns.items()}
        held = {name: values[last:] for name, values in columns.items()}
    if held:
        yield held


def _at(columns: Sequence[Sequence[Any]], row: int) -> list[Any]:
    return [values[row] for values in columns]


def _count(columns: Columns) -> int:
    return len(next(iter(columns.values()), ()))
