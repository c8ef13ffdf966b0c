"""A subscription as the share stage uses it: terms, schema, key, what each version becomes."""

from __future__ import annotations

import hashlib
from binascii import hexlify
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from pophub import avro, digests
from pophub.contracts.model import Connector, Grant, SubscriptionFile
from pophub.kafka import Message
from pophub.ledger.rows import Accepted

HO_CHI_MINH = ZoneInfo("Asia/Ho_Chi_Minh")
OWN = "shared"


@dataclass(frozen=True)
class Subscription:
    """A recipient's right to one dataset at one version of its terms.

    The hub's own subscription (`recipient` is `shared`) has no grant: all fields, all rows, and
    headers from which anyone can rebuild the population database.
    """

    recipient: str
    connector: Connector
    grant: Grant | None
    schema: str
    schema_id: int
    secret: bytes

    @property
    def stem(self) -> str:
        """The dataset."""
        return self.connector.stem

    @property
    def topic(self) -> str:
        """The topic that this subscription fills."""
        return f"shared.{self.stem}" if self.grant is None else f"sub.{self.recipient}.{self.stem}"

    @property
    def version(self) -> int:
        """Version of the terms."""
        return self.grant.version if self.grant else 1

    @property
    def starts_us(self) -> int:
        """Start of the subscription, microseconds UTC; 0 for the hub's own."""
        return _midnight_us(self.grant.starts) if self.grant else 0

    def granted(self, rows: Sequence[Accepted]) -> list[Accepted]:
        """Leave out the versions that the terms do not grant.

        A delete names no field, so terms that limit the rows cannot grant it: such a recipient gets
        no tombstone, lest it learn of rows that are not its own.
        """
        if self.grant is None:
            return list(rows)
        end = _midnight_us(self.grant.ends) if self.grant.ends else None
        dated = [row for row in rows if end is None or row.exchanged_us < end]
        if not self.grant.rows:
            return dated
        return [row for row in dated if row.payload is not None and self._matches(row.payload)]

    def _matches(self, payload: bytes) -> bool:
        assert self.grant is not None
        record = avro.decode_record(self.connector.contract.avro_schema, payload)
        return all(str(record[name]) in values for name, values in self.grant.rows.items())

    def messages(self, rows: Sequence[Accepted]) -> list[Message]:
        """Turn accepted versions into what the topic carries; a delete becomes a tombstone."""
        frame, keys = avro.framed(self.schema_id), [row.key.encode() for row in rows]
        if self.grant is None:
            values = [None if row.payload is None else frame + row.payload for row in rows]
            return list(map(Message, keys, values, map(_own_headers, rows)))
        whole = [row.payload for row in rows if row.payload is not None]
        projected = iter(avro.project(self.connector.contract.avro_schema, self.schema, whole))
        values = [None if row.payload is None else frame + next(projected) for row in rows]
        if not set(self.connector.file.key) <= set(self.grant.fields):
            keys = [hexlify(self._pseudonym(key)) for key in keys]
        transactions = [hexlify(self._transaction(row.event_id)[:16]) for row in rows]
        return list(map(Message, keys, values, [[("transaction", one)] for one in transactions]))

    def transaction_id(self, event_id: bytes) -> str:
        """Name a share transaction as the recipient sees it: a keyed digest of the event, hex."""
        return self._transaction(event_id)[:16].hex()

    @cached_property
    def _transaction(self) -> Callable[[bytes], bytes]:
        return digests.keyed(self.secret, b"transaction")

    @cached_property
    def _pseudonym(self) -> Callable[[bytes], bytes]:
        """This subscriber's names for keys that it was not granted."""
        return digests.keyed(self.secret, b"key")


def recipients(stems: Iterable[str], files: Iterable[SubscriptionFile]) -> list[tuple[str, str]]:
    """Give (dataset, recipient) for each that is shared: the hub itself first, then the subscribers."""
    own = [(stem, OWN) for stem in stems]
    return own + [(grant.dataset, file.subscriber) for file in files for grant in file.grants]


def subscription_schema(connector: Connector, recipient: str, grant: Grant | None) -> str:
    """Derive the Avro schema of a subscription's records."""
    if grant is None:
        return connector.contract.avro_schema
    name = f"{connector.contract.record_name}_for_{recipient}"
    return avro.projected(connector.contract.avro_schema, grant.fields, name)


def subscription_secret(secret: str, topic: str) -> bytes:
    """Derive the key of a subscription's pseudonyms and transaction ids from the hub's secret."""
    return hashlib.blake2b(topic.encode(), key=secret.encode()[:64], digest_size=32).digest()


def _own_headers(row: Accepted) -> list[tuple[str, bytes]]:
    return [
        ("event_id", hexlify(row.event_id)),
        ("sequence", b"%d" % row.sequence),
        ("marker", b"%d" % row.marker),
        *_repeated(row.operation, row.exchanged_us, row.recorded_us, row.contract),
    ]


@lru_cache(1024)
def _repeated(operation: str, exchanged_us: int, recorded_us: int, contract: int) -> list[tuple[str, bytes]]:
    """Give the headers that are the same for all versions of a batch and micro-batch."""
    return [
        ("operation", operation.encode()),
        ("exchanged_at", b"%d" % exchanged_us),
        ("recorded_at", b"%d" % recorded_us),
        ("contract", b"%d" % contract),
    ]


def _midnight_us(day: object) -> int:
    moment = datetime.combine(day, time(), HO_CHI_MINH)  # type: ignore[arg-type]
    return int(moment.timestamp()) * 1_000_000
