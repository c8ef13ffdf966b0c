"""The accepted state of a dataset as Arrow: of each key the newest version by a moment, only the fields that are needed.

What may tell of a person is a token: equal values have equal tokens within one run, and no token says more. So a
figure counts, joins and compares persons, and hands none out, whatever its SQL asks for.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from pophub.avro import decode_known
from pophub.contracts.model import AvroField, Connector
from pophub.contracts.personal import hidden_fields
from pophub.domain.dates import HO_CHI_MINH
from pophub.ledger.checkpoint import Checkpoint
from pophub.postgres import Connection, statements, translated

SQL = statements("figures")
CHUNK = 5_000
TOKEN_BYTES = 16
_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(), "int": pa.int32(), "long": pa.int64(), "boolean": pa.bool_(), "double": pa.float64(),
    "date": pa.date32(), "timestamp-micros": pa.timestamp("us", "UTC"), "bytes": pa.binary(),
}  # fmt: skip


class Tokens:
    """Makes the tokens of one run: its key is drawn when it begins and forgotten when it ends."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def __call__(self, value: Any) -> str | None:
        """Give a value's token; none for none."""
        if value is None:
            return None
        return hashlib.blake2b(str(value).encode(), key=self._key, digest_size=TOKEN_BYTES).hexdigest()


def shown_as_tokens(connector: Connector) -> set[str]:
    """Give the fields that a figure sees as tokens: the personal ones, and the key of a dataset that names citizens."""
    file = connector.file
    names_citizens = bool(file.people) or file.population is not None
    return hidden_fields(connector) | (set(file.key) if names_citizens else set())


def schema_of(connector: Connector, fields: Sequence[AvroField]) -> pa.Schema:
    """Give the Arrow schema of some fields."""
    hidden = shown_as_tokens(connector)
    return pa.schema([(one.name, pa.string() if one.name in hidden else _type(one)) for one in fields])


def _type(field: AvroField) -> pa.DataType:
    return pa.decimal128(field.precision, field.scale) if field.type == "decimal" else _TYPES[field.type]


def needed(connector: Connector, names: frozenset[str], every: bool) -> list[AvroField]:
    """Give the fields that are named, the first of the key where none is: rows are to be counted even so."""
    fields = connector.contract.fields
    found = [one for one in fields if every or one.name in names]
    return found or [one for one in fields if one.name == connector.file.key[0]]


def accepted(
    connection: Connection,
    connector: Connector,
    fields: Sequence[AvroField],
    tokens: Tokens,
    checkpoint: Checkpoint,
    as_of: datetime,
) -> Iterator[pa.RecordBatch]:
    """Give the accepted state of a dataset, exchanged by `as_of` and signed by a checkpoint, a chunk at a time."""
    schema = schema_of(connector, fields)
    hidden = shown_as_tokens(connector)
    shown: list[Callable[[Any], Any] | None] = [tokens if one.name in hidden else None for one in fields]
    heads = [head for head in checkpoint.heads().values() if head["lane"][:2] == ["history", connector.stem]]
    lanes, upto = [head["lane"][2] for head in heads], [head["sequence"] for head in heads]
    with translated(connector.stem), connection.cursor(name="accepted") as rows:
        rows.itersize = CHUNK
        month = as_of.astimezone(HO_CHI_MINH).date().replace(day=1)
        rows.execute(SQL["accepted"], (lanes, upto, connector.stem, as_of, month))
        while chunk := rows.fetchmany(CHUNK):
            records = [decode_known(connector.contract.schemas, bytes(payload)) for (payload,) in chunk]
            columns = [
                pa.array([show(r[f.name]) if show else r[f.name] for r in records], type=kind)
                for f, show, kind in zip(fields, shown, schema.types, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
