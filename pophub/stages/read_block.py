"""From a message of raw to record versions: a block's rows mapped to the contract, and what is no block."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

from pophub import avro
from pophub.contracts.model import Connector
from pophub.contracts.referred import referred
from pophub.domain import digests
from pophub.domain.record import FLAWS, PLACE, SCAN, Failure, Mapped, Raw, Versions
from pophub.ports import Mapper, Rules
from pophub.stages.batching import STUB_COLUMN

NO_COLUMN = "contract.field.missing"


def fields_read(connector: Connector, rules: Rules) -> frozenset[str]:
    """Give the contract fields that are read again behind mapping: of the others, payload and content tell all."""
    declared = connector.file
    names = {*rules.columns, *declared.unique}
    for one in referred(declared):
        names |= {*one.fields, one.at or ""}
    for look_up in connector.looked_up:
        names |= {*look_up.reference.fields, look_up.reference.at or ""}
    for cited in declared.cites:
        names |= {cited.field, cited.at or ""}
    if declared.population:
        names |= {declared.population.citizen, *declared.population.fields.values()}
    return frozenset(names & {field.name for field in connector.contract.fields})


def add_block(
    into: Versions,
    connector: Connector,
    mapper: Mapper,
    offset: int,
    block: avro.Block,
    kept: Collection[str],
) -> None:
    """Map a block's rows to the contract and add them, of the fields those to be `kept`.

    What a block was sent under an earlier contract version has the fields of that version: those that
    came later are null where it has no column for them, and no part of its content.
    """
    base = len(into)
    stubs = block.columns.get(STUB_COLUMN)
    mapped = mapper.map(block.columns)
    later = _later_fields(connector, block)
    failures = [f for f in mapped.failures if f.field not in later or f.code != NO_COLUMN]
    keys, markers = list(mapped.keys), list(mapped.markers)
    whole = [True] * block.rows
    bad = sorted({f.row for f in failures if f.gate == "contract"})
    payloads, contents = _encoded(connector, mapped, block, later, set(bad))
    for row in bad:
        contents[row] = raw = _raw_digest(block, row)
        if keys[row] is None or markers[row] is None:
            keys[row], whole[row] = raw.hex(), False
            markers[row] = markers[row] or 0
    for name in kept:
        into.columns.setdefault(name, []).extend(mapped.columns[name])
    into.keys += keys  # type: ignore[arg-type]
    into.markers += markers  # type: ignore[arg-type]
    into.changed_at += mapped.changed_at
    into.deleted += mapped.deleted
    into.payloads += payloads
    into.contents += contents
    into.event_ids += digests.event_ids(connector.stem, keys, markers, contents)  # type: ignore[arg-type]
    into.contracts += [block.contract] * block.rows
    into.batches += [block.batch] * block.rows
    into.stamps += [block.exchanged_at] * block.rows
    into.raw_offsets += [offset] * block.rows
    into.rows += range(block.rows)
    into.raw += [(block.sent, row) for row in range(block.rows)]
    into.whole += whole
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
            into.whole[base + row] = False


def _encoded(
    connector: Connector, mapped: Mapped, block: avro.Block, later: set[str], bad: set[int]
) -> tuple[list[bytes | None], list[bytes]]:
    """Give each row's payload, and its content: of a row where mapping failed neither."""
    contract, gone = connector.contract, mapped.deleted
    rows: Sequence[int] = range(block.rows)
    if bad or True in gone:
        rows = [row for row in rows if row not in bad and not gone[row]]
    encoded = records = avro.encode_records(contract.avro_schema, mapped.columns, rows)
    if later:
        told = {name: values for name, values in mapped.columns.items() if name not in later}
        records = avro.encode_records(contract.earlier[block.contract], told, rows)
    named = digests.content_digests(b"u", records)
    if len(rows) == block.rows:
        return list(encoded), named
    payloads: list[bytes | None] = [None] * block.rows
    contents = [
        digests.content_digests(b"d", [key.encode()])[0] if removed and key is not None else b""
        for key, removed in zip(mapped.keys, gone, strict=True)
    ]
    for row, payload, content in zip(rows, encoded, named, strict=True):
        payloads[row], contents[row] = payload, content
    return payloads, contents


def _later_fields(connector: Connector, block: avro.Block) -> set[str]:
    """Give the contract's fields that the version of a block did not have."""
    contract = connector.contract
    there = contract.earlier.get(block.contract, contract.avro_schema)
    return {f.name for f in contract.fields}.difference(avro.names_of(there))


def _raw_digest(block: avro.Block, row: int) -> bytes:
    own = [
        [values[row]]
        for name, values in block.columns.items()
        if name not in (STUB_COLUMN, PLACE, SCAN) and (name != FLAWS or values[row] is not None)
    ]  # the same row in another file, on another line, or found by another scan is no other content
    return digests.row_digests(own, 1)[0][0]


def _moved(failure: Failure, base: int) -> Failure:
    return Failure(
        failure.row + base, failure.gate, failure.code, failure.field, failure.reason, failure.severity
    )


def add_poison(
    into: Versions,
    connector: Connector,
    offset: int,
    data: bytes,
    code: str,
    stamp: int,
    kept: Collection[str],
) -> None:
    """Add a message that is no raw block as one version that fails the contract."""
    content = digests.row_digests([[data]], 1)[0][0]
    row = len(into)
    for name in kept:
        into.columns.setdefault(name, []).append(None)
    into.keys.append(content.hex())
    into.markers.append(offset)
    into.changed_at.append(None)
    into.deleted.append(False)
    into.payloads.append(None)
    into.contents.append(content)
    into.event_ids += digests.event_ids(connector.stem, [content.hex()], [offset], [content])
    into.contracts.append(connector.contract.version)
    into.batches.append(0)
    into.stamps.append(stamp)
    into.raw_offsets.append(offset)
    into.rows.append(0)
    into.raw.append(data)
    into.whole.append(False)
    into.fail([Failure(row, "contract", code, None, "the message on the topic is no raw block")])


block_of = lru_cache(1)(
    avro.decode_block
)  # again, for what of it failed: rows of one block follow one another


def raw_bytes(raw: Raw) -> bytes:
    """Give a version as it was sent, as a block of one row that can be judged again."""
    if isinstance(raw, bytes):
        return raw
    data, row = raw
    block = block_of(data)
    columns = {
        name: [values[row]]
        for name, values in block.columns.items()
        if name != STUB_COLUMN or values[row] is not None  # a stub stays one when it is judged again
    }
    return avro.encode_block(avro.Block(block.batch, block.exchanged_at, block.contract, 1, columns))
