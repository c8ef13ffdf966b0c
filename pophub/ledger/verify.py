"""Verify the ledger: derive each lane's chain again, hold it against the signed checkpoints, name the first row that differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from pophub.domain import digests
from pophub.domain.dates import DAY_US, ZONE_US, month_of
from pophub.domain.stretches import of_multirange
from pophub.ledger.checkpoint import Checkpoint, Tally
from pophub.ledger.keys import due_keys, rightly_signed
from pophub.ledger.witness import PREFIX_BYTES, KeptRows, Witness
from pophub.postgres import Connection, statements, translated

SQL = statements("ledger")
CHUNK, FEW = 10_000, 64  # rows asked for at once; a stretch comes with all of its event ids
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Broken:
    """The first row of a lane that is not what was written; a checkpoint where `table` says so.

    Shape: of a stretch `sequence` is its first one, and `what` names the last.
    """

    table: str
    lane: str
    sequence: int
    what: str


@dataclass(frozen=True)
class Verified:
    """How many versions and share transactions were derived again, how many checkpoints checked, and what was found."""

    rows: int
    broken: list[Broken]
    checkpoints: int = 0


@dataclass(frozen=True)
class Evidence:
    """What the rows are held against: checkpoints, the hub's public key, its files outside the database."""

    checkpoints: Sequence[Checkpoint]
    public_key: bytes | None
    witness: Witness | None = None


class _Link(NamedTuple):
    """One row of a lane, derived again from what it says: a version, or a stretch of share transactions."""

    first: int
    last: int
    number: int
    derived: bytes
    written: bytes
    exchanged_us: int
    month: str

    @property
    def noun(self) -> str:
        return "row" if self.first == self.last else f"stretch, up to sequence {self.last},"


@dataclass(frozen=True)
class _Lane:
    """One lane: how many its rows count and where they end, and what was signed of it."""

    table: str
    place: tuple[Any, ...]
    rows: int
    chain: bytes
    signed: dict[int, tuple[int, str]]
    kept: KeptRows

    def broken(self, sequence: int, what: str) -> Broken:
        return Broken(self.table, ", ".join(map(str, self.place)), sequence, what)

    @property
    def kind(self) -> str:
        return self.table.removeprefix("ledger.")


def verify(
    connection: Connection, progress: Progress = lambda rows: None, evidence: Evidence | None = None
) -> Verified:
    """Verify checkpoints, then history and share transactions, lane by lane; memory stays flat.

    The connection's role must read payloads, so it is the ledger's owner.
    """
    held = evidence or Evidence((), None)
    broken = _checkpoints(held)
    last = held.checkpoints[-1] if held.checkpoints and not broken else None
    total, tally = 0, Counter[tuple[str, str, str]]()
    lanes = [
        lane for table in ("ledger.history", "ledger.stretch") for lane in _lanes(connection, table, held)
    ]
    named: dict[tuple[Any, ...], int] = {}  # the first row of a lane of history that is not what was written
    for lane in lanes:
        history_ends = named.get(lane.place[-2:])
        rows, found = _verify_lane(connection, lane, tally, (last, history_ends), progress)
        lane.kept.close()
        total += rows
        if found:
            broken.append(found)
            if lane.kind == "history":
                named[lane.place] = found.sequence
    broken += _missing_lanes(lanes, last) + _strangers(connection)
    if last is not None and not broken and tally != last.tally():
        broken.append(_checkpoint_broken(last.id, "its count of share transactions is not that of its rows"))
    return Verified(total, broken, len(held.checkpoints))


def _checkpoint_broken(number: int, what: str) -> Broken:
    return Broken("ledger.checkpoint", "", number, what)


