"""Whether a source's log can be read: its server, the table, the publication and the slot, and each flaw found.

The look is an ordinary query in a read-only session; nothing is made or changed at the source.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from pophub.contracts.patterns import table_parts
from pophub.contracts.source_model import CdcSource
from pophub.domain.errors import ConfigError, ContractBreach, PophubError
from pophub.postgres import statements, text_array

SQL = statements("slot_source")
Row = Mapping[Any, Any]


class Slot(NamedTuple):
    """A replication slot: up to where it was confirmed, how many bytes of log it holds, why it is lost."""

    ours: bool
    active: bool
    confirmed: int | None
    kept: int | None
    lost: str | None


class SourceLook(NamedTuple):
    """What a look at the source found.

    `origin` names server, table and publication as they are now: where one of them is another, changes may
    have passed untold. `flaws` keep the log from being read; `long_columns` may be left out by it.
    """

    table: int
    origin: str
    place: int
    slot: Slot | None
    flaws: list[PophubError]
    long_columns: frozenset[str]


def look(
    connection: Connection, source: CdcSource, slot: str, columns: Sequence[str], where: str
) -> SourceLook:
    """Look at server, table, publication and slot; `columns` are those that the connector reads.

    Errors: `source.wal_level` of a server that has no log to read; `source.table_missing`.
    """
    server = _one(connection, "server_state", {})
    assert server is not None
    if server["wal_level"] != "logical" or server["replica"]:
        raise _no_log(server, where)
    schema, name = table_parts(source.table)
    asked = {"schema": schema, "name": name, "key": text_array(list(source.key))}
    table = _one(connection, "table_state", asked)
    if table is None:
        raise ContractBreach(
            "source.table_missing", "there is no such table: a view has no log", where=where,
            remedy="name the table itself in `source.table`, or read the view with `kind: sql`",
        )  # fmt: skip
    about = {"publication": source.publication, "table": table["oid"], "slot": slot}
    publication = _one(connection, "publication_state", about)
    flaws = [*_of_role(server, where), *_of_table(source, table, where)]
    there = set(json.loads(table["columns"])) & {
        *columns,
        *source.key,
    }  # one that is gone is told where it is read
    flaws += _of_publication(source, publication, there, where)
    member = publication["member"] if publication else None
    origin = f"{server['database']}/{table['oid']}/{publication and publication['oid']}/{member}"
    place = connection.exec_driver_sql(SQL["place_now"]).scalar_one()
    long = frozenset() if table["identity"] == "f" else frozenset(json.loads(table["long_columns"]))
    return SourceLook(
        int(table["oid"]), origin, int(place), _slot(_one(connection, "slot_state", about)), flaws,
        long & set(columns) - set(source.key),
    )  # fmt: skip


def _one(connection: Connection, name: str, values: dict[str, Any]) -> Row | None:
    return connection.exec_driver_sql(SQL[name], values).mappings().first()


def base_types(connection: Connection, oids: Sequence[int]) -> dict[int, int]:
    """Give what each type of a table is in a query's answer: of a domain, the type that it is of."""
    found = connection.exec_driver_sql(SQL["base_types"], {"oids": list(oids)})
    return {int(row[0]): int(row[1]) for row in found}


def _slot(row: Row | None) -> Slot | None:
    if row is None:
        return None
    told = json.loads(row["slot"])
    reason = told.get("invalidation_reason") or told.get("wal_status")
    lost = (
        None
        if row["kept"] is not None and reason in (None, "reserved", "extended", "unreserved")
        else str(reason)
    )
    return Slot(bool(row["ours"]), bool(row["active"]), row["confirmed"], row["kept"], lost)


def _no_log(server: Row, where: str) -> ConfigError:
    if server["replica"]:
        what, remedy = (
            "the source is a replica, which gives its log to nobody",
            "name the primary in the address",
        )
    else:
        what = f"the source's server writes its log with wal_level {server['wal_level']}"
        remedy = (
            "ask the agency to set wal_level = logical and to restart its server, or read with `kind: sql`"
        )
    return ConfigError("source.wal_level", what, where=where, remedy=remedy)


def _of_role(server: Row, where: str) -> list[PophubError]:
    if server["may"]:
        return []
    return [ConfigError(
        "source.replication_right", "the hub's account may not read the source's log", where=where,
        remedy="ask the agency: ALTER ROLE the account of `source.url` REPLICATION",
    )]  # fmt: skip


def _of_table(source: CdcSource, table: Row, where: str) -> list[PophubError]:
    key = sorted(source.key)
    named = {"d": table["primary_key"], "i": table["identity_index"]}.get(table["identity"])
    told = table["identity"] == "f" or (named is not None and sorted(json.loads(named)) == key)
    if table["persistence"] != "p":
        what = "the table is not in the log: it is unlogged or temporary"
    elif not table["one_row_a_key"]:
        what = f"no unique index over {', '.join(key)} alone, that is checked at once, says that a key has one row"
    elif not told:
        what = f"the log does not name a deleted row by {', '.join(key)}"
    else:
        return []
    return [ContractBreach(
        "source.replica_identity", what, where=where,
        remedy=f"ask the agency for a primary key over {', '.join(key)}, or for such a unique index and "
        f"ALTER TABLE {source.table} REPLICA IDENTITY FULL",
    )]  # fmt: skip


def _of_publication(
    source: CdcSource, publication: Row | None, columns: set[str], where: str
) -> list[PophubError]:
    name, made = source.publication, f"CREATE PUBLICATION {source.publication} FOR TABLE {source.table}"
    told = json.loads(publication["told"]) if publication and publication["told"] else None
    listed = (told or {}).get("attnames")
    if publication is None:
        what, remedy = f"there is no publication {name}", made
    elif told is None:
        what = f"the table is not in the publication {name}"
        remedy = f"ALTER PUBLICATION {name} ADD TABLE {source.table}; of a partitioned table also "
        remedy += f"ALTER PUBLICATION {name} SET (publish_via_partition_root = true)"
    elif not publication["whole"]:
        what = f"the publication {name} leaves out a kind of change"
        remedy = f"ALTER PUBLICATION {name} SET (publish = 'insert, update, delete, truncate')"
    elif told.get("rowfilter"):
        what = f"the publication {name} leaves out rows by a filter: a row that leaves it looks deleted"
        remedy = f"publish all rows: {made}; say in the subscriptions who may have which"
    elif listed is not None and (missing := sorted(columns - set(listed))):
        what = f"the publication {name} leaves out the column {', '.join(missing)}"
        remedy = f"publish it: ALTER PUBLICATION {name} SET TABLE {source.table}"
    else:
        return []
    return [ContractBreach("source.publication", what, where=where, remedy=f"ask the agency: {remedy}")]
