"""A ledger of years in a hub of its own: half history, half share transactions.

History is generated: real chain links (`pophub.domain.digests`), made-up records, COPY. The share
transactions come from `LedgerStore.complete` over it, as share writes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from benchmarks.long_child import Clock
from pophub.commands.quarantine_access import progress_of
from pophub.domain import digests
from pophub.domain.dates import instant, month_of
from pophub.domain.history import HISTORY
from pophub.postgres import Connection, Cursor, connect, copy_rows, transaction
from pophub.settings import Settings
from pophub.stores.share import LedgerStore

HOW = "history: real chain links over made-up records, COPY; share transactions: LedgerStore.complete"
STEM, RECIPIENT, LANES = "bench.past", "reader", 4
BATCH, CHUNK = 1_000, 50_000
FIRST_US = int(datetime(2022, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
SPAN_US = 4 * 365 * 86_400_000_000


def fill(clock: Clock, settings: Settings, upto: int, rows: int) -> int:
    """Go on until there are `upto` of `rows` rows, half of each kind, in four lanes over four years."""
    versions, all_versions = upto // 2 // LANES, rows // 2 // LANES
    with progress_of("rows of the ledger", upto) as moved:
        with closing(connect(settings, "pophub_owner")) as connection:
            for lane in range(LANES):
                _history(connection, lane, versions, all_versions, moved)
        with closing(connect(settings, "pophub_share")) as connection:
            store = LedgerStore(connection, RECIPIENT, STEM)
            for lane in range(LANES):
                for end in range(store.lane(lane).sequence + CHUNK, versions + CHUNK, CHUNK):
                    moved(store.complete(lane, min(end, versions), list, 1, FIRST_US), upto)
    _settle(settings)
    return versions * LANES * 2


def _history(
    connection: Connection, lane: int, upto: int, versions: int, moved: Callable[[int, int], None]
) -> None:
    with transaction(connection, "making history") as cursor:
        cursor.execute("select sequence, chain from judge.lane where (stem, lane) = (%s, %s)", (STEM, lane))
        last, chain = cursor.fetchone() or (0, b"")
    chain = bytes(chain)
    for first in range(last + 1, upto + 1, CHUNK):
        last = min(first + CHUNK - 1, upto)
        with transaction(connection, "making history") as cursor:
            chain = _chunk(cursor, lane, range(first, last + 1), versions, chain)
            cursor.execute(
                "insert into judge.lane (stem, lane, sequence, chain) values (%s, %s, %s, %s) on conflict "
                "(stem, lane) do update set sequence = excluded.sequence, chain = excluded.chain",
                (STEM, lane, last, chain),
            )
        moved(last - first + 1, upto * LANES * 2)


def _chunk(cursor: Cursor, lane: int, sequences: range, versions: int, chain: bytes) -> bytes:
    """Write a range of one lane's history; a batch of 1,000 versions shares its stamp."""
    made: list[tuple[Any, ...]] = []
    for sequence in sequences:
        batch = sequence // BATCH
        stamp = FIRST_US + batch * BATCH * SPAN_US // (versions + BATCH)
        content = hashlib.blake2b(b"%d:%d" % (lane, sequence), digest_size=16).digest()
        key, event_id, payload = f"{lane}{sequence:011d}", content[::-1], content * 5
        chain = digests.history_link(
            chain, STEM, lane, sequence, event_id, key, sequence, "u", content, payload, 1, stamp, stamp
        )
        made.append((month_of(stamp), STEM, lane, sequence, event_id, key, sequence, "u", content, payload, 1,
                     instant(stamp), instant(stamp), batch, sequence, 0, False, chain, lane, None))  # fmt: skip
    copy_rows(cursor, "ledger.history", HISTORY, made)
    return chain


def _settle(settings: Settings) -> None:
    """Do what autovacuum would have done over the years."""
    with closing(connect(settings, settings.endpoints.postgres_superuser)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("set statement_timeout = 0")
            for table in ("ledger.history", "ledger.stretch"):
                cursor.execute(f"vacuum analyze {table}")
