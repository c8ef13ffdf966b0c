"""Digests that name contents and versions, and the lane of a key.

All digests are BLAKE2b of 16 bytes over UTF-8 JSON or over the record as it is kept, the ledger's chain is
SHA-256, so that a third party can derive them with any language's standard library.
"""

from __future__ import annotations

import hashlib
import hmac  # noqa: F401  the example's
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from struct import Struct
from typing import Any

import orjson

from pophub.domain.numbers import plain_number
from pophub.domain.record import Measured

DIGEST_BYTES = 16
_BLOCK_BYTES = 64  # of SHA-256
_OPTIONS = orjson.OPT_UTC_Z
_CHARACTER = 10  # bytes of any character at most, as of "\\U000e0001"
_MARKS = 20  # bytes of what stands around a value: quotes, comma, brackets, the name of bytes
_SHORT = {bool: 5, float: 25, date: 30, datetime: 150}  # bytes at most
_ONE, _TWO, _FIVE, _SIX, _SEVEN = (
    Struct(f">{count}q") for count in (1, 2, 5, 6, 7)
)  # 64 bits each, signed, big-endian


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, Decimal):
        return plain_number(value)
    return repr(value)  # integers beyond 64 bits, times of day, intervals


def _json(values: Sequence[Any]) -> bytes:
    try:
        return orjson.dumps(values, default=_plain, option=_OPTIONS)
    except orjson.JSONEncodeError:  # lone surrogates have no UTF-8
        return _shown(values)


def _shown(value: Any) -> bytes:
    return repr(value).encode("utf-8", "surrogatepass")


def _jsons(rows: Iterable[Sequence[Any]]) -> list[bytes]:
    """Give each row's JSON, cut out of that of all rows: orjson takes a kilobyte anew for each call.

    JSON has no line feed of its own, so one is put between rows; where a text holds the same three
    characters there are more pieces than rows, and each row is written alone.
    """
    rows = list(rows)
    try:
        texts = orjson.dumps(rows, _plain, _OPTIONS)[1:-1].replace(b"],[", b"]\n[").split(b"\n")
    except orjson.JSONEncodeError:
        texts = []
    return texts if len(texts) == len(rows) else list(map(_json, rows))


def joint_digest(contents: Sequence[bytes]) -> bytes:
    """Name several contents as one; in whatever order they come."""
    return hashlib.blake2b(b"".join(sorted(contents)), digest_size=DIGEST_BYTES).digest()


def row_digests(columns: Sequence[Sequence[Any]], rows: int) -> tuple[list[bytes], list[int]]:
    """Digest each row over its values in the order of the columns; give also its size as JSON."""
    if not columns:
        return [b""] * rows, [0] * rows
    texts = _jsons(zip(*columns, strict=True))
    digest = hashlib.blake2b
    return [digest(text, digest_size=DIGEST_BYTES).digest() for text in texts], list(map(len, texts))


def content_digests(operation: bytes, bodies: Sequence[bytes]) -> list[bytes]:
    """Name contents: a digest of the operation's letter and the record, or the key of a delete."""
    digest = hashlib.blake2b
    return [digest(operation + body, digest_size=DIGEST_BYTES).digest() for body in bodies]


def most_bytes(values: Sequence[Any]) -> int:
    """Give what no value of a column surely passes in the text of its row; cheap, where `row_digests` is not."""
    if type(values) is Measured and values.longest is not None:
        return _MARKS + _CHARACTER * values.longest
    try:
        return _MARKS + _CHARACTER * max(map(len, values), default=0)
    except TypeError:  # not all of them are texts or bytes
        kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str, bytes}:
        return _MARKS + _CHARACTER * max(map(len, filter(None, values)), default=0)
    if kinds == {int}:
        numbers = [value for value in values if value is not None]
        return _MARKS + max(len(repr(min(numbers))), len(repr(max(numbers))))
    if kinds <= _SHORT.keys():
        return _MARKS + max(_SHORT[kind] for kind in kinds)
    return _MARKS + max(max(len(_json((value,))), len(_shown(value))) for value in values)


