"""Raw blocks as bytes: the container that extract writes, read strictly whoever wrote it.

A block is one Avro object container, uncompressed, with one record; data-model.md has its fields.
Its sync marker is the digest of everything else in it, so that a block of our own is told from any
other by one digest. What lacks the mark is read here value by value, and each flaw has its code:
fastavro accepts a negative index, a number without end, trailing bytes and a bomb.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple, NoReturn

from pophub.domain.codes import explain
from pophub.domain.dates import EPOCH, MICROSECOND, date_of
from pophub.domain.errors import PophubError
from pophub.domain.record import Block

MAX_BLOCK_BYTES = 8 << 20
MAX_BLOCK_ROWS = 100_000
MAX_SCHEMA_BYTES = 1 << 20
MAGIC = b"Obj\x01"
MARK_BYTES = 16
_LEAD = MAGIC + b"\x04\x14avro.codec\x08null\x16avro.schema"
_BEHIND = b"\x02"  # one record in the one block
_FIELDS = [("batch", "long"), ("exchanged_at", "long"), ("contract", "int"), ("rows", "int")]
_RECORDS = [("record", "RawBlock"), ("record", "Columns")]


class BadBlock(PophubError):
    """Bytes on `raw` that are no raw block: a bad record, set aside by judge with its code."""


def refuse(code: str) -> NoReturn:
    """Raise the `BadBlock` of a code."""
    raise BadBlock(code, explain(code).en.lower(), remedy=explain(code).remedy)


def sealed(schema: bytes, record: bytes) -> bytes:
    """Put an encoded record into a container whose sync marker is the digest of all else."""
    head = _LEAD + _varint(len(schema)) + schema + b"\x00"
    mark = _mark(head, record)
    return b"".join((head, mark, _BEHIND, _varint(len(record)), record, mark))


def opened(data: bytes) -> tuple[bytes, memoryview] | None:
    """Give schema and record of a block that `sealed` wrote, None for any other bytes."""
    if not data.startswith(_LEAD):
        return None
    try:
        reader = Reader(memoryview(data), len(_LEAD))
        schema = bytes(reader.take(reader.long()))
        head_ends = reader.at + 1
        mark = data[head_ends : head_ends + MARK_BYTES]
        reader.at = head_ends + MARK_BYTES + 1
        record = reader.take(reader.long())
    except BadBlock:
        return None
    whole = data[reader.at :] == mark == _mark(data[:head_ends], record)
    return (schema, record) if whole else None


def _mark(head: bytes, record: bytes | memoryview) -> bytes:
    digest = sha256(head)
    digest.update(record)
    return digest.digest()[:MARK_BYTES]


def _varint(number: int) -> bytes:
    left, out = number << 1, bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


class BlockShape(NamedTuple):
    """A block's schema that was found sound: as JSON, and (field, column, branches) in order."""

    schema: Any
    columns: tuple[tuple[str, str, tuple[str, ...], bool], ...]


@lru_cache(maxsize=128)
def shape_of(schema: bytes) -> BlockShape:
    """Check that a schema is one that `avro.encode_block` writes: flat arrays of plain values.

    Errors: `BadBlock` with `contract.avro.block`, or `contract.schema.duplicate` for a column twice.
    """
    try:
        found = json.loads(schema)
        plain = [(f["name"], f["type"]) for f in found["fields"]]
        last = found["fields"][-1]
        columns = tuple(_column(number, f) for number, f in enumerate(last["type"]["fields"]))
        records = [(part["type"], part["name"]) for part in (found, last["type"])]
        flat = records == _RECORDS and plain[:-1] == _FIELDS and last["name"] == "columns"
        "".join(column for _, column, _, _ in columns).encode()
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        refuse("contract.avro.block")
    if not flat or not columns:
        refuse("contract.avro.block")
    if len({column for _, column, _, _ in columns}) < len(columns):
        refuse("contract.schema.duplicate")
    return BlockShape(found, columns)


def _column(number: int, field: Any) -> tuple[str, str, tuple[str, ...], bool]:
    kind, items = field["type"], field["type"]["items"]
    union = isinstance(items, list)
    branches = tuple(_branch(branch) for branch in (items if union else [items]))
    sound = field["name"] == f"c{number}" and isinstance(field["column"], str) and kind["type"] == "array"
    if not sound or len(set(branches)) < len(branches) or set(branches) <= {"null"}:
        refuse("contract.avro.block")
    return field["name"], field["column"], branches, union


def _branch(branch: Any) -> str:
    """Give the name of a plain type, with its logical type behind a dot."""
    if isinstance(branch, dict):
        if set(branch) != {"type", "logicalType"}:
            refuse("contract.avro.block")
        branch = f"{branch['type']}.{branch['logicalType']}"
    if branch not in _READ:
        refuse("contract.avro.block")
    return str(branch)


