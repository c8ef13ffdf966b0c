"""The stores that reconciliation compares, each as a stream of entries: tables and topics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import count, groupby, islice
from typing import Any

from pophub import avro
from pophub.domain import digests
from pophub.domain.history import AcceptedVersion
from pophub.kafka import Ends, Read, TopicLog
from pophub.postgres import Connection, statements, translated
from pophub.reconcile.sums import Entry
from pophub.sharing.subscription import Subscription

SQL = statements("reconcile")
CHUNK = 4_000
Bounds = Mapping[int, tuple[int, int]]
"""lane -> (after, up to): the stretch of sequences that is compared."""
_names = count(1)


def streamed(connection: Connection, statement: str, values: Any) -> Iterator[tuple[Any, ...]]:
    """Run a statement and give its rows as they come; memory stays flat."""
    with translated("reconcile"), connection.cursor(name=f"reconcile_{next(_names)}") as cursor:
        cursor.itersize = CHUNK
        cursor.execute(statement, values)
        yield from cursor


def stretch(bounds: Bounds) -> dict[str, list[int]]:
    """Give bounds as the arrays that the statements take."""
    return {
        "lanes": list(bounds),
        "after": [after for after, _ in bounds.values()],
        "upto": [upto for _, upto in bounds.values()],
    }


def accepted(
    connection: Connection, statement: str, values: dict[str, Any]
) -> Iterator[tuple[int, AcceptedVersion]]:
    """Give (lane, version) of history as a statement chooses it; the chain digest is left out."""
    for r in streamed(connection, SQL[statement], values):
        yield r[0], _accepted(r)


def _accepted(r: tuple[Any, ...]) -> AcceptedVersion:
    payload = None if r[6] is None else bytes(r[6])
    return AcceptedVersion(
        r[1], bytes(r[2]), r[3], r[4], r[5], payload, r[7], r[8], r[9], b"", bytes(r[10]), r[11]
    )


def history(connection: Connection, stem: str, bounds: Bounds) -> Iterator[tuple[int, AcceptedVersion]]:
    """Give the accepted versions of a dataset within bounds, in no order."""
    return accepted(connection, "history", {"stem": stem, **stretch(bounds)})


def version_entry(lane: int, row: AcceptedVersion) -> Entry:
    """Give an accepted version as `shared.<stem>` carries it: every column counts but the chain's link."""
    text = f"{lane} {row.sequence} {row.marker} {row.contract} {row.exchanged_us} {row.recorded_us} {row.operation} {row.changed_us}"
    body = () if row.payload is None else (row.payload,)
    digest = digests.chain(b"", text.encode(), row.event_id, row.content, row.key.encode(), *body)[:16]
    item = f"{lane}/{row.sequence}"
    return Entry(row.key, item, digest, row.event_id.hex(), lane, row.sequence, row.key)


def blocks(log: TopicLog, ends: Ends) -> Iterator[tuple[Read, list[AcceptedVersion]]]:
    """Give the messages of `shared.<stem>` with their accepted versions, none for a message of another form."""
    for message in log.read(ends):
        try:
            yield message, avro.decode_history(message.value or b"")
        except avro.BadBlock:
            yield message, []


def shared_entries(log: TopicLog, ends: Ends, bounds: Bounds) -> Iterator[Entry]:
    """Give the accepted versions on `shared.<stem>` up to the bounds; a message of another form is an entry
    that nothing expects.
    """
    for message, rows in blocks(log, ends):
        if not rows:
            yield stray(message)
        upto = bounds.get(message.lane, (0, 0))[1]
        for row in rows:
            if row.sequence <= upto:
                yield version_entry(message.lane, row)


def stray(message: Read) -> Entry:
    """Give a message that the hub did not write."""
    item = f"{message.lane} offset {message.offset}"
    return Entry(item, item, b"\xff" * 16, None, message.lane, None, None)


def head_entries(connection: Connection, statement: str, stem: str) -> Iterator[Entry]:
    """Give heads, from the table or as the last of history, with every column of theirs."""
    for key, marker, content, contract, lane, sequence in streamed(connection, SQL[statement], (stem,)):
        text = f"{marker} {contract} {lane} {sequence}"
        digest = digests.chain(b"", key.encode(), text.encode(), bytes(content))[:16]
        (event,) = digests.event_ids(stem, [key], [marker], [bytes(content)])
        yield Entry(key, key, digest, event.hex(), lane, sequence, key)


