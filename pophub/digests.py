"""Digests that name contents and versions, and the lane of a key.

All digests are BLAKE2b of 16 bytes over UTF-8 JSON, the ledger's chain is SHA-256, so that a
third party can derive them with any language's standard library.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from decimal import Decimal
from struct import Struct
from typing import Any

import orjson

DIGEST_BYTES = 16
_OPTIONS = orjson.OPT_UTC_Z
_FIVE, _SIX = Struct(">5q"), Struct(">6q")  # 64 bits each, signed, big-endian


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, Decimal):
        return str(value)
    return repr(value)  # integers beyond 64 bits, times of day, intervals


def _json(values: Sequence[Any]) -> bytes:
    try:
        return orjson.dumps(values, default=_plain, option=_OPTIONS)
    except orjson.JSONEncodeError:  # lone surrogates have no UTF-8
        return repr(values).encode("utf-8", "surrogatepass")


def row_digests(columns: Sequence[Sequence[Any]], rows: int) -> tuple[list[bytes], list[int]]:
    """Digest each row over its values in the order of the columns; give also its size as JSON."""
    if not columns:
        return [b""] * rows, [0] * rows
    texts = [_json(row) for row in zip(*columns, strict=True)]
    digest = hashlib.blake2b
    return [digest(text, digest_size=DIGEST_BYTES).digest() for text in texts], list(map(len, texts))


def event_ids(
    stem: str, keys: Sequence[str], markers: Sequence[int], contents: Sequence[bytes]
) -> list[bytes]:
    """Name each record version: a digest of stem, key, marker and content."""
    digest = hashlib.blake2b
    return [
        digest(_json((stem, key, marker)) + content, digest_size=DIGEST_BYTES).digest()
        for key, marker, content in zip(keys, markers, contents, strict=True)
    ]


def lane_of(key: str, lanes: int) -> int:
    """Give the lane of a key: CRC-32 of its UTF-8 modulo the number of lanes."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass")) % lanes


def chain(previous: bytes, *parts: bytes) -> bytes:
    """Link a ledger row to the one before it: SHA-256 over the previous digest and the parts,
    each part with its length before it.
    """
    text = previous + b"".join([len(part).to_bytes(4, "big") + part for part in parts])
    return hashlib.sha256(text).digest()


def history_link(
    previous: bytes, stem: str, lane: int, sequence: int, event_id: bytes, key: str, marker: int, operation: str,
    content: bytes, payload: bytes | None, contract: int, exchanged_us: int, recorded_us: int,
) -> bytes:  # fmt: skip
    """Link a row of `ledger.history`: every column that says what was accepted, and when.

    A payload enters as its SHA-256, so that a verifier may hold digests instead of payloads.
    """
    numbers = _SIX.pack(lane, sequence, marker, contract, exchanged_us, recorded_us)
    body = b"" if payload is None else hashlib.sha256(payload).digest()
    return chain(previous, stem.encode(), numbers, event_id, key.encode(), operation.encode(), content, body)


def transaction_link(
    previous: bytes, recipient: str, stem: str, lane: int, sequence: int, event_id: bytes, subscription: int,
    exchanged_us: int, recorded_us: int,
) -> bytes:  # fmt: skip
    """Link a row of `ledger.transaction`."""
    numbers = _FIVE.pack(lane, sequence, subscription, exchanged_us, recorded_us)
    return chain(previous, recipient.encode(), stem.encode(), numbers, event_id)
