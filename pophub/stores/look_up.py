"""Versions of datasets that others look up: kept with history, read as they stood at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from pophub import avro
from pophub.contracts.model import Connector, LookedUp
from pophub.contracts.referred import moments
from pophub.domain.codes import explain
from pophub.domain.dates import EPOCH, MICROSECOND
from pophub.domain.errors import ConfigError
from pophub.domain.finder import Finder
from pophub.domain.keys import joined_keys
from pophub.domain.record import Columns, Versions
from pophub.postgres import (
    Connection,
    Cursor,
    copy_columns,
    execute_values,
    statements,
    text_array,
    transaction,
)

SQL = statements("look_up")
ASKED = 500
"""Places that are asked for at once: so many payloads are in memory."""
NAMED = 5_000
"""Versions that are named at once while a dataset is filled."""
NEVER = -(1 << 63)

Values = dict[tuple[str, int], tuple[Any, ...]]


def read_looked_up(
    cursor: Cursor, connector: Connector, versions: Versions, *, must: bool
) -> dict[tuple[str, ...], Values]:
    """Read what versions look up: by the columns it is for, for each key and moment the values then.

    Where a dataset is not kept for it since the last `pophub up`, nothing of it is found, unless it `must` be.

    Errors: `judge.not_looked_up`, where it must.
    """
    found: dict[tuple[str, ...], Values] = {}
    if connector.looked_up:
        stems = sorted({one.reference.to for one in connector.looked_up})
        cursor.execute(SQL["share_look_up"], (text_array(stems),))
    for one in connector.looked_up:
        if (row := _row_of(cursor, one)) is None:
            if must:
                raise _not_kept(connector.stem, one)
            continue
        keys = joined_keys(versions.columns, one.reference.fields)
        times = moments(one.reference.at, connector.contract.fields, versions)
        asked = {(key, time) for key, time in zip(keys, times, strict=True) if key is not None}
        found[one.columns] = dict(_values(cursor, one, row[0], sorted(asked)))
    return found


def not_kept(cursor: Cursor, connector: Connector) -> list[LookedUp]:
    """Give what a connector looks up and nobody keeps for it since the last `pophub up`."""
    return [one for one in connector.looked_up if _row_of(cursor, one) is None]


def _row_of(cursor: Cursor, one: LookedUp) -> tuple[Any, ...] | None:
    """Give the number of the dataset, itself None before its first judging; None where it is not kept for this look-up."""
    cursor.execute(SQL["number_looked_up"], (one.reference.to,))
    row = cursor.fetchone()
    return None if row is None or not {one.finder} <= {None, *_read(row[1])} else row


def _values(
    cursor: Cursor, one: LookedUp, dataset: int | None, asked: Sequence[tuple[str, int]]
) -> Iterable[tuple[tuple[str, int], tuple[Any, ...]]]:
    """Give the values at each key and moment where a version stands; a delete has none."""
    fields = [field.name for field in one.fields]
    for start in range(0, len(asked), ASKED):
        part = asked[start : start + ASKED]
        keys, times = [key for key, _ in part], [moment for _, moment in part]
        if one.finder is None:
            cursor.execute(SQL["looked_up"], (text_array(keys), times, dataset, dataset))
        else:
            names = text_array([one.finder.tag(key) for key in keys])
            cursor.execute(SQL["found"], (text_array(keys), names, times, dataset))
        decoded: dict[bytes, tuple[Any, ...]] = {}
        for key, moment, payload in cursor.fetchall():
            if (told := bytes(payload)) not in decoded:
                record = avro.decode_known(one.schemas, told)
                decoded[told] = tuple(record[name] for name in fields)
            yield (key, moment), decoded[told]


def finders(cursor: Cursor, stem: str) -> list[Finder] | None:
    """Give how others find a dataset's rows beside by their keys; None where nobody looks it up.

    Until the end of the transaction nobody begins or ends.
    """
    cursor.execute(SQL["share_look_up"], (text_array([stem]),))
    cursor.execute(SQL["finders"], (stem,))  # as it stands once the lock is there
    row = cursor.fetchone()
    return None if row is None else _read(row[0])


def _read(told: Iterable[Any]) -> list[Finder]:
    return [Finder.read(one) for one in told]


def keep_looked_up(
    cursor: Cursor, connector: Connector, dataset: int, history: Columns, found: Sequence[Finder]
) -> None:
    """Keep accepted versions for those who look them up, columns as `HISTORY`, also under the names that are looked for."""
    timed = connector.file.source.marker.kind == "time"
    since = history["marker"] if timed else _changes(history)
    newest = {place: row for row, place in enumerate(zip(history["key"], since, strict=True))}
    rows = list(newest.values())
    columns: Columns = {
        "valid_from": [since[row] for row in rows], "marker": [history["marker"][row] for row in rows],
        "dataset": [dataset] * len(rows), "key": [history["key"][row] for row in rows],
        "payload": [history["payload"][row] for row in rows],
    }  # fmt: skip
    if found:
        columns["found_by"] = [_names(connector, payload, found) for payload in columns["payload"]]
    cursor.execute(SQL["stage_looked_up"])
    copy_columns(cursor, "looked_up_new", columns)
    cursor.execute(SQL["keep_looked_up"])


def _names(connector: Connector, payload: bytes | None, found: Sequence[Finder]) -> str | None:
    """Give the names under which a version is found, as an array's text; None for none, and for a delete."""
    if payload is None:
        return None
    record = avro.decode_known(connector.contract.schemas, bytes(payload))
    names = [name for one in found if (name := one.of(record)) is not None]
    return text_array(names) if names else None


