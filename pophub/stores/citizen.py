"""The citizen: identity versions and the fields of which each dataset is the authority."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from psycopg2 import sql

from pophub.contracts.model import Connector
from pophub.domain.dates import date_of, instant
from pophub.domain.names import fold_name
from pophub.domain.record import Columns, Versions
from pophub.postgres import Cursor, copy_columns, or_nothing, statements
from pophub.stores.columns import parted

SQL = statements("judge")
DATES = frozenset({"birth_date", "died_on"})


def write_citizens(
    cursor: Cursor, connector: Connector, versions: Versions, rows: Sequence[int], new: set[str]
) -> None:
    """Write identity versions and current fields of accepted versions; the newest marker wins.

    `new` are keys that had no head under their lane's lock, so no identity version either. Rows are
    locked in the order of the citizen's number, so that two datasets that meet at one citizen wait
    for one another instead of deadlocking.
    """
    declared = connector.file.population
    if declared is None or not rows:
        return
    if declared.identity:
        _write_identities(cursor, connector, versions, rows, new)
    _write_fields(cursor, connector, versions, _newest(connector, versions, rows), new)


def _newest(connector: Connector, versions: Versions, rows: Sequence[int]) -> list[tuple[str, int]]:
    """Give each citizen's newest accepted version, in the order of the citizen's number."""
    declared = connector.file.population
    assert declared is not None
    numbers, markers = versions.columns[declared.citizen], versions.markers
    if len(rows) == len(numbers) == len(set(numbers)) and None not in numbers:  # as a first copy has them
        return sorted(zip(numbers, rows, strict=True))
    key_is_citizen = connector.file.key == (declared.citizen,)
    newest: dict[str, int] = {}
    for row in rows:
        citizen = numbers[row]
        if citizen is None and key_is_citizen:
            citizen = versions.keys[row]
        if citizen is not None:
            known = newest.get(citizen)
            if known is None or markers[known] <= markers[row]:
                newest[citizen] = row
    return sorted(newest.items())


def _write_identities(
    cursor: Cursor, connector: Connector, versions: Versions, rows: Sequence[int], new: set[str]
) -> None:
    fields = connector.file.population.fields if connector.file.population else {}
    names, births = versions.columns[fields["full_name"]], versions.columns[fields["birth_date"]]
    moments = [
        (versions.keys[row], versions.markers[row] if (since := versions.changed_at[row]) is None else since)
        for row in rows
    ]
    last = dict(zip(moments, rows, strict=True))  # two versions of one moment: the later one counts
    kept = list(last.values())
    columns: Columns = {
        "citizen_id": [key for key, _ in last],
        "valid_from": [since for _, since in last],
        "name_folded": [None if names[r] is None else fold_name(names[r]) for r in kept],
        "birth_day": [births[r] for r in kept],
        "present": [not versions.deleted[r] for r in kept],
        "exchanged_at": [instant(versions.stamps[r]) for r in kept],
    }
    plain, others = parted(columns, [key in new for key in columns["citizen_id"]])
    copy_columns(cursor, "population.identity", plain)
    if others["citizen_id"]:
        cursor.execute(SQL["stage_identities"])
        copy_columns(cursor, "identity_new", others)
        cursor.execute(SQL["upsert_identities"])


def _write_fields(
    cursor: Cursor, connector: Connector, versions: Versions, newest: list[tuple[str, int]], new: set[str]
) -> None:
    declared = connector.file.population
    assert declared is not None
    chosen = [row for _, row in newest]
    gone = {r for r in chosen if versions.deleted[r]}
    columns: Columns = {"citizen_id": [citizen for citizen, _ in newest]}
    for name, field in declared.fields.items():
        columns[name] = list(map(versions.columns[field].__getitem__, chosen))
        if gone:
            columns[name] = [None if r in gone else v for r, v in zip(chosen, columns[name], strict=True)]
        if name in DATES:
            columns[name] = [None if v is None else _day(v) for v in columns[name]]
    if declared.identity:
        columns["present"] = [not versions.deleted[r] for r in chosen]
    own = list(columns)
    start = f'{{"{connector.stem}": '
    columns["markers"] = [f"{start}{versions.markers[r]}}}" for r in chosen]
    unseen = connector.file.key == (declared.citizen,) and new.issuperset(columns["citizen_id"])
    if unseen and or_nothing(cursor, lambda: copy_columns(cursor, "population.citizen", columns)):
        return
    cursor.execute(SQL["stage_citizens"])
    copy_columns(cursor, "citizen_new", columns)
    cursor.execute(_upsert(own, connector.stem).as_string(cursor))


def _upsert(columns: list[str], stem: str) -> sql.Composable:
    """Give the statement that takes the staged fields where this dataset's marker is newer."""
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL(
        "insert into population.citizen as c ({columns}, markers) select {columns}, markers from citizen_new "
        "on conflict (citizen_id) do update set {updates}, markers = c.markers || excluded.markers "
        "where coalesce((c.markers->>{stem})::bigint, -1) < (excluded.markers->>{stem})::bigint"
    ).format(
        columns=listed,
        updates=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(n)) for n in columns[1:]),
        stem=sql.Literal(stem),
    )  # fmt: skip


_day = lru_cache(1 << 16)(date_of)
