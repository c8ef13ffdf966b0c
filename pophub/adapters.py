"""The real adapter of each port, over the servers that the settings name; tests hand others to the hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager

from pophub.contracts.model import Connector
from pophub.contracts.subscription_model import Grant
from pophub.gates.rules import GreatExpectationsRules
from pophub.kafka import Publisher, RawReader, RawTopic, RawWriter
from pophub.live.circuit import refuse_resting
from pophub.live.heartbeat import Shown, heartbeat
from pophub.live.watch import stops_sharing
from pophub.ports import BlockReader, BlockWriter, LanePublisher, RawLanes, Rules, Source
from pophub.postgres import Connection, connect
from pophub.quarantine.holds import paused
from pophub.settings import Settings
from pophub.sharing import registry, terms
from pophub.sharing.hub_log import HubLog
from pophub.sharing.registry import history_subject
from pophub.sharing.secret_in_use import pseudonym_secret
from pophub.sharing.subscription import Form, Subscription, granted_schemas, subscription_secret
from pophub.sources import open_source
from pophub.stores.reading import refuse_redeclared


class Adapters:
    """How the hub reaches its servers; each client ends with the block that it was opened for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._rules: dict[str, Rules] = {}

    @contextmanager
    def connection(self, role: str) -> Iterator[Connection]:
        """Give a session of PostgreSQL as one of the roles."""
        with closing(connect(self.settings, role)) as connection:
            yield connection

    @contextmanager
    def writer(self, stem: str) -> Iterator[BlockWriter]:
        """Give the writer of a dataset's raw topic."""
        with closing(RawWriter(self.settings, f"raw.{stem}")) as writer:
            yield writer

    @contextmanager
    def reader(self, stem: str, lane: int) -> Iterator[BlockReader]:
        """Give the reader of a lane of raw."""
        with closing(RawReader(self.settings, f"raw.{stem}", lane)) as reader:
            yield reader

    @contextmanager
    def raw_lanes(self, stem: str, lanes: int) -> Iterator[RawLanes]:
        """Give a dataset's raw topic to who takes up a loss of it."""
        with closing(RawTopic(self.settings, f"raw.{stem}", lanes)) as topic:
            yield topic

    @contextmanager
    def publisher(self, topic: str, lane: int) -> Iterator[LanePublisher]:
        """Give the publisher of a lane of a subscription's topic."""
        with closing(Publisher(self.settings, topic, lane)) as publisher:
            yield publisher

    def source(self, connector: Connector, *, stays_open: bool = False) -> Source:
        """Give the source that a connector declares; a table that `stays_open` is closed by the caller."""
        return open_source(connector, self.settings, stays_open=stays_open)

    def rules(self, connector: Connector) -> Rules:
        """Give the suite of a connector, made once a process."""
        if connector.stem not in self._rules:
            self._rules[connector.stem] = GreatExpectationsRules(connector)
        return self._rules[connector.stem]

    def refuse_resting(self, connection: Connection, stem: str) -> None:
        """Leave a source alone that stays down and is not to be asked yet.

        Errors: `source.resting`.
        """
        refuse_resting(connection, stem)

    def is_prepared(self, stem: str) -> bool:
        """Tell whether a dataset has topics and schemas."""
        return registry.is_prepared(self.settings, stem)

    def refuse_redeclared(self, connector: Connector) -> None:
        """Refuse a connector that would read its source by another table, marker or key than before.

        Errors: `source.redeclared`.
        """
        with self.connection("pophub_extract") as connection:
            refuse_redeclared(connection, connector)

    def heartbeat(self, stem: str, shown: Shown) -> AbstractContextManager[None]:
        """Write one heartbeat of a source when the block ends."""
        return heartbeat(self.settings, stem, shown)

    def paused(self, stem: str) -> dict[str, str]:
        """Give recipient -> reason of what a person paused; the recipient "" is the connector."""
        return paused(self.settings, stem)

    def stopped(self, connector: Connector) -> str | None:
        """Give the code of what stops the sharing of a dataset by its own policy."""
        return stops_sharing(self.settings, connector)

    def schema_id(self, connection: Connection, subject: str, schema: str) -> int:
        """Give the registered id of a schema."""
        return registry.schema_id(connection, subject, schema)

    def pseudonym_secret(self, connection: Connection) -> str:
        """Give the secret of pseudonyms.

        Errors: `secret.lost`, `secret.changed`.
        """
        return pseudonym_secret(connection, self.settings)

    def terms_on_record(self, connection: Connection, recipient: str, grant: Grant) -> dict[int, Grant]:
        """Give the earlier terms of a grant by version; refuse terms that are not on record.

        Errors: `subscription.changed`, `registry.missing`.
        """
        return terms.on_record(connection, recipient, grant)

    def registered_ids(self, connection: Connection, subject: str, schemas: Sequence[str]) -> list[int]:
        """Give the registered ids of a topic's schemas, 0 where nothing was ever written by one."""
        return registry.registered_ids(connection, subject, schemas)

    def log(self, connector: Connector) -> HubLog:
        """Give a dataset's log, whose payloads the registered schemas of its contract can read."""
        with self.connection("pophub_share") as connection:
            for schema in connector.contract.schemas:
                self.schema_id(connection, history_subject(connector.stem), schema)
        return HubLog(connector.stem)

    def subscription(self, recipient: str, connector: Connector, grant: Grant) -> Subscription:
        """Give a subscription by its terms, with those before them.

        Errors: those of `pseudonym_secret` and `terms_on_record`.
        """
        schemas = granted_schemas(connector, recipient, grant.fields)
        topic = f"sub.{recipient}.{connector.stem}"
        subject, earlier = f"{topic}-value", dict[int, Subscription]()
        with self.connection("pophub_share") as connection:
            known = self.terms_on_record(connection, recipient, grant)
            forms = tuple(Form(schema, self.schema_id(connection, subject, schema)) for schema in schemas)
            secret = subscription_secret(self.pseudonym_secret(connection), topic)
            for version, before in known.items():
                then = granted_schemas(connector, recipient, before.fields)
                ids = tuple(map(Form, then, self.registered_ids(connection, subject, then)))
                earlier[version] = Subscription(recipient, connector, before, ids, secret)
        return Subscription(recipient, connector, grant, forms, secret, earlier)
