"""How the hub gets at an agency's topic: broker, login and registry, from the connector and the environment."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import orjson

from pophub.avro import BadForeign
from pophub.contracts.kafka_source import KafkaSource
from pophub.contracts.model import Connector
from pophub.domain.errors import ConfigError, PophubError
from pophub.kafka import BrokerAccess, ForeignTopic
from pophub.settings import Settings
from pophub.sources.connect_rows import Messages
from pophub.sources.http_client import Access, HttpClient, read_url
from pophub.sources.json_pages import no_page
from pophub.sources.topic import Topic

SCHEMES = {"kafka": False, "kafkas": True}  # whether the brokers speak TLS
_BROKERS = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}(?:,(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5})*\Z")


def open_topic(
    connector: Connector, source: KafkaSource, url: str, settings: Settings, *, stays_open: bool = False
) -> Topic:
    """Give the topic that a connector declares; nothing is connected yet.

    One that `stays_open` keeps its client until the caller closes it; else it ends with what is read.

    Errors: `config.variable_missing`, `source.url`.
    """
    where, file = connector.stem, connector.file
    client = ForeignTopic(broker_access(source, url, settings, where), source.topic, where)
    return Topic(
        source, client, Messages(schemas_of(source, settings, where)),
        columns=file.columns, key=[file.mapping[name].source for name in file.key], stays_open=stays_open,
    )  # fmt: skip


def broker_access(source: KafkaSource, url: str, settings: Settings, where: str) -> BrokerAccess:
    """Resolve how the hub gets in at the brokers.

    Errors: `config.variable_missing`, `source.url`.
    """
    brokers, tls = read_brokers(url, where)
    certificate = _certificate(source, settings, where)
    if (login := source.login) is None:
        return BrokerAccess(brokers, tls, certificate)
    user, secret = (settings.resolve(one, where=where) for one in (login.user, login.secret))
    return BrokerAccess(brokers, tls, certificate, login.mechanism, user, secret)


def _certificate(source: KafkaSource, settings: Settings, where: str) -> Path | None:
    return None if source.certificate is None else Path(settings.resolve(source.certificate, where=where))


def read_brokers(url: str, where: str) -> tuple[str, bool]:
    """Give the brokers of an address, and whether they speak TLS.

    Errors: `source.url`; it holds nothing of the address.
    """
    scheme, _, brokers = url.partition("://")
    brokers = brokers.removesuffix("/")
    if scheme not in SCHEMES or not _BROKERS.match(brokers):
        raise ConfigError(
            "source.url", "the address of the brokers cannot be read", where=where,
            remedy="write kafka://HOST:PORT, or kafkas:// where they speak TLS, several with a comma between; the "
            "login stands in `source.login`, the topic in `source.topic`",
        )  # fmt: skip
    return brokers, SCHEMES[scheme]


def schemas_of(source: KafkaSource, settings: Settings, where: str) -> Callable[[int], str] | None:
    """Give what asks the registry for the text of a schema; None where none is declared.

    Errors: `config.variable_missing`, `source.url`.
    """
    if (registry := source.registry) is None:
        return None
    certificate = _certificate(source, settings, where)
    base = read_url(settings.resolve(registry.url, where=where), where)
    secret = None if registry.secret is None else settings.resolve(registry.secret, where=where)
    user = None if registry.user is None else settings.resolve(registry.user, where=where)
    basic = None if user is None else (user, secret or "")
    access = Access(token=secret if user is None else None, basic=basic, certificate=certificate)

    def schema_of(number: int) -> str:
        with HttpClient(base, access, where) as client:
            try:
                page = client.page(base.copy_with(path=f"{base.path.rstrip('/')}/schemas/ids/{number}"), {})
            except PophubError as error:
                if error.code != "source.table_missing":
                    raise
                client.page(base.copy_with(path=f"{base.path.rstrip('/')}/subjects"), {})  # it is a registry
                raise ValueError("no such schema") from None  # of this one message
        try:
            found = orjson.loads(page.data)
            if found.get("schemaType", "AVRO") != "AVRO" or found.get("references"):
                raise BadForeign("no plain Avro")
            return str(found["schema"])
        except (orjson.JSONDecodeError, AttributeError, KeyError):
            raise no_page("what answers for the registry gives no schema", where) from None

    return schema_of
