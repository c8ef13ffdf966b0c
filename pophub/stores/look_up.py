"""Versions of datasets that others look up: kept with history, read as they stood at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pophub import avro
from pophub.contracts.model import Connector, LookedUp
from pophub.contracts.referred import moments
from pophub.domain.codes import explain
from pophub.domain.dates import EPOCH, MICROSECOND
from pophub.domain.errors import ConfigError
from pophub.domain.keys import joined_keys
from pophub.domain.record import Columns, Versions
from pophub.postgres import Connection, Cursor, copy_columns, only_row, statements, text_array, transaction

SQL = statements("look_up")
ASKED = 500
"""Places that are asked for at once: so many payloads are in memory."""

Values = dict[tuple[str, int], tuple[Any, ...]]


def read_looked_up(
    cursor: Cursor, connector: Connector, versions: Versions, *, must: bool
) -> dict[tuple[str, ...], Values]:
    """Read what versions look up: by the columns it is for, for each key and moment the values then.

    Where a dataset is not kept for it since the last `pophub up`, nothing of it is found, unless it `must` be.

    Errors: `judge.not_looked_up`, where it must.
    """
    found: dict[tuple[str, ...], Values] = {}
    for one in connector.looked_up:
        cursor.execute(SQL["number_looked_up"], (one.reference.to,))
        if (row := cursor.fetchone()) is None:
            if must:
                raise _not_kept(connector.stem, one)
            continue
        keys = joined_keys(versions.columns, one.reference.fields)
        times = moments(one.reference.at, connector.contract.fields, versions)
        asked = {(key, time) for key, time in zip(keys, times, strict=True) if key is not None}
        found[one.columns] = dict(_values(cursor, one, row[0], sorted(asked)))
    return found


def _values(
    cursor: Cursor, one: LookedUp, dataset: int | None, asked: Sequence[tuple[str, int]]
) -> Iterable[tuple[tuple[str, int], tuple[Any, ...]]]:
    """Give the values at each key and moment where a version stands; a delete has none."""
    names = [field.name for field in one.fields]
    for start in range(0, len(asked), ASKED):
        part = asked[start : start + ASKED]
        keys = text_array([key for key, _ in part])
        cursor.execute(SQL["looked_up"], (keys, [moment for _, moment in part], dataset, dataset))
        decoded: dict[bytes, tuple[Any, ...]] = {}
        for key, moment, payload in cursor.fetchall():
            if (told := bytes(payload)) not in decoded:
                record = avro.decode_known(one.schemas, told)
                decoded[told] = tuple(record[name] for name in names)
            yield (key, moment), decoded[told]


def is_looked_up(cursor: Cursor, stem: str) -> bool:
    """Tell whether others look a dataset up; until the end of the transaction nobody begins or ends."""
    cursor.execute(SQL["is_looked_up"], (stem,))
    return bool(only_row(cursor)[0])


def keep_looked_up(cursor: Cursor, connector: Connector, dataset: int, history: Columns) -> None:
    """Keep accepted versions for those who look them up, columns as `HISTORY`."""
    timed = connector.file.source.marker.kind == "time"
    since = history["marker"] if timed else _changes(history)
    newest = {place: row for row, place in enumerate(zip(history["key"], since, strict=True))}
    rows = list(newest.values())
    cursor.execute(SQL["stage_looked_up"])
    copy_columns(cursor, "looked_up_new", {
        "valid_from": [since[row] for row in rows], "marker": [history["marker"][row] for row in rows],
        "dataset": [dataset] * len(rows), "key": [history["key"][row] for row in rows],
        "payload": [history["payload"][row] for row in rows],
    })  # fmt: skip
    cursor.execute(SQL["keep_looked_up"])


def _changes(history: Columns) -> list[int]:
    """Give when each version was changed, microseconds UTC; when it was exchanged where nobody told."""
    return [
        (exchanged - EPOCH) // MICROSECOND if changed is None else changed
        for changed, exchanged in zip(history["changed_at"], history["exchanged_at"], strict=True)
    ]


def settle_looked_up(connection: Connection, connectors: Iterable[Connector]) -> None:
    """Begin to keep what these connectors look up, from all of history on, and end what none does any more.

    What is kept stays while one of them asks for it, even where its own connector is not among them.
    One transaction with `hub.looked_up` locked: judge reads it before it appends history.
    """
    declared = {one.stem: one.file.source.marker.kind == "time" for one in connectors}
    asked = {one.reference.to for connector in connectors for one in connector.looked_up}
    with transaction(connection, "what is looked up") as cursor:
        known = _kept(cursor)
        if asked & (set(declared) | known) == known:
            return
        cursor.execute(SQL["lock_looked_up"])
        cursor.execute(SQL["take_all_time"])
        known = _kept(cursor)
        wanted = asked & (set(declared) | known)
        for stem in sorted(known ^ wanted):
            cursor.execute(SQL["forget_looked_up"], (stem,))
            cursor.execute(SQL["end_looked_up"], (stem,))
        for stem in sorted(wanted - known):
            cursor.execute(SQL["begin_looked_up"], (stem,))
            cursor.execute(SQL["fill_looked_up"], {"stem": stem, "timed": declared[stem]})


def _kept(cursor: Cursor) -> set[str]:
    cursor.execute(SQL["looked_up_stems"])
    return {stem for (stem,) in cursor.fetchall()}


def _not_kept(stem: str, one: LookedUp) -> ConfigError:
    what = f"{one.reference.to} is not kept for those who look it up"
    return ConfigError("judge.not_looked_up", what, where=stem, remedy=explain("judge.not_looked_up").remedy)
