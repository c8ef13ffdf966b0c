"""The in-memory twin of judge's store: the same promises over plain Python, without a server.

`tests/integration/test_store_twins.py` holds it and the real store to one behaviour. A transaction
works on a copy, which takes the database's place at its end; an exception throws the copy away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

import orjson

from pophub.contracts.model import Connector
from pophub.domain.codes import GATES
from pophub.domain.dates import EPOCH, instant
from pophub.domain.decide import Claim, Head, Quarantined
from pophub.domain.errors import LaneMoved
from pophub.domain.history import HEAD, HISTORY, QUARANTINE, Lane
from pophub.domain.record import Accepted, Columns, Versions

Row = tuple[Any, ...]
_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Killed(Exception):
    """The worker ended here, as by a power cut."""


@dataclass
class Memory:
    """The database. Shape: dicts by primary key; their values are never changed in place.

    `heads` (stem, key), `quarantine` id -> row by column, `claims` (stem, field, value) -> key,
    `identities` (citizen, valid from) -> (name, birth day, present, exchanged at), `repairs` id -> fields.
    """

    lanes: dict[tuple[str, int], Lane] = field(default_factory=dict)
    history: dict[tuple[str, int, int], Row] = field(default_factory=dict)
    heads: dict[tuple[str, str], Row] = field(default_factory=dict)
    quarantine: dict[int, dict[str, Any]] = field(default_factory=dict)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    claims: dict[tuple[str, str, str], str] = field(default_factory=dict)
    identities: dict[tuple[str, int], Row] = field(default_factory=dict)
    passed_over: dict[tuple[str, int, int, int], Row] = field(default_factory=dict)
    reconciliation: dict[tuple[str, int, int, int], Row] = field(default_factory=dict)
    repairs: dict[int, dict[str, Any]] = field(default_factory=dict)
    clock_us: int = 1_700_000_000_000_000

    def copy(self) -> Memory:
        """Give a copy whose tables can change apart."""
        tables = {f.name: dict(getattr(self, f.name)) for f in fields(self) if f.name != "clock_us"}
        return Memory(clock_us=self.clock_us, **tables)


class MemoryStore:
    """Judge's store over a `Memory`; `kill_at` n ends the worker at the n-th call inside a transaction."""

    def __init__(self, memory: Memory, connector: Connector) -> None:
        self.memory = memory
        self.connector = connector
        self.kill_at: int | None = None

    @contextmanager
    def transaction(self) -> Iterator[MemoryTransaction]:
        """Work on a copy; it becomes the database when nothing was raised."""
        draft = self.memory.copy()
        yield MemoryTransaction(draft, self)
        vars(self.memory).update(vars(draft))

    def lane(self, lane: int) -> Lane:
        """Read where a lane stands; it is made on first sight."""
        with self.transaction() as decision:
            return decision.lock([lane])[lane]

    def accepted(self, versions: Versions) -> Accepted:
        """Look up what these versions meet."""
        with self.transaction() as transaction:
            return transaction.accepted(versions)

    def worker_lock(self, lane: int) -> str | None:
        """Grant the lock: there is one worker."""
        return None

    def waiting(self, after: int, most: int) -> list[Row]:
        """Give quarantined versions whose missing people all exist by now, oldest first."""
        return self.rows(lambda row: row["waits_for"] is not None and self._arrived(row), after, most)

    def _arrived(self, row: dict[str, Any]) -> bool:
        arrived = {
            citizen
            for (citizen, _), (_, _, present, exchanged_at) in self.memory.identities.items()
            if present and exchanged_at <= row["waits_until"]
        }
        return {f"people {citizen}" for citizen in arrived}.issuperset(row["waits_for"])

    def rows(
        self, chosen: Callable[[dict[str, Any]], bool], after: int = 0, most: int | None = None
    ) -> list[Row]:
        """Give open quarantined versions in the shape that is mapped again."""
        found = [
            (number, r["key"], r["marker"], r["content"], r["event_id"], r["contract"], r["lane"], r["raw_offset"],
             r["row"], r["batch"], _us(r["exchanged_at"]), r["raw"])
            for number, r in sorted(self.memory.quarantine.items())
            if number > after and r["stem"] == self.connector.stem and r["state"] == "quarantined" and chosen(r)
        ]  # fmt: skip
        return found[:most]

    def repairs(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Give the approved repairs of quarantined versions, field by field."""
        return {n: self.memory.repairs[n] for n in ids if n in self.memory.repairs}


class MemoryTransaction:
    """The open transaction over a draft."""

    def __init__(self, draft: Memory, store: MemoryStore) -> None:
        self._draft = draft
        self._store = store
        self._connector = store.connector
        self._stem = store.connector.stem

    def _reach(self) -> None:
        if self._store.kill_at is not None:
            self._store.kill_at -= 1
            if self._store.kill_at <= 0:
                self._store.kill_at = None
                raise Killed

    def lock(self, lanes: Sequence[int]) -> dict[int, Lane]:
        """Read the lanes, made on first sight."""
        self._reach()
        for lane in lanes:
            self._draft.lanes.setdefault((self._stem, lane), Lane(lane, 0, 0, b""))
        return {lane: replace(self._draft.lanes[self._stem, lane]) for lane in sorted(lanes)}

    def now_us(self) -> int:
        """Tick: no two looks at the clock are equal."""
        self._reach()
        self._draft.clock_us += 1
        return self._draft.clock_us

    def accepted(self, versions: Versions) -> Accepted:
        """Look up what these versions meet."""
        self._reach()
        keys, ids = set(versions.keys), set(versions.ids or ())
        heads = {
            key: Head(marker, content, contract, self._draft.seen.get((stem, key)))
            for (stem, key), (_, _, marker, content, contract, *_) in self._draft.heads.items()
            if stem == self._stem and key in keys
        }
        quarantine: dict[str, list[Quarantined]] = {}
        for number, r in sorted(self._draft.quarantine.items()):
            mine = r["stem"] == self._stem and r["key"] in keys and number not in ids
            if mine and r["state"] == "quarantined":
                entry = Quarantined(number, r["marker"], r["content"], r["contract"])
                quarantine.setdefault(r["key"], []).append(entry)
        return Accepted(heads, quarantine, self._identities(versions), self._claims(versions))

    def _identities(self, versions: Versions) -> dict[str, list[tuple[int, str | None, int | None, bool]]]:
        people = {c for p in self._connector.file.people for c in versions.columns[p.id]}
        found: dict[str, list[tuple[int, str | None, int | None, bool]]] = {}
        for (citizen, since), (name, birth, present, _) in sorted(self._draft.identities.items()):
            if citizen in people:
                found.setdefault(citizen, []).append((since, name, birth, present))
        return found

    def _claims(self, versions: Versions) -> dict[tuple[str, str], str]:
        asked = {
            (name, str(value)) for name in self._connector.file.unique for value in versions.columns[name]
        }
        mine = {(f, v): key for (stem, f, v), key in self._draft.claims.items() if stem == self._stem}
        known = {key for key in versions.keys if (self._stem, key) in self._draft.heads}
        return {place: key for place, key in mine.items() if place in asked or key in known}

    def move_claims(self, given_up: Sequence[Claim], claimed: Mapping[Claim, str]) -> dict[Claim, str]:
        """Write who holds which unique value; give who holds those that are taken, writing nothing."""
        self._reach()
        left = {place: key for place, key in self._draft.claims.items() if place[1:] not in set(given_up)}
        if others := {place: left[self._stem, *place] for place in claimed if (self._stem, *place) in left}:
            return others
        self._draft.claims = left | {(self._stem, *place): key for place, key in claimed.items()}
        return {}

    def append_history(self, columns: Columns) -> None:
        """Append accepted versions."""
        for row in zip(*(columns[name] for name in HISTORY), strict=True):
            self._reach()
            _insert(self._draft.history, (row[1], row[2], row[3]), row)

    def move_heads(self, columns: Columns) -> None:
        """Set heads; never to an older marker."""
        self._reach()
        for row in zip(*(columns[name] for name in HEAD), strict=True):
            old = self._draft.heads.get((row[0], row[1]))
            if old is None or old[2] < row[2]:
                self._draft.heads[row[0], row[1]] = row

    def renew(self, seen: Mapping[str, int]) -> None:
        """Keep the newest marker under which a head's content came again."""
        self._reach()
        for key, marker in seen.items():
            old = self._draft.seen.get((self._stem, key), marker)
            self._draft.seen[self._stem, key] = max(old, marker)

    def write_people(self, versions: Versions, accepted_rows: Sequence[int]) -> None:
        """Write identity versions; the citizen's other fields have no reader here."""
        self._reach()
        declared = self._connector.file.population
        if declared is None or not declared.identity:
            return
        for r in accepted_rows:
            name = versions.columns[declared.fields["full_name"]][r]
            birth = versions.columns[declared.fields["birth_date"]][r]
            since = versions.changed_at[r]
            place = (versions.keys[r], versions.markers[r] if since is None else since)
            self._draft.identities[place] = (name, birth, not versions.deleted[r], instant(versions.stamps[r]))  # fmt: skip

    def set_aside(self, rows: list[Row]) -> None:
        """Put failed versions into quarantine."""
        for values in rows:
            self._reach()
            row = dict(zip(QUARANTINE, values, strict=True))
            row["failures"] = orjson.loads(row["failures"])
            row["waits_for"] = None if row["waits_for"] is None else _array(row["waits_for"])
            self._draft.quarantine[max(self._draft.quarantine, default=0) + 1] = row

    def supersede(self, ids: Sequence[int], at: datetime) -> None:
        """Mark what still waits of these."""
        self._reach()
        for number in ids:
            row = self._draft.quarantine.get(number)
            if row is not None and row["state"] == "quarantined":
                self._draft.quarantine[number] = row | {"state": "superseded", "last_judged_at": at}

    def replayed(self, rows: list[Row]) -> None:
        """Record what a replay made of versions that still wait."""
        for number, state, at, waits_for, until, gate, failures in rows:
            self._reach()
            row = self._draft.quarantine.get(number)
            if row is None or row["state"] != "quarantined":
                continue
            known = row["failures"]
            new = [f for f in orjson.loads(failures) if f not in known]
            self._draft.quarantine[number] = row | {
                "state": state, "last_judged_at": at, "waits_for": waits_for, "waits_until": until,
                "gate": min(gate or row["gate"], row["gate"], key=GATES.index), "failures": known + new,
            }  # fmt: skip

    def pass_over(self, rows: list[Row]) -> None:
        """Record what never reached the gates."""
        for row in rows:
            self._reach()
            _insert(self._draft.passed_over, row[:4], row)

    def reconcile(self, rows: list[Row]) -> None:
        """Record what was read; sums that do not add up are refused."""
        for row in rows:
            self._reach()
            assert row[5] == sum(row[6:]), "the sums do not add up"
            _insert(self._draft.reconciliation, (row[0], row[1], row[2], row[4]), row)

    def move_lane(self, lane: Lane) -> None:
        """Write a lane's last sequence and chain head."""
        self._reach()
        old = self._draft.lanes[self._stem, lane.lane]
        self._draft.lanes[self._stem, lane.lane] = replace(old, sequence=lane.sequence, chain=lane.chain)

    def move_raw(self, lane: int, expected: int, to: int) -> None:
        """Compare and set the raw offset.

        Errors: `judge.lane_moved`.
        """
        self._reach()
        old = self._draft.lanes[self._stem, lane]
        if old.raw_offset != expected:
            raise LaneMoved("judge.lane_moved", "another worker decided this stretch of the lane")
        self._draft.lanes[self._stem, lane] = replace(old, raw_offset=to)


def _insert(table: dict[Any, Row], place: Any, row: Row) -> None:
    assert place not in table, f"{place} is there already"
    table[place] = row


def _array(text: str) -> list[str]:
    return [re.sub(r"\\(.)", r"\1", element) for element in _ELEMENT.findall(text)]


def _us(moment: datetime) -> int:
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
