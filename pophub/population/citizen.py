"""The citizen: identity versions and the fields of which each dataset is the authority."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from psycopg2 import sql

from pophub.contracts.model import Connector
from pophub.domain.names import fold_name
from pophub.postgres import Cursor, execute_values, statements
from pophub.stages.versions import Versions

SQL = statements("judge")
EPOCH_DAY = date(1970, 1, 1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DATES = frozenset({"birth_date", "died_on"})


def citizen_upsert(cursor: Cursor, connector: Connector, versions: Versions, rows: Sequence[int]) -> None:
    """Write identity versions and current fields of accepted versions; the newest marker wins.

    Rows are locked in the order of the citizen's number, so that two datasets that meet at one
    citizen wait for one another instead of deadlocking.
    """
    declared = connector.file.population
    if declared is None or not rows:
        return
    numbers = versions.columns[declared.citizen]
    key_is_citizen = connector.file.key == (declared.citizen,)
    newest: dict[str, int] = {}
    for row in rows:
        citizen = numbers[row] if numbers[row] is not None or not key_is_citizen else versions.keys[row]
        if citizen is not None and (
            citizen not in newest or versions.markers[newest[citizen]] <= versions.markers[row]
        ):
            newest[citizen] = row
    if declared.identity:
        versions_of = [_identity(connector, versions, row) for row in rows]
        newest_at = {(v[0], v[1]): v for v in versions_of}  # two versions of one moment: the later one counts
        execute_values(cursor, SQL["identity"], list(newest_at.values()))
    _upsert_fields(cursor, connector, versions, sorted(newest.items()))


def _identity(connector: Connector, versions: Versions, row: int) -> tuple[Any, ...]:
    fields = connector.file.population.fields if connector.file.population else {}
    name = versions.columns[fields["full_name"]][row]
    since = versions.changed_at[row]
    return (versions.keys[row], versions.markers[row] if since is None else since,
            None if name is None else fold_name(name), versions.columns[fields["birth_date"]][row],
            not versions.deleted[row], EPOCH + timedelta(microseconds=versions.stamps[row]))  # fmt: skip


def _upsert_fields(
    cursor: Cursor, connector: Connector, versions: Versions, newest: list[tuple[str, int]]
) -> None:
    declared = connector.file.population
    assert declared is not None
    names = list(declared.fields)
    rows = []
    for citizen, row in newest:
        values = [_value(name, versions.columns[declared.fields[name]][row]) for name in names]
        present = [not versions.deleted[row]] if declared.identity else []
        rows.append(
            (
                citizen,
                *([None] * len(names) if versions.deleted[row] else values),
                *present,
                versions.markers[row],
            )
        )
    columns = [*names, *(["present"] if declared.identity else [])]
    statement = sql.SQL(
        "insert into population.citizen as c (citizen_id, {columns}, markers) select {picked} from (values %s) as n(citizen_id, {columns}, marker) "
        "on conflict (citizen_id) do update set {updates}, markers = c.markers || excluded.markers "
        "where coalesce((c.markers->>{stem})::bigint, -1) < (excluded.markers->>{stem})::bigint"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        picked=sql.SQL("citizen_id, {}, jsonb_build_object({}, marker)").format(
            sql.SQL(", ").join(_cast(name) for name in columns), sql.Literal(connector.stem)),
        updates=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in columns),
        stem=sql.Literal(connector.stem),
    )  # fmt: skip
    execute_values(cursor, statement.as_string(cursor), rows)


def _cast(name: str) -> sql.Composable:
    kind = "date" if name in DATES else "boolean" if name == "present" else "text"
    return sql.SQL("{}::{}").format(sql.Identifier(name), sql.SQL(kind))


def _value(name: str, value: Any) -> Any:
    if value is not None and name in DATES:
        return EPOCH_DAY + timedelta(days=value)
    return value
