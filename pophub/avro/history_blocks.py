"""History blocks: accepted versions of a lane by column, as share writes them and a rebuild reads them.

A block is a container like that of a raw block, under the mark of our own; data-model.md has its
fields. Only the hub writes to `shared.<stem>`, so what has no such mark is refused, whatever it holds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby, repeat
from typing import Any

from pophub.avro import block_decoding, block_encoding
from pophub.avro.container import MAX_BLOCK_BYTES, MAX_BLOCK_ROWS, Reader, opened, refuse, sealed
from pophub.avro.record_columns import ZIGZAG
from pophub.domain.history import AcceptedVersion

ID_BYTES, DIGEST_BYTES = 16, 32
_OPERATIONS = {"u": 0, "d": 2}  # the places of an enum's symbols, as Avro writes them
_SYMBOLS = {written: operation for operation, written in _OPERATIONS.items()}


def _array(name: str, items: Any) -> dict[str, Any]:
    return {"name": name, "type": {"type": "array", "items": items}}


_STAMP = [("rows", "int"), ("exchanged_at", "long"), ("recorded_at", "long"), ("contract", "int")]
SCHEMA = json.dumps(
    {
        "type": "record", "name": "HistoryBlock", "fields": [
            {"name": "first", "type": "long"},
            {"name": "rows", "type": "int"},
            {"name": "digest", "type": {"type": "fixed", "name": "Digest", "size": DIGEST_BYTES}},
            _array("stamps", {"type": "record", "name": "Stamp",
                              "fields": [{"name": name, "type": kind} for name, kind in _STAMP]}),
            _array("event_id", {"type": "fixed", "name": "Id", "size": ID_BYTES}),
            _array("content", "Id"),
            _array("key", "string"),
            _array("marker", "long"),
            _array("changed_at", "long"),  # none where it is the marker of each
            _array("operation", {"type": "enum", "name": "Operation", "symbols": list(_OPERATIONS)}),
            _array("payload", "bytes"),
        ],
    },
    separators=(",", ":"),
).encode()  # fmt: skip


def encode_history(rows: Sequence[AcceptedVersion]) -> bytes:
    """Encode accepted versions that follow one another in a lane, one at least.

    Of the links of the chain only the last is kept.
    """
    (sequences, events, keys, markers, operations, payloads, contracts, exchanged, recorded, digests, contents,
     changed) = zip(*rows, strict=True)  # fmt: skip
    count = ZIGZAG[len(rows)]
    stamps = [
        number
        for stamp, same in groupby(zip(exchanged, recorded, contracts, strict=True))
        for number in (sum(1 for _ in same), *stamp)
    ]
    parts = [
        block_encoding.longs(sequences[0], len(rows)), digests[-1],
        block_encoding.longs(len(stamps) // len(_STAMP), *stamps), b"\0",
        count, _ids(events), b"\0",
        count, _ids(contents), b"\0",
        block_encoding.array(list(keys))[1],
        block_encoding.array(list(markers))[1],
        block_encoding.array([row.since for row in rows])[1] if any(at is not None for at in changed) else b"\0",
        count, bytes(map(_OPERATIONS.__getitem__, operations)), b"\0",
        block_encoding.array([payload or b"" for payload in payloads])[1],
    ]  # fmt: skip
    return sealed(SCHEMA, b"".join(parts))


def _ids(ids: Sequence[bytes]) -> bytes:
    joined = b"".join(ids)
    assert len(joined) == ID_BYTES * len(ids)
    return joined


def decode_history(data: bytes) -> list[AcceptedVersion]:
    """Decode a history block; every version but the last has an empty link of the chain.

    Errors: `BadBlock` with `contract.avro.block` for whatever the hub did not write.
    """
    found = opened(data) if len(data) <= MAX_BLOCK_BYTES else None
    if found is None or found[0] != SCHEMA:
        refuse("contract.avro.block")
    try:
        return _Columns(bytes(found[1])).versions()
    except (*block_decoding.FLAWS, KeyError):  # a mark can be forged
        refuse("contract.avro.block")


class _Columns:
    """Reads the columns of a block, one behind the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._scratch = data, bytearray(data)
        head = Reader(memoryview(data))
        self._first, self._rows = head.long(), head.int()
        if not 0 < self._rows <= MAX_BLOCK_ROWS:
            raise block_decoding.Unexpected
        self._digest = bytes(head.take(DIGEST_BYTES))
        self._stamps = [
            (head.int(), head.long(), head.long(), head.int()) for _ in range(min(head.long(), self._rows))
        ]
        self._at = head.at
        self._end()

    def versions(self) -> list[AcceptedVersion]:
        """Read all columns, to the block's last byte."""
        events, contents = self._ids(), self._ids()
        keys, markers = self._column("string"), self._column("long")
        changed = self._changed(markers)
        operations = [_SYMBOLS[written] for written in self._take(self._rows)]
        payloads = [payload or None for payload in self._column("bytes")]
        stamps = list(zip(*self._stamps, strict=True))
        if self._at != len(self._data) or sum(stamps[0]) != self._rows or min(stamps[0]) < 1:
            raise block_decoding.Unexpected
        exchanged, recorded, contracts = (
            [value for rows, stamp in zip(stamps[0], column, strict=True) for value in repeat(stamp, rows)]
            for column in stamps[1:]
        )
        digests = [b""] * (self._rows - 1) + [self._digest]
        return list(map(AcceptedVersion._make, zip(
            range(self._first, self._first + self._rows), events, keys, markers, operations, payloads, contracts,
            exchanged, recorded, digests, contents, changed, strict=True,
        )))  # fmt: skip

    def _changed(self, markers: list[int]) -> list[int | None]:
        if not self._data[self._at]:
            self._at += 1
            return [None] * self._rows
        return [None if at == m else at for at, m in zip(self._column("long"), markers, strict=True)]

    def _ids(self) -> list[bytes]:
        joined = self._take(ID_BYTES * self._rows)
        return [joined[at : at + ID_BYTES] for at in range(0, len(joined), ID_BYTES)]

    def _take(self, size: int) -> bytes:
        """Read an array of items of one size, so many bytes in all."""
        self._begin()
        taken = self._data[self._at : self._at + size]
        self._at += size
        self._end()
        return taken

    def _column(self, kind: str) -> list[Any]:
        self._begin()
        values, self._at = block_decoding.column(
            self._data, self._scratch, self._at, self._rows, (kind,), False
        )
        self._end()
        return values

    def _begin(self) -> None:
        count = ZIGZAG[self._rows]
        if not self._data.startswith(count, self._at):
            raise block_decoding.Unexpected
        self._at += len(count)

    def _end(self) -> None:
        if self._data[self._at]:
            raise block_decoding.Unexpected
        self._at += 1
