"""The population database's people derived again from accepted payloads, apart from judge's way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import orjson

from pophub import avro
from pophub.contracts.model import Connector
from pophub.domain.dates import EPOCH, date_of
from pophub.domain.history import AcceptedVersion
from pophub.postgres import Cursor, copy_rows, only_row, statements
from pophub.reconcile.findings import ALTERED, MISSING, UNKNOWN, Compared, Finding

SQL = statements("reconcile")
CHUNK = 4_000
DATES = frozenset({"birth_date", "died_on"})
PERSON = ("stem", "citizen_id", "marker", "recorded_us", "lane", "sequence", "event_id", "fields")
IDENTITY = ("stem", "citizen_id", "valid_from", "full_name", "birth_day", "present", "exchanged_at",
            "marker", "event_id")  # fmt: skip
Decode = Callable[[AcceptedVersion], dict[str, Any]]


def decoder(connector: Connector) -> Decode:
    """Give what decodes a payload of history, whichever version of the contract it was encoded under."""
    schemas = connector.contract.schemas
    return lambda row: avro.decode_known(schemas, row.payload or b"")


def derive(
    cursor: Cursor, connector: Connector, versions: Iterable[tuple[int, AcceptedVersion]], decode: Decode
) -> None:
    """Add what accepted versions say of people to the temporary tables of `make_person_row`."""
    if connector.file.population is None:
        return
    stream = iter(versions)
    while chunk := list(islice(stream, CHUNK)):
        told = [(lane, row, None if row.payload is None else decode(row)) for lane, row in chunk]
        copy_rows(cursor, "person_row", PERSON, _people(connector, told))
        if connector.file.population.identity:
            copy_rows(cursor, "identity_row", IDENTITY, _identities(connector, told))


Told = list[tuple[int, AcceptedVersion, dict[str, Any] | None]]


def _people(connector: Connector, told: Told) -> Iterator[tuple[Any, ...]]:
    declared = connector.file.population
    assert declared is not None
    by_key = connector.file.key == (declared.citizen,)
    for lane, row, record in told:
        citizen = row.key if by_key else None if record is None else record.get(declared.citizen)
        if citizen is None:
            continue
        values = record or {}
        fields = {name: _value(name, values.get(field)) for name, field in declared.fields.items()}
        if declared.identity:
            fields["present"] = record is not None
        yield (connector.stem, citizen, row.marker, row.recorded_us, lane, row.sequence, row.event_id,
               orjson.dumps(fields).decode())  # fmt: skip


def _identities(connector: Connector, told: Told) -> Iterator[tuple[Any, ...]]:
    fields = connector.file.population.fields if connector.file.population else {}
    for _, row, record in told:
        yield (connector.stem, row.key, row.since, (record or {}).get(fields["full_name"]),
               (record or {}).get(fields["birth_date"]), record is not None,
               EPOCH + timedelta(microseconds=row.exchanged_us), row.marker, row.event_id)  # fmt: skip


def _value(name: str, value: Any) -> Any:
    return date_of(value).isoformat() if value is not None and name in DATES else value


def differing(cursor: Cursor, connector: Connector) -> tuple[list[Compared], list[Finding]]:
    """Compare the derived people of one dataset with the live tables."""
    stem = connector.stem
    cursor.execute(SQL["make_winner"])
    cursor.execute(SQL["person_counts"], {"stem": stem})
    citizens, found, identities, found_identities = only_row(cursor)
    compared = [Compared("population.citizen", citizens, found)]
    findings = named(cursor, "citizens_differing", "population.citizen", stem)
    if connector.file.population is not None and connector.file.population.identity:
        compared.append(Compared("population.identity", identities, found_identities))
        findings += named(cursor, "identities_differing", "population.identity", stem)
    return compared, findings


def named(cursor: Cursor, statement: str, store: str, stem: str) -> list[Finding]:
    """Name each row that a statement finds to be otherwise than accepted versions give it."""
    cursor.execute(SQL[statement], {"stem": stem})
    words = {
        MISSING: "the row that accepted versions give is not there",
        ALTERED: "the row is not what accepted versions give: it was changed by hand",
        UNKNOWN: "no accepted version gives this row",
    }
    findings = []
    for key, event, lane, sequence, there, extra in cursor.fetchall():
        code = UNKNOWN if extra else ALTERED if there else MISSING
        event_id = None if event is None else bytes(event).hex()
        findings.append(Finding(code, store, words[code], event_id, lane, sequence, key=key))
    return findings
