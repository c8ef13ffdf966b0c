"""Compare two datasets that hold the same things: who differs, and in which fields.

Each side is read once into digests under the hub's secret; PostgreSQL joins them, so that memory does not grow with
the records and no value of one meets a log. Values are read again, of those that differ, only for who may see them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
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
MOST_NAMED = 10_000
"""Things that are named at most; of the others the number is told."""
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

    Shape: `on` are the fields by which things are the same, `fields` those that are compared. `both` counts the things of
    which each dataset has one record; `repeated` those that both hold and one more than once: nobody can say which record
    answers to which, and they are not compared. `only` and `unnamed` (records without such a field) count records, the
    first dataset's and the second's. `left_out` counts what differs beyond `differing`.
    """

    stems: tuple[str, str]
    on: tuple[str, ...]
    fields: tuple[str, ...]
    both: int = 0
    same: int = 0
    repeated: int = 0
    only: tuple[int, int] = (0, 0)
    unnamed: tuple[int, int] = (0, 0)
    differing: list[Differing] = field(default_factory=list)
    left_out: int = 0

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
    tell = _digests(settings.secret("hub.pseudonyms"), on, fields, names_of(left) | names_of(right))
    with closing(connect(settings, ROLE)) as connection, closing(connect(settings, ROLE)) as reader:
        with transaction(connection, "reconcile") as cursor:
            cursor.execute(SQL["patience"])
            cursor.execute(SQL["make_between_row"])
            found.unnamed = (
                _load(cursor, reader, 0, left, tell),
                _load(cursor, reader, 1, right, tell),
            )
        with transaction(connection, "reconcile") as cursor:
            cursor.execute(SQL["between_counts"])
            found.both, found.repeated, *only = only_row(cursor)
            found.only = (only[0], only[1])
            cursor.execute(SQL["between_differing"], (MOST_NAMED,))
            rows = cursor.fetchall()
            total = rows[0][-1] if rows else 0
            found.differing = [_differing(row[:-1], found.fields) for row in rows]
            found.same, found.left_out = found.both - total, total - len(rows)
    return found


def names_of(connector: Connector) -> set[str]:
    """Give the fields that hold the name of a person or an organisation, by all that the connector says of them."""
    file = connector.file
    named = [one.name for one in file.people] + [one.name for one in file.organisations]
    if file.population is not None:
        named.append(file.population.fields.get("full_name"))
    if file.register_ is not None:
        named.append(file.register_.name)
    return {name for name in named if name is not None}


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


Tells = Callable[[dict[str, Any]], tuple[str, bytes] | None]
"""Gives the digests of a record's thing and of its compared fields; none where it names no thing."""


def _digests(secret: str, on: Sequence[str], fields: Sequence[AvroField], names: set[str]) -> Tells:
    """Digest the records of both sides in one way: what one side calls a name is one on the other too."""

    def tell(record: dict[str, Any]) -> tuple[str, bytes] | None:
        if any(record.get(name) is None for name in on):
            return None
        thing = key_digest(secret, "\x00".join(str(record[name]) for name in on))
        return thing, b"".join(_digest(secret, record.get(one.name), one.name in names) for one in fields)

    return tell


def _load(cursor: Cursor, reader: Connection, side: int, connector: Connector, tell: Tells) -> int:
    """Note the digests of one side; give how many of its records name no thing."""
    unnamed, rows = 0, iter(_records(reader, connector))
    while chunk := list(islice(rows, CHUNK)):
        told = [(key, tell(record)) for key, record in chunk]
        noted = [(side, one[0], key, one[1]) for key, one in told if one is not None]
        unnamed += len(chunk) - len(noted)
        copy_rows(cursor, "between_row", COLUMNS, noted)
    return unnamed


def _records(reader: Connection, connector: Connector) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give key and record of each accepted version that stands now."""
    with transaction(reader, "reconcile"):
        for key, payload in streamed(reader, SQL["standing"], (connector.stem,)):
            yield key, avro.decode_known(connector.contract.schemas, bytes(payload))


def _digest(secret: str, value: Any, is_name: bool) -> bytes:
    """Give 16 bytes that tell a value from another; names that are the same to the gates are the same here.

    So are exact numbers that differ in the digits they were written with alone: 1.50 is 1.5.
    """
    if value is None:
        return bytes(DIGEST_BYTES)
    text = fold_name(value) if is_name else _plain(value) if isinstance(value, Decimal) else str(value)
    return hashlib.blake2b(text.encode(), key=secret.encode()[:64], digest_size=DIGEST_BYTES).digest()


def _plain(value: Decimal) -> str:
    """Write a number without the zeros that end it, however many digits it has.

    >>> [_plain(Decimal(text)) for text in ("1.50", "1.5", "100", "1E+2", "-0.00")]
    ['1.5', '1.5', '100', '100', '0']
    """
    text = format(value, "f") if value else "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


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
