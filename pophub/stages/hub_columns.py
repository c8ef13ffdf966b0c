"""What the rules need of the accepted state, as columns with the reserved prefix `hub_`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pophub.contracts.bases import basis_columns
from pophub.contracts.look_up import REGISTERED
from pophub.contracts.model import AvroField, Connector, LookedUp, Person
from pophub.contracts.referred import PEOPLE, Referred, moments, referred
from pophub.domain.codes import explain
from pophub.domain.keys import joined_keys
from pophub.domain.record import Accepted, Columns, Failure, Versions

CONTRADICTION = "clean.contradiction"


def hub_columns(connector: Connector, versions: Versions, accepted: Accepted) -> Columns:
    """Give what the rules need of the accepted state, as columns with the reserved prefix `hub_`."""
    contents: list[str | None] = list(map(bytes.hex, versions.contents))
    columns: Columns = {
        "hub_key": list(versions.keys),
        "hub_marker": list(versions.markers),
        "hub_operation": ["delete" if gone else "upsert" for gone in versions.deleted],
        "hub_changed_at": list(versions.changed_at),
        "hub_exchanged_at": list(versions.stamps),
        "hub_content": contents,
        "hub_rival_content": _rivals(versions, contents, accepted),
    }
    fields = connector.contract.fields
    for one in referred(connector.file):
        if one.to != PEOPLE:
            columns[f"hub_{one.name}_known"] = _known(
                one, versions, moments(one.at, fields, versions), accepted.referred.get(one.to, {})
            )
    for person in connector.file.people:
        columns |= _person_columns(person, moments(person.at, fields, versions), versions, accepted)
    for organisation in connector.file.organisations:  # what the register does not tell contradicts nothing
        for name in REGISTERED:
            columns[f"hub_{organisation.id}_{name}"] = [None] * len(versions)
    for look_up in connector.looked_up:
        columns |= _looked_up_columns(look_up, fields, versions, accepted)
    columns |= basis_columns(connector, versions.columns, versions.changed_at, versions.stamps)
    for name in connector.file.unique:
        columns[f"hub_{name}_holder"] = _holders_of(name, versions, accepted)
    return columns


def _holders_of(name: str, versions: Versions, accepted: Accepted) -> list[str | None]:
    """Give the key that surely holds each version's value: `decide` finds the others in lane order.

    None also where the holder has an earlier version here that may give the value up.
    """
    values = versions.columns[name]
    holders = [None if v is None else accepted.claims.get((name, str(v))) for v in values]
    if not any(holders):
        return holders
    moving: dict[str, int] = {}
    for row, key in enumerate(versions.keys):
        if (value := values[row]) is None or accepted.claims.get((name, str(value))) != key:
            moving.setdefault(key, row)
    return [
        None if holder is not None and moving.get(holder, row) < row else holder
        for row, holder in enumerate(holders)
    ]


def _rivals(versions: Versions, contents: list[str | None], accepted: Accepted) -> list[str | None]:
    """Give the content of the earliest record with the same key, marker and contract version."""
    if not accepted.heads and not accepted.quarantine and len(set(versions.keys)) == len(versions):
        return contents
    first: dict[tuple[str, int, int], bytes] = {}
    rivals: list[str | None] = []
    ids = versions.ids  # in a replay, what came later is no rival of what stood first
    for row, (key, marker, contract, content) in enumerate(
        zip(versions.keys, versions.markers, versions.contracts, versions.contents, strict=True)
    ):
        place = (key, marker, contract)
        if place not in first:
            head, waiting = accepted.heads.get(key), accepted.quarantine.get(key, ())
            if head is None and not waiting:  # a key never seen: most rows
                first[place] = content
                rivals.append(content.hex())
                continue
            found = [
                q.content
                for q in waiting
                if (q.marker, q.contract) == (marker, contract) and (ids is None or q.id < ids[row])
            ]
            if head is not None and marker in (head.marker, head.seen) and head.contract == contract:
                found = [head.content]
            first[place] = found[0] if found else content
        rivals.append(first[place].hex())
    return rivals


def contradictions(hub: Columns) -> list[Failure]:
    """Give the rows that another content stands before under the same key and marker.

    Kept here whatever the suite says: otherwise a suite without that rule would accept one version
    twice.
    """
    pairs = zip(hub["hub_content"], hub["hub_rival_content"], strict=True)
    reason = explain(CONTRADICTION).en
    return [
        Failure(row, "clean", CONTRADICTION, None, reason)
        for row, (own, rival) in enumerate(pairs)
        if own != rival
    ]


def _known(
    one: Referred, versions: Versions, times: Sequence[int], accepted: Mapping[str, int | None]
) -> list[bool]:
    """Tell of each record whether what it refers to was accepted, and not gone at the record's time."""
    keys = joined_keys(versions.columns, one.fields)
    return [
        key is None or gone or (key in accepted and ((since := accepted[key]) is None or moment < since))
        for key, gone, moment in zip(keys, versions.deleted, times, strict=True)
    ]


def _person_columns(person: Person, times: Sequence[int], versions: Versions, accepted: Accepted) -> Columns:
    known: list[Any] = []
    names: list[Any] = []
    births: list[Any] = []
    for citizen, moment in zip(versions.columns[person.id], times, strict=True):
        if citizen is None:
            known.append(True)
            names.append(None)
            births.append(None)
            continue
        found = identity_at(accepted.identities.get(citizen, ()), moment)
        known.append(found is not None)
        names.append(found[1] if found else None)
        births.append(found[2] if found else None)
    return {
        f"hub_{person.id}_known": known,
        f"hub_{person.id}_name": names,
        f"hub_{person.id}_birth_date": births,
    }


def _looked_up_columns(
    one: LookedUp, fields: Sequence[AvroField], versions: Versions, accepted: Accepted
) -> Columns:
    """Give what the row that each record refers to said at the record's time; nulls where nothing is known of it."""
    reference, known = one.reference, accepted.looked_up.get(one.columns, {})
    keys = joined_keys(versions.columns, reference.fields)
    places = zip(keys, moments(reference.at, fields, versions), strict=True)
    absent = (None,) * len(one.fields)
    rows = [absent if key is None else known.get((key, moment), absent) for key, moment in places]
    return {column: [row[place] for row in rows] for place, column in enumerate(one.columns)}


def identity_at(
    versions: Sequence[tuple[int, str | None, int | None, bool]], moment_us: int
) -> tuple[int, str | None, int | None, bool] | None:
    """Give the identity valid at a moment: the newest not after it, else the first; None if gone."""
    if not versions:
        return None
    valid = versions[0]
    for version in versions:
        if version[0] > moment_us:
            break
        valid = version
    return valid if valid[3] else None
