"""The one room of fastavro, and its face: blocks by column, contract records in Confluent framing."""

from pophub.avro.blocks import decode_block, encode_block, encode_columns
from pophub.avro.container import BadBlock
from pophub.avro.foreign import BadForeign, ForeignSchema
from pophub.avro.history_blocks import decode_history, encode_history
from pophub.avro.record_columns import text_bytes
from pophub.avro.records import (
    canonical,
    decode_known,
    decode_record,
    encode_records,
    framed,
    names_of,
    project,
    projected,
    versions_of,
)
from pophub.domain.record import Block

__all__ = [
    "BadBlock",
    "BadForeign",
    "Block",
    "ForeignSchema",
    "canonical",
    "decode_block",
    "decode_history",
    "decode_known",
    "decode_record",
    "encode_block",
    "encode_columns",
    "encode_history",
    "encode_records",
    "framed",
    "names_of",
    "project",
    "projected",
    "text_bytes",
    "versions_of",
]
