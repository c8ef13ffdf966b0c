"""Digests that name contents and versions, and the lane of a key.

All digests are BLAKE2b of 16 bytes over UTF-8 JSON, the ledger's chain is SHA-256, so that a
third party can derive them with any language's standard library.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson

DIGEST_BYTES = 16
_OPTIONS = orjson.OPT_UTC_Z


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


def row_digests(columns: Sequence[Sequence[Any]], rows: int) -> list[bytes]:
    """Digest each row over its values in the order of the columns."""
    if not columns:
        return [b""] * rows
    digest = hashlib.blake2b
    return [digest(_json(row), digest_size=DIGEST_BYTES).digest() for row in zip(*columns, strict=True)]


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
