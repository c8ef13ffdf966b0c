"""Compare a source with what the hub read of it: rows that came late, changed unmarked, or are gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import cast

from pophub import avro
from pophub.contracts.model import Connector
from pophub.domain.places import LogPlaces
from pophub.domain.record import SCAN, Columns, Versions
from pophub.domain.rows import Rows
from pophub.kafka import RawReader
from pophub.ports import DropFile, LogSource, Mapper, Source
from pophub.postgres import Cursor, copy_rows, execute_values, statements, text_array
from pophub.reconcile.findings import ALTERED, GONE, LATE, MISSING, Finding
from pophub.settings import Settings
from pophub.stages.batching import stub_large
from pophub.stages.read_block import add_block
from pophub.stages.scan import identified, key_columns, whole_keys

SQL = statements("reconcile")
US = 1_000_000
CHUNK_ROWS = 4_000  # two chunks of the source, mapped and as sent, are what memory holds


@dataclass(frozen=True)
class Beforehand:
    """What was true before the source was read, times in microseconds UTC."""

    started_us: int
    position: int | None
    raw_offsets: dict[int, int]
    files: tuple[str, ...] = ()
    log: LogPlaces | None = None


def versions_of(connector: Connector, mapper: Mapper, columns: Columns) -> Versions:
    """Map rows of the source as judge will: through a raw block, to key, marker and event id."""
    rows = Rows.of(columns, mapper)
    block = avro.Block(0, 0, connector.contract.version, len(rows), stub_large(rows, connector).columns)
    versions = Versions({})
    add_block(versions, connector, mapper, 0, avro.decode_block(avro.encode_block(block)), ())
    return versions


def chunks_of(connector: Connector, source: Source, seen: Beforehand) -> Iterator[Columns]:
    """Give all rows that the source holds; of a drop folder, those of the files that were taken; of a log,
    those that it still holds of what was read.
    """
    most = min(CHUNK_ROWS, connector.file.limits.batch_rows)
    if connector.file.source.reads == "log":
        yield from _read_of_log(cast(LogSource, source), seen.log, most)
        return
    if connector.file.source.reads == "table":
        yield from source.read(None, most)  # type: ignore[arg-type]
        return
    files: Iterator[DropFile] = source.files(())  # type: ignore[union-attr]
    for file in [f for f in files if f.digest in seen.files]:
        yield from source.read(file, most)  # type: ignore[arg-type]


def _read_of_log(source: LogSource, read: LogPlaces | None, most: int) -> Iterator[Columns]:
    found = source.ends()
    if read is None or found.topic_id != read.topic_id:
        return
    first, end = found.first, read.next
    for part in source.follow(read.generation, {p: at for p, at in first.items() if p in end}, end, most):
        if part.offsets:
            yield part.columns


def load(cursor: Cursor, connector: Connector, mapper: Mapper, chunks: Iterable[Columns]) -> int:
    """Put key, marker and event id of each row of the source into a temporary table."""
    cursor.execute(SQL["make_source_row"])
    count = 0
    for columns in chunks:
        versions = versions_of(connector, mapper, columns)
        failed = {r for r, fs in versions.failures.items() if any(f.gate == "contract" for f in fs)}
        kinds = [
            "x" if not whole else "c" if row in failed else "j" for row, whole in enumerate(versions.whole)
        ]
        rows = zip(versions.keys, versions.markers, versions.event_ids, kinds, strict=True)
        copy_rows(cursor, "source_row", ("key", "marker", "event_id", "kind"), rows)
        count += len(versions)
    return count


def numbered(
    cursor: Cursor, connector: Connector, mapper: Mapper, chunks: Iterable[Columns], seen: Beforehand
) -> Iterator[Columns]:
    """Give rows without a change marker under the number of the scan that sent them as they are, else the next."""
    following = (seen.position or 0) + 1
    for columns in whole_keys(chunks, key_columns(connector)):
        keys, contents = identified(connector, columns, mapper.key_of(columns))
        known = _sent(cursor, connector, keys)
        scans = [
            found[1] if (found := known.get(key)) is not None and found[0] == content else following
            for key, content in zip(keys, contents, strict=True)
        ]
        yield columns | {SCAN: scans}


def _sent(cursor: Cursor, connector: Connector, keys: list[str]) -> dict[str, tuple[bytes, int]]:
    cursor.execute(SQL["sent_by_scans"], (connector.stem, text_array(keys)))
    return {key: (bytes(digest), scan) for key, digest, scan in cursor.fetchall()}


def load_in_flight(
    cursor: Cursor, connector: Connector, mapper: Mapper, settings: Settings, seen: Beforehand
) -> None:
    """Put the event ids of what is on raw and not judged yet into a temporary table."""
    for lane in range(connector.file.lanes):
        with closing(RawReader(settings, f"raw.{connector.stem}", lane)) as reader:
            for offset, data in reader.read(seen.raw_offsets.get(lane, 0), reader.end()):
                versions = Versions({})
                try:
                    add_block(versions, connector, mapper, offset, avro.decode_block(data), ())
                except avro.BadBlock:
                    continue
                execute_values(
                    cursor, "insert into raw_row values %s", [(event,) for event in versions.event_ids]
                )
    cursor.execute(SQL["analyze_source_row"])


def judged(cursor: Cursor, connector: Connector, seen: Beforehand) -> tuple[list[Finding], int]:
    """Say what of the loaded rows the hub never read, and what it holds that the source lacks;
    give also how many rows the next extract will find.
    """
    source = connector.file.source
    if source.reads != "table":  # what is no longer there proves nothing: a log lets go of what it has told
        what = (
            "of a file that was taken"
            if source.reads == "folder"
            else "of the log, though it read what follows"
        )
        return [_finding(MISSING, r[0], r[2], f"the hub never read this row {what}")
                for r in _unseen(cursor, connector, None)], 0  # fmt: skip
    if seen.position is None:
        return [], _pending(cursor, -(1 << 62))
    window = source.window
    scanned = source.marker.numbered
    findings, pending = [], _pending(cursor, seen.position)
    for key, marker, event, known_event, known in _unseen(cursor, connector, seen.position):
        if known:
            findings.append(_finding(
                ALTERED, key, known_event or event, "the row was changed at the source and its marker was not"
            ))  # fmt: skip
        elif scanned:
            findings.append(
                _finding(MISSING, key, event, "a scan sent this row, and the hub does not know it")
            )
        elif marker < seen.position - window:
            findings.append(
                _finding(
                    LATE,
                    key,
                    event,
                    "the row was committed later than late_s or late_rows allows, and never read",
                )
            )
        else:
            pending += 1
    cursor.execute(SQL["gone"], {"stem": connector.stem, "started": seen.started_us})
    gone = cursor.fetchall()
    awaited = _sent(cursor, connector, [row[0] for row in gone]) if scanned else {}
    for key, _, event, lane, sequence, older in gone:
        if key in awaited:
            pending += 1  # the next scan tells it, or a person lets it go
            continue
        what = "the source has only an older version" if older else "the row is not at the source any more"
        findings.append(_finding(GONE, key, event, what, lane, sequence))
    return findings, pending


def _unseen(
    cursor: Cursor, connector: Connector, upto: int | None
) -> list[tuple[str, int, bytes, bytes | None, bool]]:
    values = {"stem": connector.stem, "upto": upto, "contract": connector.contract.version}
    cursor.execute(SQL["unseen"], values)
    return [(r[0], r[1], r[2], r[3], r[4]) for r in cursor.fetchall()]


def _pending(cursor: Cursor, position: int) -> int:
    cursor.execute(SQL["pending"], (position,))
    return int((cursor.fetchone() or (0,))[0])


def _finding(
    code: str, key: str, event: bytes, what: str, lane: int | None = None, sequence: int | None = None
) -> Finding:
    return Finding(code, "source", what, bytes(event).hex(), lane, sequence, key=key)


def late_rows(
    connector: Connector, mapper: Mapper, chunks: Iterable[Columns], late: set[str]
) -> Iterator[Columns]:
    """Give the raw rows of the source whose event ids are among the late ones."""
    for columns in chunks:
        versions = versions_of(connector, mapper, columns)
        rows = [row for row, event in enumerate(versions.event_ids) if event.hex() in late]
        if rows:
            yield {name: [values[row] for row in rows] for name, values in columns.items()}
