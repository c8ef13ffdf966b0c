"""A subscription as the share stage uses it: terms, schema, key, what each version becomes."""

from __future__ import annotations

import hashlib
from binascii import hexlify
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import cached_property, partial
from typing import NamedTuple

from pophub import avro
from pophub.contracts.model import Connector
from pophub.contracts.row_terms import allowed
from pophub.contracts.subscription_model import Grant, SubscriptionFile
from pophub.domain import digests
from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.history import AcceptedVersion
from pophub.ports import Held, Message, Outgoing, ShareStore
from pophub.sharing.hub_log import OWN


class Form(NamedTuple):
    """How the topic carries records of one contract version: their schema there, and its registered id."""

    schema: str
    schema_id: int


def _nothing(keys: Collection[str]) -> set[str]:
    return set()


@dataclass(frozen=True)
class Subscription:
    """A recipient's right to one dataset at one version of its terms.

    Shape: `forms` has one form for each of the contract's schemas, the newest first. A record leaves in
    the form of the version that it was encoded under, so that raising a contract changes nothing of
    what the topic carries for it. `earlier` holds the subscription under each earlier version of its terms.
    """

    recipient: str
    connector: Connector
    grant: Grant
    forms: tuple[Form, ...]
    secret: bytes
    earlier: Mapping[int, Subscription] = field(default_factory=dict, compare=False)
    held: Held = field(default=_nothing, compare=False)

    @property
    def stem(self) -> str:
        """The dataset."""
        return self.connector.stem

    @property
    def topic(self) -> str:
        """The topic that this subscription fills."""
        return f"sub.{self.recipient}.{self.stem}"

    @property
    def version(self) -> int:
        """Version of the terms."""
        return self.grant.version

    @property
    def starts_us(self) -> int:
        """Start of the subscription, microseconds UTC."""
        return _midnight_us(self.grant.starts)

    @property
    def limited(self) -> bool:
        """Tell whether the terms limit the rows, so that a record can leave them."""
        return bool(self.grant.rows)

    def under(self, version: int) -> Subscription:
        """Give the subscription as it was under a version of its terms."""
        return self.earlier.get(version, self)

    def before(self, metadata: str) -> Subscription | None:
        """Give the subscription under whose earlier terms a position was published, if it was."""
        version, _, _ = metadata.partition(":")
        return self.earlier.get(int(version)) if version else None

    def ready(self, store: ShareStore, lane: int) -> Subscription:
        """Let terms that limit the rows know what their recipient has of a lane, so that it is told what leaves."""
        return self.knowing(store.holding(lane)) if self.limited else self

    def knowing(self, held: Held) -> Subscription:
        """Give the subscription that knows which keys its recipient has."""
        return replace(self, held=held)

    def complete(self, store: ShareStore, lane: int, upto: int) -> int:
        """Complete the ledger up to a published sequence; give how many share transactions were written."""
        return store.complete(lane, upto, self.granted, self.version, self.starts_us)

    def outgoing(self, rows: Sequence[AcceptedVersion]) -> Outgoing:
        """Turn accepted versions into what the topic carries of those that the terms grant."""
        messages = self.messages(self.granted(rows))
        return Outgoing(messages, len(messages))

    def granted(self, rows: Sequence[AcceptedVersion]) -> list[AcceptedVersion]:
        """Leave out the versions that the terms do not grant.

        Terms that limit the rows grant no delete, nor a version that lies outside of them: whoever has
        the key gets a tombstone, and nobody else, lest one learn of rows that are not its own.
        """
        end = _midnight_us(self.grant.ends) if self.grant.ends else None
        dated = [row for row in rows if end is None or row.exchanged_us < end]
        if not self.grant.rows:
            return dated
        inside = [self._matches(row.payload) for row in dated]
        outside = {row.key for row, within in zip(dated, inside, strict=True) if not within}
        has, found = self.held(outside) if outside else set[str](), list[AcceptedVersion]()
        for row, within in zip(dated, inside, strict=True):
            if within:
                found.append(row)
                has.add(row.key)
            elif row.key in has:
                found.append(left(row))
                has.discard(row.key)
        return found

    def as_shared(self, row: AcceptedVersion) -> AcceptedVersion:
        """Give a version that is in the ledger as it was shared: one outside of the terms left them."""
        return left(row) if self.limited and not self._matches(row.payload) else row

    def _matches(self, payload: bytes | None) -> bool:
        if payload is None:
            return False
        record = avro.decode_known(self.connector.contract.schemas, payload)
        return all(record[name] in values for name, values in self._allowed.items())

    @cached_property
    def _allowed(self) -> dict[str, frozenset[object]]:
        return allowed(self.grant, {field.name: field for field in self.connector.contract.fields})

    def messages(self, rows: Sequence[AcceptedVersion]) -> list[Message]:
        """Turn accepted versions into what the topic carries; a delete becomes a tombstone."""
        keys = [row.key.encode() for row in rows]
        formed = self._values([row.payload for row in rows if row.payload is not None])
        values = [None if row.payload is None else next(formed) for row in rows]
        if not set(self.connector.file.key) <= set(self.grant.fields):
            keys = [hexlify(self._pseudonym(key)) for key in keys]
        transactions = [hexlify(self._transaction(row.event_id)[:16]) for row in rows]
        headers = [[("transaction", one)] for one in transactions]
        make = partial(tuple.__new__, Message)  # as `Message` does, without a Python frame each
        return list(map(make, zip(keys, values, headers, strict=True)))

    def _values(self, payloads: list[bytes]) -> Iterator[bytes]:
        """Give what the topic carries for accepted payloads, each in the form of its own version."""
        schemas = self.connector.contract.schemas
        if len(schemas) == 1:
            return self._formed(0, payloads)
        versions = avro.versions_of(schemas, payloads)
        parts = {
            version: self._formed(
                version, [p for p, v in zip(payloads, versions, strict=True) if v == version]
            )
            for version in set(versions)
        }
        return (next(parts[version]) for version in versions)

    def _formed(self, version: int, payloads: list[bytes]) -> Iterator[bytes]:
        schema, schema_id = self.forms[version]
        projected = avro.project(self.connector.contract.schemas[version], schema, payloads)
        return map(avro.framed(schema_id).__add__, projected)

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


