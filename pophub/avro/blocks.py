"""Raw blocks of columns, as extract writes them and judge reads them.

A raw block is one Avro object container with one record: batch, stamp, contract version and, for
each source column, an array of its values. The writer's schema travels in the container, with the
source's own column names as property `column` (they need not be Avro names). Our own blocks are
written and read by column (`block_encoding`, `block_decoding`), in the bytes that fastavro would write.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pophub.avro import block_decoding, block_encoding, stranger
from pophub.avro.container import MAX_BLOCK_BYTES, opened, refuse, sealed
from pophub.domain.record import Block


def encode_block(block: Block) -> bytes:
    """Encode a block with its writer's schema, uncompressed, under the mark of our own."""
    return encode_columns(block, block.columns.items())


def encode_columns(block: Block, columns: Iterable[tuple[str, list[Any]]]) -> bytes:
    """Encode a block with these columns in the place of its own; each is written before the next is asked for."""
    arrays = {name: block_encoding.array(column) for name, column in columns}
    schema = block_encoding.schema_of(tuple((name, items) for name, (items, _) in arrays.items()))
    head = block_encoding.longs(block.batch, block.exchanged_at, block.contract, block.rows)
    return sealed(schema, b"".join([head, *(values for _, values in arrays.values())]))


def decode_block(data: bytes) -> Block:
    """Decode a block: one of our own at once, any other in the process for strangers' bytes.

    Errors: `BadBlock` with `contract.avro.*` or `contract.schema.*`: never a crash for a stranger's bytes.
    """
    if not data:
        refuse("contract.avro.empty")
    if len(data) > MAX_BLOCK_BYTES:
        refuse("contract.avro.size")
    block = _own(data) or _own(stranger.reread(data))
    return block or refuse("contract.avro.block")


def _own(data: bytes) -> Block | None:
    """Decode a block under our own mark; None where there is none, or it was forged."""
    found = opened(data)
    block = None if found is None else block_decoding.read(*found)
    return block and replace(block, sent=data)