def _changes(history: Columns) -> list[int]:
    """Give when each version was changed, microseconds UTC; when it was exchanged where nobody told."""
    return [
        (exchanged - EPOCH) // MICROSECOND if changed is None else changed
        for changed, exchanged in zip(history["changed_at"], history["exchanged_at"], strict=True)
    ]


def settle_looked_up(connection: Connection, connectors: Iterable[Connector]) -> None:
    """Begin to keep what these connectors look up, from all of history on, and end what none does any more.

    What is kept stays, as it is, while one of them asks for it and its own connector is not among them.
    One transaction for each dataset, under a lock of its look-up alone: judge takes it before it appends
    history of that dataset, or looks it up, and no other judging waits.
    """
    declared = {one.stem: one for one in connectors}
    asked: dict[str, set[Finder]] = {}
    for one in (one for connector in declared.values() for one in connector.looked_up):
        asked.setdefault(one.reference.to, set()).update({one.finder} - {None})  # type: ignore[arg-type]
    with transaction(connection, "what is looked up") as cursor:
        known = _kept(cursor)
    wanted = _wanted(asked, declared, known)
    for stem in sorted(stem for stem in known.keys() | wanted.keys() if known.get(stem) != wanted.get(stem)):
        with transaction(connection, f"what is looked up of {stem}") as cursor:
            cursor.execute(SQL["take_all_time"])
            cursor.execute(SQL["own_look_up"], (stem,))
            if _kept(cursor).get(stem) == wanted.get(stem):
                continue  # another one did it meanwhile
            cursor.execute(SQL["forget_looked_up"], (stem,))
            cursor.execute(SQL["end_looked_up"], (stem,))
            if stem in wanted:
                told = orjson.dumps([one.told() for one in wanted[stem]]).decode()
                cursor.execute(SQL["begin_looked_up"], (stem, told))
                _fill(cursor, declared[stem], wanted[stem])


Kept = dict[str, list[Finder]]


def _wanted(asked: Mapping[str, set[Finder]], declared: Mapping[str, Connector], known: Kept) -> Kept:
    """Give what is to be kept: of a dataset without a sound connector what is kept already."""
    there = {stem: sorted(found) for stem, found in asked.items() if stem in declared}
    return {stem: found for stem, found in known.items() if stem in asked} | there


def _fill(cursor: Cursor, connector: Connector, found: Sequence[Finder]) -> None:
    """Fill what is kept of a dataset from history, and name what is looked for, part after part."""
    stem, timed = connector.stem, connector.file.source.marker.kind == "time"
    cursor.execute(SQL["fill_looked_up"], {"stem": stem, "timed": timed})
    behind: tuple[str, int] = ("", NEVER)
    while found:
        values = {"stem": stem, "key": behind[0], "valid_from": behind[1], "rows": NAMED}
        cursor.execute(SQL["next_looked_up"], values)
        if not (rows := cursor.fetchall()):
            return
        behind = rows[-1][:2]
        named = [(stem, key, since, _names(connector, payload, found)) for key, since, payload in rows]
        execute_values(cursor, SQL["name_looked_up"], [row for row in named if row[3] is not None])


def keep_anew(connection: Connection, connector: Connector) -> None:
    """Fill what is kept of a dataset again from history, in one transaction, under the lock of its look-up.

    Nothing where nobody looks it up.
    """
    with transaction(connection, "what is looked up") as cursor:
        cursor.execute(SQL["take_all_time"])
        cursor.execute(SQL["own_look_up"], (connector.stem,))
        if (found := finders(cursor, connector.stem)) is not None:
            cursor.execute(SQL["forget_looked_up"], (connector.stem,))
            _fill(cursor, connector, found)


def _kept(cursor: Cursor) -> Kept:
    cursor.execute(SQL["looked_up_stems"])
    return {stem: _read(told) for stem, told in cursor.fetchall()}


def _not_kept(stem: str, one: LookedUp) -> ConfigError:
    what = f"{one.reference.to} is not kept for those who look it up"
    return ConfigError("judge.not_looked_up", what, where=stem, remedy=explain("judge.not_looked_up").remedy)