def user_of(subscriber: str) -> str:
    """Give the broker's user of a subscriber; the prefix keeps it apart from the hub's own users."""
    return f"subscriber-{subscriber}"


def left(row: AcceptedVersion) -> AcceptedVersion:
    """Give a version that left a recipient's terms as what it gets of it: a delete."""
    return row._replace(operation="d", payload=None)


def recipients(stems: Iterable[str], files: Iterable[SubscriptionFile]) -> list[tuple[str, str]]:
    """Give (dataset, recipient) for each that is shared: the hub itself first, then the subscribers."""
    own = [(stem, OWN) for stem in stems]
    return own + [(grant.dataset, file.subscriber) for file in files for grant in file.grants]


def granted_schemas(connector: Connector, recipient: str, fields: Sequence[str]) -> list[str]:
    """Derive the Avro schemas of a recipient who is granted these fields: one for each of the contract's,
    the newest first.

    Readers want at least one field: a version with none of the granted ones takes the schema of the
    first later version that has one, and its records are null there.
    """
    name, found = f"{connector.contract.record_name}_for_{recipient}", list[str]()
    for schema in connector.contract.schemas:
        some = not found or not set(fields).isdisjoint(avro.names_of(schema))
        found.append(avro.projected(schema, fields, name) if some else found[-1])
    return found


def subscription_secret(secret: str, topic: str) -> bytes:
    """Derive the key of a subscription's pseudonyms and transaction ids from the hub's secret."""
    return hashlib.blake2b(topic.encode(), key=secret.encode()[:64], digest_size=32).digest()


def midnight(day: date) -> datetime:
    """Give the instant at which a day begins in Việt Nam: where rights start and end."""
    return datetime.combine(day, time(), HO_CHI_MINH)


def _midnight_us(day: date) -> int:
    return int(midnight(day).timestamp()) * 1_000_000