class Reader:
    """Reads Avro's encoding from bytes, and refuses what the specification does not allow."""

    def __init__(self, data: memoryview, at: int = 0) -> None:
        self.data = data
        self.at = at

    def take(self, size: int) -> memoryview:
        """Read so many bytes."""
        if size < 0:
            refuse("contract.avro.range")
        if size > len(self.data) - self.at:
            refuse("contract.avro.truncated")
        self.at += size
        return self.data[self.at - size : self.at]

    def long(self) -> int:
        """Read a 64-bit integer of at most ten bytes."""
        data, at, found, shift = self.data, self.at, 0, 0
        try:
            while (byte := data[at]) & 0x80:
                found |= (byte & 0x7F) << shift
                at, shift = at + 1, shift + 7
                if shift > 63:
                    refuse("contract.avro.varint")
        except IndexError:
            refuse("contract.avro.truncated")
        found |= byte << shift
        if found >> 64:
            refuse("contract.avro.range")
        self.at = at + 1
        return (found >> 1) ^ -(found & 1)

    def int(self) -> int:
        """Read an integer that fits 32 bits."""
        found = self.long()
        if not -(1 << 31) <= found < 1 << 31:
            refuse("contract.avro.range")
        return found

    def boolean(self) -> bool:
        """Read one byte, 0 or 1."""
        byte = self.take(1)[0]
        if byte > 1:
            refuse("contract.avro.range")
        return byte == 1

    def double(self) -> float:
        """Read eight bytes."""
        return float(struct.unpack("<d", self.take(8))[0])

    def bytes(self) -> bytes:
        """Read bytes behind their length."""
        return bytes(self.take(self.long()))

    def string(self) -> str:
        """Read UTF-8 behind its length."""
        try:
            return self.bytes().decode()
        except UnicodeDecodeError:
            refuse("contract.text.encoding")

    def date(self) -> date:
        """Read days since 1970."""
        try:
            return date_of(self.int())
        except (ValueError, OverflowError):
            refuse("contract.avro.range")

    def time(self) -> datetime:
        """Read microseconds since 1970 UTC."""
        try:
            return EPOCH + self.long() * MICROSECOND
        except OverflowError:
            refuse("contract.avro.range")


_READ: dict[str, Callable[[Reader], Any]] = {
    "null": lambda reader: None,
    "string": Reader.string,
    "bytes": Reader.bytes,
    "long": Reader.long,
    "double": Reader.double,
    "boolean": Reader.boolean,
    "int.date": Reader.date,
    "long.timestamp-micros": Reader.time,
    "long.local-timestamp-micros": lambda reader: reader.time().replace(tzinfo=None),
}


def read_strictly(data: bytes) -> Block:
    """Read a block value by value, whoever wrote it.

    Errors: `BadBlock` with `contract.avro.*` or `contract.schema.*`.
    """
    if not data.startswith(MAGIC):
        _refuse_framing(data)
    reader = Reader(memoryview(data), len(MAGIC))
    schema, codec = _metadata(reader)
    mark = bytes(reader.take(MARK_BYTES))
    records, size = reader.long(), reader.long()
    record = reader.take(size)
    if bytes(reader.take(MARK_BYTES)) != mark:
        refuse("contract.avro.block")
    if reader.at < len(data):
        refuse("contract.avro.trailing")
    if codec != b"null":
        _inflate(record, codec)
    if records != 1:
        refuse("contract.avro.block")
    return _record(Reader(record), shape_of(schema))


def _refuse_framing(data: bytes) -> NoReturn:
    """Refuse one record without its schema: framed for a registry, or by its schema's fingerprint."""
    if not data:
        refuse("contract.avro.empty")
    if data[:1] == b"\x00" and len(data) >= 5:
        refuse("contract.schema.unknown")
    if data[:2] == b"\xc3\x01" and len(data) >= 10:
        refuse("contract.schema.fingerprint")
    refuse("contract.avro.truncated" if MAGIC.startswith(data) else "contract.avro.block")


def _metadata(reader: Reader) -> tuple[bytes, bytes]:
    found: dict[str, bytes] = {}
    while count := reader.long():
        if count < 0:
            count = -count
            reader.long()  # the bytes of this stretch, which we read anyway
        for _ in range(count):
            name = reader.string()
            if name in found:
                refuse("contract.avro.block")
            found[name] = reader.bytes()
    schema = found.get("avro.schema", b"")
    if not 0 < len(schema) <= MAX_SCHEMA_BYTES:
        refuse("contract.avro.block")
    return schema, found.get("avro.codec", b"null")


def _inflate(record: memoryview, codec: bytes) -> NoReturn:
    """Tell a bomb from a block that is merely compressed; neither is taken."""
    if codec == b"deflate":
        try:
            if len(zlib.decompressobj(-15).decompress(record, MAX_BLOCK_BYTES + 1)) > MAX_BLOCK_BYTES:
                refuse("contract.avro.size")
        except zlib.error:
            refuse("contract.avro.block")
    refuse("contract.avro.codec")


def _record(reader: Reader, shape: BlockShape) -> Block:
    batch, stamp, contract, rows = reader.long(), reader.long(), reader.int(), reader.int()
    if not 0 < rows <= MAX_BLOCK_ROWS:
        refuse("contract.avro.block")
    columns = {column: _array(reader, branches, union, rows) for _, column, branches, union in shape.columns}
    if reader.at < len(reader.data):
        refuse("contract.avro.trailing")
    return Block(batch, stamp, contract, rows, columns)


def _array(reader: Reader, branches: tuple[str, ...], union: bool, rows: int) -> list[Any]:
    reads = [_READ[branch] for branch in branches]
    values: list[Any] = []
    while count := reader.long():
        if count < 0:
            count = -count
            reader.long()
        if count > rows - len(values):
            refuse("contract.avro.block")
        for _ in range(count):
            index = reader.long() if union else 0
            if not 0 <= index < len(reads):
                refuse("contract.avro.index")
            values.append(reads[index](reader))
    if len(values) != rows:
        refuse("contract.avro.block")
    return values