def _checkpoints(held: Evidence) -> list[Broken]:
    """Check numbers, signatures, the chain of names, and that none noted outside is gone."""
    noted = held.witness.names() if held.witness else {}
    previous = None
    keys = due_keys(held.checkpoints, held.public_key)
    for number, (one, key) in enumerate(zip(held.checkpoints, keys, strict=True), start=1):
        document = one.document
        if one.id != number or document["id"] != number:
            return [_checkpoint_broken(number, "this checkpoint is missing")]
        if not rightly_signed(one, key):
            return [_checkpoint_broken(number, "its signature is not this hub's over what it says")]
        if document["previous"] != previous or noted.get(number, one.fingerprint) != one.fingerprint:
            return [_checkpoint_broken(number, "it is not the one that was signed")]
        previous = one.fingerprint
    gone = sorted(number for number in noted if number > len(held.checkpoints))
    return [_checkpoint_broken(gone[0], "this checkpoint is missing")] if gone else []


def _lanes(connection: Connection, table: str, held: Evidence) -> list[_Lane]:
    kind = table.removeprefix("ledger.")
    with translated(table), connection.cursor() as cursor:
        cursor.execute(SQL["lanes" if kind == "history" else "ledger_lanes"])
        rows = cursor.fetchall()
    lanes = []
    for row in rows:
        place = tuple(row[:2] if kind == "history" else row[:3])
        name = (kind, *map(str, place))
        heads = [(one.id, one.heads().get(name)) for one in held.checkpoints]
        signed_at = {head["last"]: (number, head["chain"]) for number, head in heads if head and head["last"]}
        upto = max((head["rows"] for _, head in heads if head), default=0)
        kept = held.witness.rows(name, upto) if held.witness else KeptRows(b"", 0)
        lanes.append(
            _Lane(table, place, row[2] if kind == "history" else row[4], bytes(row[-1]), signed_at, kept)
        )
    return lanes


def _missing_lanes(lanes: list[_Lane], last: Checkpoint | None) -> list[Broken]:
    found = {(lane.kind, *map(str, lane.place)) for lane in lanes}
    gone = sorted(name for name in (last.heads() if last else {}) if name not in found)
    return [Broken(f"ledger.{name[0]}", ", ".join(name[1:]), 1, "the whole lane is missing") for name in gone]


def _strangers(connection: Connection) -> list[Broken]:
    """Find share transactions of recipients that are not what they say."""
    with translated("ledger.stretch"), connection.cursor() as cursor:
        cursor.execute(SQL["strangers"])
        return [
            Broken("ledger.stretch", f"{recipient}, {stem}, {lane}", first, what)
            for recipient, stem, lane, _, first, what in cursor.fetchall()
        ]


def _verify_lane(
    connection: Connection,
    lane: _Lane,
    tally: Tally,
    bounds: tuple[Checkpoint | None, int | None],
    progress: Progress,
) -> tuple[int, Broken | None]:
    """Derive a lane's rows. `bounds`: the last checkpoint, and where the lane's history is broken."""
    checkpoint, history_ends = bounds
    history = lane.kind == "history"
    derive = _history if history else _stretch
    recipient, stem = ("population", lane.place[0]) if history else lane.place[:2]
    signed_upto = max(lane.signed, default=0) if checkpoint else 0
    chain, ordinal, counted, before = b"", 0, 0, 0
    with translated(lane.table), connection.cursor(name="verify") as cursor:
        cursor.itersize = CHUNK if history else FEW
        cursor.execute(SQL[f"{lane.kind}_links"], lane.place)
        for row in cursor:
            one = derive(chain, row)
            if history_ends is not None and history_ends <= one.last:
                one = one._replace(
                    derived=one.written
                )  # history is named: of what it lacks nothing can be derived
            ordinal, counted = ordinal + 1, counted + one.number
            broken = _row(connection, lane, ordinal, before, one)
            if broken:
                return counted, broken
            if one.last <= signed_upto:
                tally[recipient, stem, one.month] += one.number
            before, chain = one.last, one.written
            if counted // CHUNK > (counted - one.number) // CHUNK:
                progress(CHUNK)
    progress(counted % CHUNK)
    return counted, _end(lane, counted, before, chain)


