"""Repair by field with four eyes: one proposes, another approves, replay applies it.

What was sent, the content and the event id stay; the payload that is accepted is the repaired one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import orjson

from pophub.contracts.model import AvroField, Connector
from pophub.domain.dates import EPOCH_DAY, HO_CHI_MINH
from pophub.domain.errors import ConfigError, PromiseBroken
from pophub.domain.exact import exact, hex_text, of_hex
from pophub.domain.numbers import plain_number
from pophub.domain.record import Versions
from pophub.postgres import Connection, only_row, transaction
from pophub.quarantine.selection import SQL, named


def parse_fields(connector: Connector, sets: Sequence[str]) -> dict[str, Any]:
    """Read `field=value` pairs as the contract's types, bytes and exact numbers as their text; an empty value is null.

    Errors: `repair.field`, `repair.key`, `repair.value`; none holds the value.
    """
    fields = {f.name: f for f in connector.contract.fields}
    found: dict[str, Any] = {}
    for pair in sets:
        name, equals, text = pair.partition("=")
        if not equals or name not in fields:
            raise ConfigError(
                "repair.field", "--set takes field=value with a field of the contract", where=connector.stem,
                remedy=f"one of {', '.join(n for n in fields if n not in connector.file.key)}",
            )  # fmt: skip
        if name in connector.file.key:
            raise ConfigError(
                "repair.key", f"{name} is part of the key: it says whom the record is about", where=connector.stem,
                remedy="the agency corrects it at the source",
            )  # fmt: skip
        found[name] = None if text == "" else _typed(fields[name], text, connector.stem)
    if not found:
        raise ConfigError("config.missing", "a repair sets at least one field", remedy="--set field=value")
    return found


def _typed(field: AvroField, text: str, stem: str) -> Any:
    try:
        return _value(field, text)
    except (ValueError, OverflowError, InvalidOperation):
        raise ConfigError(
            "repair.value", f"the value is no {field.type}", where=f"{stem}, {field.name}",
            remedy="dates as 1990-03-15, times as 2026-01-31T08:00:00, yes or no as true or false, bytes as \\x00ff",
        ) from None  # fmt: skip


def _value(field: AvroField, text: str) -> Any:
    if field.type == "string":
        return text
    if field.type == "date":
        return date.fromisoformat(text).toordinal() - EPOCH_DAY
    if field.type == "timestamp-micros":
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=HO_CHI_MINH)
        return round(moment.timestamp() * 1_000_000)
    if field.type == "bytes":
        return hex_text(of_hex(text))
    if field.type == "decimal":
        return plain_number(_exact(field, text))
    if field.type == "boolean":
        return ("false", "true").index(text.lower()) == 1
    if field.type == "double":
        number = float(text)
        if number != number or abs(number) == float("inf"):
            raise ValueError
        return number
    whole, bits = int(text), 31 if field.type == "int" else 63
    if not -(1 << bits) <= whole < 1 << bits:
        raise ValueError
    return whole


def _exact(field: AvroField, text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError
    return exact(number, field.precision, field.scale)


def propose(
    connection: Connection, connector: Connector, version: int, sets: Sequence[str], reason: str, by: str
) -> int:
    """Keep a proposal; give its number.

    Errors: `repair.version` where the version waits no more, or is a delete, which has no fields.
    """
    fields = parse_fields(connector, sets)
    who, why = named(by, "--by"), named(reason, "--reason")
    with transaction(connection, f"repair of {connector.stem}") as cursor:
        cursor.execute(SQL["show"], (version,))
        row = cursor.fetchone()
        if (
            row is None
            or row[1] != connector.stem
            or row[5] != "quarantined"
            or row[8] == "d"
            or row[18] is not None
        ):
            raise ConfigError(
                "repair.version", "the version does not wait for a repair", where=f"version {version}",
                remedy="see `pophub quarantine show`; a delete and what is decided or expired is not repaired",
            )  # fmt: skip
        cursor.execute(SQL["propose"], (version, bytes(row[4]), orjson.dumps(fields).decode(), why, who))
        return int(only_row(cursor)[0])


class Approved(NamedTuple):
    """An approval, and of what; `changed` is false where it was approved before."""

    stem: str
    version: int
    approved_by: str
    approved_at: datetime
    changed: bool


def approve(connection: Connection, proposal: int, by: str) -> Approved:
    """Approve another person's proposal; one that was approved before stays as it was approved.

    Errors: `repair.unknown`, `repair.four_eyes`.
    """
    who = named(by, "--by")
    with transaction(connection, "approving a repair") as cursor:
        cursor.execute(SQL["proposal"], (proposal,))
        row = cursor.fetchone()
        if row is None:
            raise ConfigError(
                "repair.unknown", f"there is no proposal {proposal}",
                remedy="`pophub quarantine show ID` lists a version's proposals",
            )  # fmt: skip
        _, version, stem, _, proposed_by, *_ = row
        if who.casefold() == proposed_by.casefold():
            raise PromiseBroken(
                "repair.four_eyes", "who proposed a repair does not approve it", where=f"proposal {proposal}",
                remedy="another person looks at it and approves",
            )  # fmt: skip
        cursor.execute(SQL["approve"], (proposal, proposed_by, who))
        changed = bool(cursor.rowcount)
        cursor.execute(SQL["proposal"], (proposal,))
        *_, approved_by, approved_at = only_row(cursor)
    return Approved(stem, version, approved_by, approved_at, changed)


def waiting(connection: Connection, stem: str | None = None) -> list[dict[str, Any]]:
    """Give the proposals that wait for another person, the oldest first; none holds a value of a record."""
    with transaction(connection, "reading proposals") as cursor:
        cursor.execute(SQL["waiting_repairs"], {"stem": stem})
        names = ("proposal", "id", "stem", "reason", "proposed_by", "proposed_at")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def approved_fields(connection: Connection, versions: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Give the approved fields of versions; a later approval goes over an earlier one."""
    found: dict[int, dict[str, Any]] = {}
    with transaction(connection, "reading repairs") as cursor:
        cursor.execute(SQL["overrides"], (list(versions),))
        for version, fields in cursor.fetchall():
            found.setdefault(version, {}).update(fields)
    return found


def stored(connector: Connector, repairs: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
    """Give approved fields as the contract's columns hold them: bytes and exact numbers, which a repair keeps as text."""
    readers: dict[str, Callable[[str], Any]] = {"bytes": of_hex, "decimal": Decimal}
    read = {f.name: readers[f.type] for f in connector.contract.fields if f.type in readers}
    return {
        version: {
            name: value if value is None or name not in read else read[name](value)
            for name, value in fields.items()
        }
        for version, fields in repairs.items()
    }


def apply_repairs(versions: Versions, repairs: Mapping[int, Mapping[str, Any]]) -> list[int]:
    """Put repaired fields in the place of mapped ones; what mapping said of these fields is void.

    Give the repaired rows that are records now.
    """
    repaired = []
    for row, version in enumerate(versions.ids or []):
        fields = {n: v for n, v in repairs.get(version, {}).items() if n in versions.columns}
        if not fields or versions.deleted[row]:
            continue
        for name, value in fields.items():
            versions.columns[name][row] = value
        left = [f for f in versions.failures.pop(row, []) if f.field not in fields]
        if left:
            versions.failures[row] = left
        if not any(failure.gate == "contract" for failure in left):
            repaired.append(row)
    return repaired
