"""Record versions on their way through judge: columns of what they are and what the rules need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pophub import avro
from pophub.contracts.model import Connector, Person
from pophub.domain import digests
from pophub.domain.codes import explain
from pophub.domain.record import Accepted, Columns, Failure, Raw, Versions
from pophub.ports import Mapper
from pophub.stages.batching import STUB_COLUMN

DAY_US = 86_400_000_000
CONTRADICTION = "clean.contradiction"
NO_COLUMN = "contract.field.missing"


def add_block(into: Versions, connector: Connector, mapper: Mapper, offset: int, block: avro.Block) -> None:
    """Map a block's rows to the contract and add them.

    What a block was sent under an earlier contract version has the fields of that version: those that
    came later are null where it has no column for them, and no part of its content.
    """
    base = len(into)
    stubs = block.columns.get(STUB_COLUMN)
    mapped = mapper.map(block.columns)
    fields = [f.name for f in connector.contract.fields]
    later = _later_fields(connector, block)
    failures = [f for f in mapped.failures if f.field not in later or f.code != NO_COLUMN]
    operations = ["d" if gone else "u" for gone in mapped.deleted]
    told = [mapped.columns[name] for name in fields if name not in later]
    contents, _ = digests.row_digests([operations, *told], block.rows)
    keys, markers = list(mapped.keys), list(mapped.markers)
    whole = [True] * block.rows
    for row in sorted({f.row for f in failures if f.gate == "contract"}):
        contents[row] = raw = _raw_digest(block, row)
        if keys[row] is None or markers[row] is None:
            keys[row], whole[row] = raw.hex(), False
            markers[row] = markers[row] or 0
    for name in fields:
        into.columns.setdefault(name, []).extend(mapped.columns[name])
    into.keys += keys  # type: ignore[arg-type]
    into.markers += markers  # type: ignore[arg-type]
    into.changed_at += mapped.changed_at
    into.deleted += mapped.deleted
    into.contents += contents
    into.event_ids += digests.event_ids(connector.stem, keys, markers, contents)  # type: ignore[arg-type]
    into.contracts += [block.contract] * block.rows
    into.batches += [block.batch] * block.rows
    into.stamps += [block.exchanged_at] * block.rows
    into.raw_offsets += [offset] * block.rows
    into.rows += range(block.rows)
    into.raw += [(block, row) for row in range(block.rows)]
    into.judged += whole
    into.fail(_moved(f, base) for f in failures)
    for row, stub in enumerate(stubs or []):
        if stub is not None:
            into.failures[base + row] = [
                Failure(
                    base + row,
                    "contract",
                    "contract.size",
                    None,
                    "the record is larger than the connector's max_record_bytes",
                )
            ]
            into.judged[base + row] = False


def _later_fields(connector: Connector, block: avro.Block) -> set[str]:
    """Give the contract's fields that the version of a block did not have."""
    contract = connector.contract
    there = contract.earlier.get(block.contract, contract.avro_schema)
    return {f.name for f in contract.fields}.difference(avro.names_of(there))


def _raw_digest(block: avro.Block, row: int) -> bytes:
    own = [[values[row]] for name, values in block.columns.items() if name != STUB_COLUMN]
    return digests.row_digests(own, 1)[0][0]


def _moved(failure: Failure, base: int) -> Failure:
    return Failure(
        failure.row + base, failure.gate, failure.code, failure.field, failure.reason, failure.severity
    )


def add_poison(into: Versions, connector: Connector, offset: int, data: bytes, code: str, stamp: int) -> None:
    """Add a message that is no raw block as one version that fails the contract."""
    content = digests.row_digests([[data]], 1)[0][0]
    row = len(into)
    for f in connector.contract.fields:
        into.columns.setdefault(f.name, []).append(None)
    into.keys.append(content.hex())
    into.markers.append(offset)
    into.changed_at.append(None)
    into.deleted.append(False)
    into.contents.append(content)
    into.event_ids += digests.event_ids(connector.stem, [content.hex()], [offset], [content])
    into.contracts.append(connector.contract.version)
    into.batches.append(0)
    into.stamps.append(stamp)
    into.raw_offsets.append(offset)
    into.rows.append(0)
    into.raw.append(data)
    into.judged.append(False)
    into.fail([Failure(row, "contract", code, None, "the message on the topic is no raw block")])


def raw_bytes(raw: Raw) -> bytes:
    """Give a version as it was sent, as a block of one row that can be judged again."""
    if isinstance(raw, bytes):
        return raw
    block, row = raw
    columns = {
        name: [values[row]]
        for name, values in block.columns.items()
        if name != STUB_COLUMN or values[row] is not None  # a stub stays one when it is judged again
    }
    return avro.encode_block(avro.Block(block.batch, block.exchanged_at, block.contract, 1, columns))


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
    kinds = {f.name: f.type for f in connector.contract.fields}
    for person in connector.file.people:
        columns |= _person_columns(person, kinds.get(person.at or ""), versions, accepted)
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
            if head is not None and (head.marker, head.contract) == (marker, contract):
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


def _person_columns(person: Person, at_kind: str | None, versions: Versions, accepted: Accepted) -> Columns:
    known: list[Any] = []
    names: list[Any] = []
    births: list[Any] = []
    times = versions.columns[person.at] if person.at else versions.changed_at
    for citizen, at, stamp in zip(versions.columns[person.id], times, versions.stamps, strict=True):
        if citizen is None:
            known.append(True)
            names.append(None)
            births.append(None)
            continue
        moment = stamp if at is None else (at + 1) * DAY_US - 1 if at_kind == "date" else at
        found = identity_at(accepted.identities.get(citizen, ()), moment)
        known.append(found is not None)
        names.append(found[1] if found else None)
        births.append(found[2] if found else None)
    return {
        f"hub_{person.id}_known": known,
        f"hub_{person.id}_name": names,
        f"hub_{person.id}_birth_date": births,
    }


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
