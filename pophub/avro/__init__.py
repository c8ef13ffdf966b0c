"""The one room of fastavro, and its face: raw blocks by column, contract records in Confluent framing."""

from pophub.avro.blocks import decode_block, encode_block, encode_columns
from pophub.avro.container import BadBlock
from pophub.avro.records import (
    canonical,
    decode_known,
    decode_record,
    encode_records,
    framed,
    names_of,
    project,
    projected,
    unframed,
    versions_of,
)
from pophub.domain.record import Block

__all__ = [
    "BadBlock",
    "Block",
    "canonical",
    "decode_block",
    "decode_known",
    "decode_record",
    "encode_block",
    "encode_columns",
    "encode_records",
    "framed",
    "names_of",
    "project",
    "projected",
    "unframed",
    "versions_of",
]
