"""Compare two datasets that hold the same things: who differs, and in which fields.

Each side is read once into digests under the hub's secret; PostgreSQL joins them, so that memory does not grow with
the records and no value of one meets a log. Values are read again, of those that differ, only for who may see them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pophub import avro
from pophub.contracts.model import AvroField, Connector
from pophub.domain.errors import ConfigError
from pophub.domain.names import fold_name
from pophub.postgres import Connection, Cursor, connect, copy_rows, only_row, statements, transaction
from pophub.reconcile.findings import key_digest
from pophub.reconcile.stores import streamed
from pophub.settings import Settings

SQL = statements("reconcile")
ROLE = "pophub_owner"
CHUNK = 4_000
DIGEST_BYTES = 16
COLUMNS = ("side", "thing", "key", "told")


@dataclass(frozen=True)
class Differing:
    """A thing that both hold, and not alike. Shape: `thing` is a digest; `keys` are left out of every document."""

    thing: str
    fields: tuple[str, ...]
    keys: tuple[str, str] = field(repr=False)


@dataclass
class Between:
    """What two datasets say of the same things.

    Shape: `on` are the fields by which things are the same, `fields` those that are compared. `both` counts pairs;
    `only` and `unnamed` (records without such a field) count records, the first dataset's and the second's.
    """

    stems: tuple[str, str]
    on: tuple[str, ...]
    fields: tuple[str, ...]
    both: int = 0
    same: int = 0
    only: tuple[int, int] = (0, 0)
    unnamed: tuple[int, int] = (0, 0)
    differing: list[Differing] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Give the comparison as JSON values, without keys."""
        told = {name: value for name, value in vars(self).items() if name != "differing"}
        return told | {"differing": [{"thing": d.thing, "fields": d.fields} for d in self.differing]}


def same_things(left: Connector, right: Connector) -> tuple[str, ...]:
    """Give the fields by which records of two datasets are of the same thing: the key of one that both have, else people.

    Errors: `reconcile.unlike` where there are none.
    """
    names = [{one.name for one in side.contract.fields} for side in (left, right)]
    people = [tuple(one.id for one in side.file.people) for side in (left, right)]
    for key in (left.file.key, right.file.key, *people):
        if key and all(set(key) <= known for known in names):
            return tuple(key)
    raise ConfigError(
        "reconcile.unlike", "no key of one dataset, and no person, is a field of both",
        where=f"{left.stem} and {right.stem}", remedy="compare datasets that name the same things",
    )  # fmt: skip


def between(settings: Settings, left: Connector, right: Connector) -> Between:
    """Compare the accepted records of two datasets, as they stand now.

    Errors: `reconcile.unlike` where they have no thing, or no other field, in common.
    """
    on = same_things(left, right)
    fields = _compared(left, right, on)
    found = Between((left.stem, right.stem), on, tuple(one.name for one in fields))
    secret = settings.secret("hub.pseudonyms")
    with closing(connect(settings, ROLE)) as connection, closing(connect(settings, ROLE)) as reader:
        with transaction(connection, "reconcile") as cursor:
            cursor.execute(SQL["patience"])
            cursor.execute(SQL["make_between_row"])
            found.unnamed = (
                _load(cursor, reader, 0, left, on, fields, secret),
                _load(cursor, reader, 1, right, on, fields, secret),
            )
        with transaction(connection, "reconcile") as cursor:
            cursor.execute(SQL["between_counts"])
            found.both, found.same, only_left, only_right = only_row(cursor)
            found.only = (only_left, only_right)
            cursor.execute(SQL["between_differing"])
            found.differing = [_differing(row, found.fields) for row in cursor.fetchall()]
    return found


def _compared(left: Connector, right: Connector, on: Sequence[str]) -> list[AvroField]:
    types = {one.name: one.type for one in right.contract.fields}
    aside = {*on, *left.file.key, *right.file.key}
    fields = [
        one for one in left.contract.fields if types.get(one.name) == one.type and one.name not in aside
    ]
    if not fields:
        raise ConfigError(
            "reconcile.unlike", "the datasets have no field in common beside what names the thing",
            where=f"{left.stem} and {right.stem}", remedy="compare datasets that tell of the same things",
        )  # fmt: skip
    return fields


def _load(
    cursor: Cursor, reader: Connection, side: int, connector: Connector, on: Sequence[str],
    fields: Sequence[AvroField], secret: str,
) -> int:  # fmt: skip
    """Note the digests of one side; give how many of its records name no thing."""
    names = {one.name for one in connector.file.people if one.name}
    unnamed, rows = 0, iter(_records(reader, connector))
    while chunk := list(islice(rows, CHUNK)):
        noted = []
        for key, record in chunk:
            if any(record.get(name) is None for name in on):
                unnamed += 1
                continue
            thing = key_digest(secret, "\x00".join(str(record[name]) for name in on))
            told = b"".join(_digest(secret, record.get(one.name), one.name in names) for one in fields)
            noted.append((side, thing, key, told))
        copy_rows(cursor, "between_row", COLUMNS, noted)
    return unnamed


def _records(reader: Connection, connector: Connector) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give key and record of each accepted version that stands now."""
    with transaction(reader, "reconcile"):
        for key, payload in streamed(reader, SQL["standing"], (connector.stem,)):
            yield key, avro.decode_known(connector.contract.schemas, bytes(payload))


def _digest(secret: str, value: Any, is_name: bool) -> bytes:
    """Give 16 bytes that tell a value from another; names that are the same to the gates are the same here."""
    if value is None:
        return bytes(DIGEST_BYTES)
    text = fold_name(value) if is_name else str(value)
    return hashlib.blake2b(text.encode(), key=secret.encode()[:64], digest_size=DIGEST_BYTES).digest()


def _differing(row: tuple[Any, ...], fields: Sequence[str]) -> Differing:
    thing, left_key, right_key, left, right = row
    at = [slice(n * DIGEST_BYTES, (n + 1) * DIGEST_BYTES) for n in range(len(fields))]
    left, right = bytes(left), bytes(right)
    found = tuple(name for name, part in zip(fields, at, strict=True) if left[part] != right[part])
    return Differing(thing, found, (left_key, right_key))


Keeps = Callable[[str, int], None]
"""Keeps on record that so many records of a dataset are to be seen."""


def values_of(
    settings: Settings, found: Between, connectors: Iterable[Connector], reveal: Keeps, most: int
) -> list[dict[str, Any]]:
    """Give keys and values of the first that differ, after `reveal` has kept who is to see them and why."""
    shown = found.differing[:most]
    records: list[dict[str, dict[str, Any]]] = []
    for side, connector in enumerate(connectors):
        keys = [one.keys[side] for one in shown]
        reveal(connector.stem, len(keys))
        with closing(connect(settings, ROLE)) as reader, transaction(reader, "reconcile") as cursor:
            cursor.execute(SQL["standing_keys"], (connector.stem, keys))
            schemas = connector.contract.schemas
            records.append({key: avro.decode_known(schemas, bytes(body)) for key, body in cursor.fetchall()})
    return [
        {"keys": list(one.keys), "values": {name: [side.get(key, {}).get(name) for side, key in zip(records, one.keys, strict=True)] for name in one.fields}}
        for one in shown
    ]  # fmt: skip
