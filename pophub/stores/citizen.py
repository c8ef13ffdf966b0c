"""The citizen: present state, of which each dataset has its fields; head and identity, of the one that gives these."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from psycopg2 import sql

from pophub.contracts.model import Connector
from pophub.domain.dates import date_of, instant
from pophub.domain.record import Columns, Versions
from pophub.postgres import Cursor, copy_columns, execute_values, or_nothing, statements

SQL = statements("judge")
DATES = frozenset({"birth_date", "died_on"})
HEAD = ("dataset", "marker", "content", "contract", "lane", "sequence", "held")


def gives_identity(connector: Connector) -> bool:
    """Tell whether a dataset decides who exists: its keys are the citizens, their rows hold its heads."""
    declared = connector.file.population
    return declared is not None and declared.identity


def write_identities(
    cursor: Cursor,
    connector: Connector,
    versions: Versions,
    rows: Sequence[int],
    heads: Columns,
    new: set[str],
) -> None:
    """Write the citizens of accepted versions: head, present identity and fields; keep the identities before.

    Shape: `heads` are columns by `HEAD` and `key`; `new` are keys that had no head under their lane's lock.
    Rows are locked in the order of the citizen's number, so that two datasets that meet at one citizen
    wait for one another instead of deadlocking.
    """
    newest = {versions.keys[row]: row for row in rows}
    order = sorted(range(len(heads["key"])), key=heads["key"].__getitem__)
    keys = [heads["key"][at] for at in order]
    chosen = [newest[key] for key in keys]
    columns: Columns = {"citizen_id": keys} | _fields(connector, versions, chosen)
    columns |= {name: [heads[name][at] for at in order] for name in HEAD}
    columns["valid_from"] = [_since(versions, row, None) for row in chosen]
    columns["exchanged_at"] = [instant(versions.stamps[row]) for row in chosen]
    columns["present"] = [not versions.deleted[row] for row in chosen]
    former = _former(connector, versions, rows, newest)
    if new.issuperset(keys) and or_nothing(
        cursor, lambda: copy_columns(cursor, "population.citizen", columns)
    ):
        execute_values(cursor, SQL["add_former"], former)
        return
    _stage(cursor, columns)
    cursor.execute(SQL["keep_former"])
    execute_values(cursor, SQL["add_former"], former)
    cursor.execute(SQL["drop_former"])
    _merge(
        cursor,
        list(columns),
        sql.SQL("seen = null"),
        sql.SQL("c.marker is null or c.marker < excluded.marker"),
    )


def _since(versions: Versions, row: int, same: int | None) -> int | None:
    """Give when an identity version begins; `same` where that is its marker."""
    since, marker = versions.changed_at[row], versions.markers[row]
    return same if since is None or since == marker else since


def _former(
    connector: Connector, versions: Versions, rows: Sequence[int], newest: dict[str, int]
) -> list[tuple[Any, ...]]:
    """Give the identity versions among these that another one has taken the place of already.

    Of two versions of one moment the later one counts.
    """
    if len(newest) == len(rows):
        return []
    moments = {(versions.keys[row], _since(versions, row, versions.markers[row])): row for row in rows}
    former = [row for (key, _), row in moments.items() if row != newest[key]]
    told = _fields(connector, versions, former)
    return [
        (versions.keys[row], _since(versions, row, versions.markers[row]), name, birth, not versions.deleted[row],
         instant(versions.stamps[row]))
        for row, name, birth in zip(former, told["full_name"], told["birth_date"], strict=True)
    ]  # fmt: skip


def write_citizens(cursor: Cursor, connector: Connector, versions: Versions, rows: Sequence[int]) -> None:
    """Write the citizens' fields of accepted versions of a dataset that gives no identity; the newest marker wins.

    Rows are locked in the order of the citizen's number, as in `write_identities`.
    """
    if connector.file.population is None or not rows:
        return
    newest = _newest(connector, versions, rows)
    chosen = [row for _, row in newest]
    columns: Columns = {"citizen_id": [citizen for citizen, _ in newest]} | _fields(
        connector, versions, chosen
    )
    start = f'{{"{connector.stem}": '
    columns["markers"] = [f"{start}{versions.markers[row]}}}" for row in chosen]
    _stage(cursor, columns)
    own = [name for name in columns if name != "markers"]
    stem = sql.Literal(connector.stem)
    _merge(
        cursor,
        own,
        sql.SQL("markers = coalesce(c.markers, '{{}}') || excluded.markers").format(),
        sql.SQL("coalesce((c.markers->>{0})::bigint, -1) < (excluded.markers->>{0})::bigint").format(stem),
        more=["markers"],
    )


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


def _fields(connector: Connector, versions: Versions, chosen: Sequence[int]) -> Columns:
    """Give the citizen's fields of which this dataset is the authority; a delete has none."""
    declared = connector.file.population
    assert declared is not None
    gone = {row for row in chosen if versions.deleted[row]}
    columns: Columns = {}
    for name, field in declared.fields.items():
        values = list(map(versions.columns[field].__getitem__, chosen))
        if gone:
            values = [None if row in gone else value for row, value in zip(chosen, values, strict=True)]
        columns[name] = [None if v is None else _day(v) for v in values] if name in DATES else values
    return columns


def _stage(cursor: Cursor, columns: Columns) -> None:
    cursor.execute(SQL["stage_citizens"])
    copy_columns(cursor, "citizen_new", columns)


def _merge(
    cursor: Cursor,
    columns: list[str],
    besides: sql.Composable,
    newer: sql.Composable,
    more: Sequence[str] = (),
) -> None:
    """Take the staged columns, the citizen's number first, where they are newer; `besides` is set, too."""
    statement = sql.SQL(
        "insert into population.citizen as c ({columns}) select {columns} from citizen_new order by citizen_id "
        "on conflict (citizen_id) do update set {updates}, {besides} where {newer}"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, [*columns, *more])),
        updates=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(n)) for n in columns[1:]),
        besides=besides,
        newer=newer,
    )  # fmt: skip
    cursor.execute(statement.as_string(cursor))


_day = lru_cache(1 << 16)(date_of)
