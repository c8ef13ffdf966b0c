"""Judge's side of PostgreSQL: reads accepted state set-wise, commits a micro-batch in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import orjson

from pophub.contracts.model import Connector, LookedUp
from pophub.contracts.referred import PEOPLE, referred
from pophub.domain.decide import Claim, Head, Quarantined
from pophub.domain.errors import ConfigError, LaneMoved
from pophub.domain.history import QUARANTINE, Lane
from pophub.domain.keys import joined_keys
from pophub.domain.record import Accepted, Columns, Versions
from pophub.postgres import (
    Connection,
    Cursor,
    copy_columns,
    copy_rows,
    execute_values,
    now_us,
    only_row,
    or_nothing,
    statements,
    text_array,
    transaction,
    worker_lock,
)
from pophub.quarantine.repair import approved_fields, stored
from pophub.stores.citizen import gives_identity, write_citizens, write_identities
from pophub.stores.columns import parted
from pophub.stores.look_up import finders, keep_looked_up, not_kept, read_looked_up

SQL = statements("judge")
NEVER_THERE = -(1 << 62)
"""Since when a key is gone whose first accepted version, as others saw it, is a delete."""


class JudgeStore:
    """The population database as judge sees it; one connection, one process."""

    work = "judge"
    must = True
    """Whether what a connector looks up has to be kept for it."""

    def __init__(self, connection: Connection, connector: Connector) -> None:
        self._connection = connection
        self._connector = connector
        self._stem = connector.stem
        self._months: set[date] = set()
        self._dataset: int | None = None

    @contextmanager
    def transaction(self) -> Iterator[JudgeTransaction]:
        """One transaction; judge does all that makes a micro-batch true inside it."""
        self._dataset = self._dataset or self._numbered()
        try:
            with transaction(self._connection, f"{self.work} of {self._stem}") as cursor:
                yield self._opened(cursor)
        except BaseException:
            self._months.clear()  # a month's table that was made in it is not there
            raise

    def _opened(self, cursor: Cursor) -> JudgeTransaction:
        """Give the open transaction as judge uses it."""
        return JudgeTransaction(cursor, self._connector, self._months, self._dataset or 0, must=self.must)

    def _numbered(self) -> int:
        """Give the dataset's number, one for ever from its first judging on.

        Errors: `config.authority` where it began to give identity, or gives none any more.
        """
        number, identity = self._numbered_row()
        if identity != gives_identity(self._connector):
            raise _other_authority(
                self._stem, f"it was accepted {'with' if identity else 'without'} `identity`"
            )
        return number

    def _numbered_row(self) -> tuple[int, bool]:
        """Give the dataset's number, made on first sight, and whether it gives identity."""
        with transaction(self._connection, f"judge of {self._stem}") as cursor:
            cursor.execute(SQL["number_dataset"], (self._stem, gives_identity(self._connector)))
            number, identity = only_row(cursor)
        return int(number), bool(identity)

    def lane(self, lane: int) -> Lane:
        """Read where a lane stands; it is made on first sight."""
        with transaction(self._connection, f"judge of {self._stem}") as cursor:
            cursor.execute(SQL["make_lane"], (self._stem, lane))
            cursor.execute(SQL["lane_row"], (self._stem, lane))
            raw_offset, sequence, chain = only_row(cursor)
        return Lane(lane, raw_offset, sequence, bytes(chain))

    def worker_lock(self, lane: int) -> str | None:
        """Try to become the lane's one live worker until this connection ends; else name who is it."""
        with transaction(self._connection, "advisory lock") as cursor:
            return worker_lock(cursor, "judge", f"{self._stem}/{lane}")

    def accepted(self, versions: Versions) -> Accepted:
        """Read the accepted state that these versions meet."""
        with self.transaction() as decision:
            return decision.accepted(versions)

    def waiting(self, after: int, most: int) -> list[tuple[Any, ...]]:
        """Give quarantined versions of which all that they wait for is there by now, oldest first."""
        with transaction(self._connection, f"replay of {self._stem}") as cursor:
            cursor.execute(SQL["waiting"], (self._stem, after, most))
            return list(cursor.fetchall())

    def repairs(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Give the approved repairs of quarantined versions, field by field."""
        return stored(self._connector, approved_fields(self._connection, ids))


class TrialStore(JudgeStore):
    """The population database as a trial sees it: a dataset that was never judged gets no number of it."""

    work = "trial"
    must = False

    def __init__(self, connection: Connection, connector: Connector) -> None:
        super().__init__(connection, connector)
        connection.set_session(readonly=True)

    def _numbered_row(self) -> tuple[int, bool]:
        with transaction(self._connection, f"trial of {self._stem}") as cursor:
            cursor.execute(SQL["known_dataset"], (self._stem,))
            number, identity = cursor.fetchone() or (0, gives_identity(self._connector))
        return int(number), bool(identity)

    def not_kept(self) -> list[LookedUp]:
        """Give what the connector looks up and nobody keeps for it yet: a trial finds nothing of it."""
        with transaction(self._connection, f"trial of {self._stem}") as cursor:
            return not_kept(cursor, self._connector)


class JudgeTransaction:
    """The open transaction of one micro-batch."""

    def __init__(
        self, cursor: Cursor, connector: Connector, months: set[date], dataset: int, *, must: bool
    ) -> None:
        self._cursor = cursor
        self._connector = connector
        self._stem = connector.stem
        self._months = months
        self._dataset = dataset
        self._must = must
        self._places = {field.name: place for place, field in enumerate(connector.contract.fields)}
        self._new: set[str] = set()  # keys without a head, as `accepted` found under the lanes' locks
        self._heads: Columns = {}  # of citizens, until `write_people` writes their rows
        self._held: dict[
            str, dict[str, str]
        ] = {}  # key -> field -> unique value; of keys with a head, and of claims

    def lock(self, lanes: Sequence[int]) -> dict[int, Lane]:
        """Lock the lane rows in lane order and read them."""
        for lane in lanes:
            self._cursor.execute(SQL["make_lane"], (self._stem, lane))
        self._cursor.execute(SQL["lock_lanes"], (self._stem, list(lanes)))
        return {row[0]: Lane(row[0], row[1], row[2], bytes(row[3])) for row in self._cursor.fetchall()}

    def now_us(self) -> int:
        """The database's clock, microseconds UTC."""
        return now_us(self._cursor)

    def accepted(self, versions: Versions) -> Accepted:
        """Read heads, quarantine, identities and claims that these versions meet, each set-wise."""
        cursor, stem = self._cursor, self._stem
        keys = set(versions.keys)
        asked = text_array(list(keys))
        heads = self._heads_of(asked)
        self._new = keys - heads.keys()
        cursor.execute(SQL["quarantined"], (stem, asked, versions.ids or []))
        quarantine: dict[str, list[Quarantined]] = {}
        for key, number, marker, content, contract in cursor.fetchall():
            quarantine.setdefault(key, []).append(Quarantined(number, marker, bytes(content), contract))
        claims = self._claims(versions)
        looked_up = read_looked_up(cursor, self._connector, versions, must=self._must)
        return Accepted(
            heads, quarantine, self._identities(versions), claims, self._referred(versions), looked_up
        )

    def _heads_of(self, asked: str) -> dict[str, Head]:
        if gives_identity(self._connector):
            self._cursor.execute(SQL["citizen_heads"], (asked,))
        else:
            self._cursor.execute(SQL["heads"], (self._dataset, asked))
        found = self._cursor.fetchall()
        if any(dataset != self._dataset for row in found for dataset in row[6:]):
            raise _other_authority(self._stem, "another dataset gave the identity of citizens that come here")
        names = {str(place): name for name, place in self._places.items()}
        self._held = {
            key: {names[place]: value for place, value in orjson.loads(held).items()}
            for key, *_, held in (row[:6] for row in found)
            if held is not None
        }
        return {r[0]: Head(r[1], bytes(r[2]), r[3], r[4]) for r in found}

    def _identities(self, versions: Versions) -> dict[str, list[tuple[int, str | None, int | None, bool]]]:
        people = {c for p in self._connector.file.people for c in versions.columns[p.id] if c is not None}
        found: dict[str, list[tuple[int, str | None, int | None, bool]]] = {}
        if people:
            self._cursor.execute(SQL["identities"], (text_array(list(people)),))
            for citizen, *rest in self._cursor.fetchall():
                found.setdefault(citizen, []).append(tuple(rest))
        return found

    def _referred(self, versions: Versions) -> dict[str, dict[str, int | None]]:
        """Read the rows of other datasets that these versions refer to, and since when one is gone."""
        asked: dict[str, set[str]] = {}
        for one in referred(self._connector.file):
            if one.to != PEOPLE:
                keys = joined_keys(versions.columns, one.fields)
                asked.setdefault(one.to, set()).update(key for key in keys if key is not None)
        found: dict[str, dict[str, int | None]] = {}
        for stem, wanted in asked.items():
            self._cursor.execute(SQL["referred"], (stem, text_array(list(wanted))))
            found[stem] = dict(self._cursor.fetchall())
        return found

    def _claims(self, versions: Versions) -> dict[Claim, str]:
        """Read who holds the values of these versions; what the keys with a head hold stands there."""
        found = {place: key for key, held in self._held.items() for place in held.items()}
        for name in self._connector.file.unique:
            found |= self._holders(name, {str(v) for v in versions.columns[name] if v is not None})
        return found

    def _holders(self, name: str, values: Iterable[str]) -> dict[Claim, str]:
        self._cursor.execute(SQL["claims"], (self._dataset, self._places[name], text_array(list(values))))
        return {(name, value): key for _, value, key in self._cursor.fetchall()}

    def move_claims(self, given_up: Sequence[Claim], claimed: Mapping[Claim, str]) -> dict[Claim, str]:
        """Write who holds which unique value from now on.

        Where another lane took one of them since it was read, nothing is written, and who holds it is
        given.
        """
        given = frozenset(given_up)
        while not or_nothing(self._cursor, lambda: self._write_claims(given_up, claimed)):
            meanwhile: dict[Claim, str] = {}
            for name in {name for name, _ in claimed}:
                meanwhile |= self._holders(name, [value for field, value in claimed if field == name])
            if others := {place: key for place, key in meanwhile.items() if place not in given}:
                return others  # else it was given up again between the two statements
        self._hold(given, claimed)
        return {}

    def _hold(self, given_up: frozenset[Claim], claimed: Mapping[Claim, str]) -> None:
        """Keep what each key holds by now, for its head."""
        if given_up:
            self._held = {
                key: dict(place for place in held.items() if place not in given_up)
                for key, held in self._held.items()
            }
        for (name, value), key in claimed.items():
            self._held.setdefault(key, {})[name] = value

    def _write_claims(self, given_up: Sequence[Claim], claimed: Mapping[Claim, str]) -> None:
        for name in sorted({name for name, _ in given_up}):
            values = sorted(value for field, value in given_up if field == name)
            self._cursor.execute(SQL["give_up"], (self._dataset, self._places[name], text_array(values)))
        if claimed:  # in the order of the values: two lanes that meet wait for one another
            places = sorted(claimed)
            copy_columns(self._cursor, "population.claim", {
                "dataset": [self._dataset] * len(places), "field": [self._places[name] for name, _ in places],
                "value": [value for _, value in places], "key": [claimed[place] for place in places],
            })  # fmt: skip

    def append_history(self, columns: Columns) -> None:
        """Append accepted versions, columns as `HISTORY`, also for those who look them up.

        A month's partition is made when it is missing.
        """
        found = finders(self._cursor, self._stem)  # before: who begins meanwhile waits
        for month in set(columns["month"]) - self._months:
            self._cursor.execute(SQL["ensure_month"], (month,))
            self._months.add(month)
        copy_columns(self._cursor, "ledger.history", columns)
        if found is not None:
            keep_looked_up(self._cursor, self._connector, self._dataset, columns, found)

    def move_heads(self, columns: Columns) -> None:
        """Set the heads to the newest accepted version of each key, columns as `HEAD`.

        Keys that had no head when `accepted` was read are inserted plainly: their lanes are locked. Heads
        of citizens stand in their rows, which `write_people` writes.
        """
        numbered: Columns = {"dataset": [self._dataset] * len(columns["key"])}
        numbered |= {name: values for name, values in columns.items() if name != "stem"}
        numbered["held"] = (
            [self._told(key) for key in columns["key"]] if self._held else [None] * len(columns["key"])
        )
        if gives_identity(self._connector):
            self._heads = numbered
            return
        new, old = parted(numbered, [key in self._new for key in columns["key"]])
        new["gone"] = [None if gone is None else NEVER_THERE for gone in new["gone"]]
        copy_columns(self._cursor, "population.key_head", new)
        if old["key"]:
            self._cursor.execute(SQL["stage_heads"])
            copy_columns(self._cursor, "head_new", old)
            self._cursor.execute(SQL["upsert_heads"])

    def _told(self, key: str) -> str | None:
        """Write what a key holds as its head's row has it."""
        held = self._held.get(key)
        return (
            orjson.dumps({str(self._places[name]): v for name, v in held.items()}).decode() if held else None
        )

    def renew(self, seen: Mapping[str, int]) -> None:
        """Keep the newest marker under which the content of a key's head came again."""
        rows = [(self._dataset, key, marker) for key, marker in sorted(seen.items())]
        statement = "renew_citizens" if gives_identity(self._connector) else "renew"
        execute_values(self._cursor, SQL[statement], rows)

    def write_people(self, versions: Versions, accepted_rows: Sequence[int]) -> None:
        """Write the citizen's fields of which this dataset is the authority, in key order."""
        if gives_identity(self._connector):
            write_identities(self._cursor, self._connector, versions, accepted_rows, self._heads, self._new)
        else:
            write_citizens(self._cursor, self._connector, versions, accepted_rows)

    def set_aside(self, rows: list[tuple[Any, ...]]) -> None:
        """Put failed versions into quarantine."""
        copy_rows(self._cursor, "quarantine.version", QUARANTINE, rows)

    def supersede(self, ids: Sequence[int], at: datetime) -> None:
        """Mark quarantined versions that a newer accepted one has made void."""
        if ids:
            self._cursor.execute(SQL["supersede"], (at, list(ids)))

    def replayed(self, rows: list[tuple[Any, ...]]) -> None:
        """Record what a replay made of quarantined versions: (id, state, at, waits for, until,
        gate, failures). One that another replay decided meanwhile stays as it is.
        """
        execute_values(self._cursor, SQL["replayed"], rows)

    def pass_over(self, rows: list[tuple[Any, ...]]) -> None:
        """Record duplicates and superseded versions that never reached the gates."""
        copy_rows(
            self._cursor,
            "judge.passed_over",
            ("stem", "lane", "raw_offset", "row", "batch", "event_id", "state", "renewed"),
            rows,
        )

    def reconcile(self, rows: list[tuple[Any, ...]]) -> None:
        """Record per batch what was read and what became of it; the table refuses sums that do not add up."""
        copy_rows(self._cursor, "judge.reconciliation",
                  ("stem", "lane", "raw_from", "raw_to", "batch", "read", "shared", "quarantined", "duplicate",
                   "superseded"), rows)  # fmt: skip

    def move_lane(self, lane: Lane) -> None:
        """Write a lane's last sequence and chain head."""
        self._cursor.execute(SQL["move_sequence"], (lane.sequence, lane.chain, self._stem, lane.lane))

    def record_gap(self, lane: int, start: int, end: int, by: str) -> None:
        """Record offsets of raw that are passed over unjudged: `start` up to before `end`."""
        self._cursor.execute(SQL["record_gap"], (self._stem, lane, start, end, by))

    def move_raw(self, lane: int, expected: int, to: int) -> None:
        """Compare and set the raw offset.

        Errors: `judge.lane_moved` when another worker decided this stretch meanwhile.
        """
        self._cursor.execute(SQL["move_raw"], (to, self._stem, lane, expected))
        if self._cursor.rowcount != 1:
            raise LaneMoved(
                "judge.lane_moved",
                "another worker decided this stretch of the lane",
                where=f"{self._stem}, lane {lane}",
                remedy="nothing was written; the retry goes on behind it",
            )


def _other_authority(stem: str, what: str) -> ConfigError:
    return ConfigError(
        "config.authority",
        f"{what}: one dataset is the authority for who exists, from its first accepted version on",
        where=stem,
        remedy="declare it as it was, or as a dataset of another name",
    )
