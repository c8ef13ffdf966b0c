"""Quarantined versions mapped anew from what was sent, with their approved repairs: replay's first step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pophub import avro
from pophub.contracts.model import Connector
from pophub.domain.record import Versions
from pophub.ports import Mapper
from pophub.quarantine.repair import apply_repairs
from pophub.stages.read_block import add_block

Row = tuple[Any, ...]
Repairs = Callable[[Sequence[int]], Mapping[int, Mapping[str, Any]]]


def remapped(
    connector: Connector, mapper: Mapper, rows: Sequence[Row], repairs: Repairs
) -> tuple[Versions, int]:
    """Map versions anew; event id, content and the contract version of that content are kept.

    Shape: rows are (id, key, marker, content, event_id, contract, lane, raw_offset, row, batch, stamp
    in microseconds, raw) in the order of id; those whose bytes are no block are left out and counted.
    """
    kept: list[Row] = []
    blocks: list[avro.Block] = []
    for row in rows:
        try:
            block = avro.decode_block(bytes(row[11]))
        except avro.BadBlock:
            continue
        kept.append(row)
        blocks.append(block)
    versions = Versions({}, ids=[row[0] for row in kept])
    fields = [field.name for field in connector.contract.fields]
    for block in merged(blocks):
        add_block(versions, connector, mapper, 0, block, fields)
    versions.contents = [bytes(row[3]) for row in kept]
    versions.event_ids = [bytes(row[4]) for row in kept]
    versions.contracts = [row[5] for row in kept]
    versions.raw_offsets = [row[7] for row in kept]
    versions.rows = [row[8] for row in kept]
    versions.batches = [row[9] for row in kept]
    versions.stamps = [row[10] for row in kept]
    versions.raw = [bytes(row[11]) for row in kept]
    if kept:
        repaired = apply_repairs(versions, repairs(versions.ids or []))
        encoded = avro.encode_records(connector.contract.avro_schema, versions.columns, repaired)
        for place, payload in zip(repaired, encoded, strict=True):
            versions.payloads[place] = payload
    return versions, len(rows) - len(kept)


def merged(blocks: Sequence[avro.Block]) -> Iterator[avro.Block]:
    """Join neighbouring blocks of one row with the same columns, sent under the same contract version,
    so that mapping stays column-wise.
    """
    start = 0
    for end in range(1, len(blocks) + 1):
        if end < len(blocks) and _alike(blocks[end], blocks[start]):
            continue
        run, first = blocks[start:end], blocks[start]
        columns = {name: [b.columns[name][0] for b in run] for name in first.columns}
        yield avro.Block(first.batch, first.exchanged_at, first.contract, len(run), columns)
        start = end


def _alike(one: avro.Block, other: avro.Block) -> bool:
    return one.contract == other.contract and list(one.columns) == list(other.columns)