def event_ids(
    stem: str, keys: Sequence[str], markers: Sequence[int], contents: Sequence[bytes]
) -> list[bytes]:
    """Name each record version: a digest of stem, key, marker and content."""
    digest, triples = hashlib.blake2b, zip((stem,) * len(keys), keys, markers, strict=True)
    return [
        digest(text + content, digest_size=DIGEST_BYTES).digest()
        for text, content in zip(_jsons(triples), contents, strict=True)
    ]


def lane_of(key: str, lanes: int) -> int:
    """Give the lane of a key: CRC-32 of its UTF-8 modulo the number of lanes."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass")) % lanes


def keyed(secret: bytes, prefix: bytes) -> Callable[[bytes], bytes]:
    """Give HMAC-SHA-256 (RFC 2104) under a secret over `prefix` and what it is given, the key worked in once.

    >>> keyed(b"k", b"of ")(b"x") == hmac.digest(b"k", b"of x", "sha256")
    True
    """
    block = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK_BYTES else secret).ljust(
        _BLOCK_BYTES, b"\0"
    )
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + prefix)
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def digest(data: bytes) -> bytes:
        first, second = inner.copy(), outer.copy()
        first.update(data)
        second.update(first.digest())
        return second.digest()

    return digest


def chain(previous: bytes, *parts: bytes) -> bytes:
    """Link a ledger row to the one before it: SHA-256 over the previous digest and the parts,
    each part with its length before it.
    """
    return hashlib.sha256(previous + b"".join(map(_sized, parts))).digest()


def history_link(
    previous: bytes, stem: str, lane: int, sequence: int, event_id: bytes, key: str, marker: int, operation: str,
    content: bytes, payload: bytes | None, contract: int, exchanged_us: int, recorded_us: int,
    changed_us: int | None = None,
) -> bytes:  # fmt: skip
    """Link a row of `ledger.history`: every column that says what was accepted, and when.

    A payload enters as its SHA-256, so that a verifier may hold digests instead of payloads.
    """
    numbers = _SIX.pack(lane, sequence, marker, contract, exchanged_us, recorded_us)
    if changed_us is not None:
        numbers += _ONE.pack(changed_us)
    body = b"" if payload is None else hashlib.sha256(payload).digest()
    size, name = SIZES, key.encode()
    return hashlib.sha256(b"".join((
        previous, _sized_text(stem), size[len(numbers)], numbers, size[len(event_id)], event_id, size[len(name)], name,
        _sized_text(operation), size[len(content)], content, size[len(body)], body,
    ))).digest()  # fmt: skip


def stretch_link(
    previous: bytes, recipient: str, stem: str, lane: int, first: int, last: int, omitted: Sequence[tuple[int, int]],
    granted: int, subscription: int, exchanged_us: int, recorded_us: int, events: bytes,
) -> bytes:  # fmt: skip
    """Link a row of `ledger.stretch`: every column of it, and the event ids of the versions that it counts."""
    numbers = _SEVEN.pack(lane, first, last, granted, subscription, exchanged_us, recorded_us)
    left_out = b"".join(_TWO.pack(*between) for between in omitted)
    return chain(previous, recipient.encode(), stem.encode(), numbers, left_out, events)


def public_link(
    previous: bytes, stem: str, lane: int, sequence: int, event_id: bytes, contract: int, exchanged_us: int,
    recorded_us: int, digest: bytes,
) -> bytes:  # fmt: skip
    """Link what may be published of a row of `ledger.history`; its own digest stands for key and payload."""
    numbers = _FIVE.pack(lane, sequence, contract, exchanged_us, recorded_us)
    return chain(previous, stem.encode(), numbers, event_id, digest)


class _Lengths(dict[int, bytes]):
    """A part's length as it stands before the part, each made once."""

    def __missing__(self, length: int) -> bytes:
        made = self[length] = length.to_bytes(4, "big")
        return made


SIZES = _Lengths()


def _sized(part: bytes) -> bytes:
    return SIZES[len(part)] + part


@lru_cache(1024)
def _sized_text(text: str) -> bytes:
    return _sized(text.encode())