def ledger_entries(
    connection: Connection, subscription: Subscription, bounds: Bounds, *, by_transaction: bool
) -> Iterator[Entry]:
    """Give the share transactions in the ledger, spread by event or by the transaction's id."""
    values = {"recipient": subscription.recipient, "stem": subscription.stem, **stretch(bounds)}
    for lane, sequence, event in streamed(connection, SQL["ledger"], values):
        event_id = bytes(event)
        if by_transaction:
            name = subscription.transaction_id(event_id)
            yield Entry(name, name, _plain(name), event_id.hex(), lane, sequence)
        else:
            yield _granted_entry(lane, sequence, event_id, None)


Began = Mapping[int, Mapping[int, int]]
"""lane -> version of the terms -> the sequence behind which it began."""


def granted_entries(
    connection: Connection, subscription: Subscription, bounds: Bounds, began: Began
) -> Iterator[Entry]:
    """Give the share transactions that history and the terms of each time say there must be.

    In order, since what leaves terms that limit the rows is told to whoever has it.
    """
    held: dict[int, set[str]] = {lane: set() for lane in bounds}
    values = {"stem": subscription.stem, **stretch(bounds)}
    ordered = subscription.limited or bool(subscription.earlier)
    versions = accepted(connection, "history_in_order" if ordered else "history", values)
    for lane, rows in _by_lane(versions):
        for version, part in groupby(rows, partial(_version_at, began.get(lane, {}))):
            then = subscription if version is None else subscription.under(version)
            keys = held[lane]
            for row in then.knowing(keys.intersection).granted(list(part)):
                if ordered:
                    (keys.discard if row.payload is None else keys.add)(row.key)
                yield _granted_entry(lane, row.sequence, row.event_id, row.key)


def _version_at(began: Mapping[int, int], row: AcceptedVersion) -> int | None:
    """Give the version of the terms that held at a row; the first on record held before, too."""
    if len(began) < 2:
        return next(iter(began), None)
    held = [version for version, after in began.items() if after < row.sequence]
    return max(held, default=min(began))


def _by_lane(versions: Iterator[tuple[int, AcceptedVersion]]) -> Iterator[tuple[int, list[AcceptedVersion]]]:
    """Gather versions to parts of one lane each, so that a part is projected at once."""
    while chunk := list(islice(versions, CHUNK)):
        for lane in sorted({lane for lane, _ in chunk}):
            yield lane, [row for at, row in chunk if at == lane]


def _granted_entry(lane: int, sequence: int, event_id: bytes, key: str | None) -> Entry:
    name = event_id.hex()
    return Entry(name, f"{lane}/{sequence}", event_id, name, lane, sequence, key)


def message_entries(connection: Connection, subscription: Subscription, bounds: Bounds) -> Iterator[Entry]:
    """Give what the topic must carry for the ledger's transactions, each under its terms: id, key and value."""
    values = {"recipient": subscription.recipient, "stem": subscription.stem, **stretch(bounds)}
    found = streamed(connection, SQL["ledger_with_history"], values)
    while chunk := list(islice(found, CHUNK)):
        parts: dict[tuple[int, int], list[AcceptedVersion]] = {}
        for r in chunk:
            parts.setdefault((r[0], r[12]), []).append(_accepted(r))
        for (lane, version), rows in parts.items():
            then = subscription.under(version)
            for row, message in zip(rows, then.messages(list(map(then.as_shared, rows))), strict=True):
                name = subscription.transaction_id(row.event_id)
                digest = _whole(name, message.key or b"", message.value)
                yield Entry(name, name, digest, row.event_id.hex(), lane, row.sequence, row.key)


def topic_entries(log: TopicLog, ends: Ends, *, later: set[str], deep: bool) -> Iterator[Entry]:
    """Give the messages of a subscriber's topic, without the transactions that came `later`."""
    for message in log.read(ends):
        name = message.headers.get("transaction")
        if name is None:
            yield stray(message)
        elif name not in later:
            digest = _whole(name, message.key, message.value) if deep else _plain(name)
            yield Entry(name, name, digest, None, message.lane, None, None)


def _plain(name: str) -> bytes:
    return digests.chain(b"", name.encode())[:16]


def _whole(name: str, key: bytes, value: bytes | None) -> bytes:
    return digests.chain(b"", name.encode(), key, *(() if value is None else (value,)))[:16]
