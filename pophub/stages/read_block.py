"""From a message of raw to record versions: a block's rows mapped to the contract, and what is no block."""

from __future__ import annotations

from pophub import avro
from pophub.contracts.model import Connector
from pophub.domain import digests
from pophub.domain.record import FLAWS, PLACE, SCAN, Failure, Raw, Versions
from pophub.ports import Mapper
from pophub.stages.batching import STUB_COLUMN

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
    into.whole.append(False)
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