def _row(connection: Connection, lane: _Lane, ordinal: int, before: int, one: _Link) -> Broken | None:
    """Judge one row: against the row before it, what was kept outside, and a checkpoint at this place."""
    kept = lane.kept.at(ordinal)
    if kept is not None and kept != one.written[:PREFIX_BYTES]:
        return _named(connection, lane, ordinal, before, one, kept)
    if lane.kind == "history" and one.first != before + 1:
        return lane.broken(before + 1, "this row is missing")
    if one.derived != one.written:
        known = kept is not None
        return lane.broken(
            one.first,
            f"this {one.noun} was changed"
            if known
            else f"this {one.noun} or one removed or put in before it, is not what was written",
        )
    if one.first <= before:
        return lane.broken(one.first, f"this {one.noun} counts again what the one before it counted")
    if one.month != _month(one.exchanged_us):
        return lane.broken(one.first, f"this {one.noun} was changed: it lies in another month than its time")
    checkpoint, head = lane.signed.get(one.last, (0, one.written.hex()))
    if one.written.hex() != head:
        first = max((s for s in lane.signed if s < one.last), default=0) + 1
        return lane.broken(
            first, f"a row from here to sequence {one.last} is not what checkpoint {checkpoint} signed"
        )
    return None


def _named(connection: Connection, lane: _Lane, ordinal: int, before: int, one: _Link, kept: bytes) -> Broken:
    """Say what became of the row that stood here when it was signed."""
    with translated(lane.table), connection.cursor() as cursor:
        cursor.execute(SQL[f"find_{lane.kind}"], (*lane.place, kept))
        elsewhere = cursor.fetchone() is not None
    was_later = lane.kept.later(ordinal, one.written)
    if elsewhere:
        return lane.broken(
            one.first, "the rows from here on were reordered" if was_later else f"this {one.noun} was put in"
        )
    if was_later:
        return lane.broken(before + 1, f"a row between sequences {before} and {one.first} was removed"
                           if one.first - before > 2 else "this row was removed")  # fmt: skip
    return lane.broken(one.first, f"this {one.noun} was changed, and the chain rewritten after it")


def _end(lane: _Lane, counted: int, sequence: int, chain: bytes) -> Broken | None:
    beyond = [(s, number) for s, (number, _) in sorted(lane.signed.items()) if s > sequence]
    if beyond:
        return lane.broken(
            sequence + 1,
            f"this row is missing: checkpoint {beyond[0][1]} signed up to sequence {beyond[0][0]}",
        )
    if counted != lane.rows or chain != lane.chain:
        return lane.broken(
            sequence + 1, f"the lane row counts {lane.rows}, its rows {counted}, or its chain differs"
        )
    return None


def _month(us: int) -> str:
    return _month_of_day((us + ZONE_US) // DAY_US)


@cache
def _month_of_day(day: int) -> str:
    return f"{month_of(day * DAY_US - ZONE_US):%Y-%m}"


def _history(chain: bytes, r: tuple[Any, ...]) -> _Link:
    payload = None if r[8] is None else bytes(r[8])
    link = digests.history_link(
        chain,
        r[0],
        r[1],
        r[2],
        bytes(r[3]),
        r[4],
        r[5],
        r[6],
        bytes(r[7]),
        payload,
        r[9],
        r[10],
        r[11],
        r[14],
    )
    return _Link(r[2], r[2], 1, link, bytes(r[12]), r[10], r[13])


def _stretch(chain: bytes, r: tuple[Any, ...]) -> _Link:
    recipient, stem, lane, first, last, omitted, granted, subscription, exchanged, recorded, events, *rest = r
    link = digests.stretch_link(
        chain, recipient, stem, lane, first, last, of_multirange(omitted), granted, subscription, exchanged, recorded,
        bytes(events),
    )  # fmt: skip
    return _Link(first, last, granted, link, bytes(rest[0]), exchanged, rest[1])
