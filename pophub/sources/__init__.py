"""Databases by SQL or by their log, drop folders, HTTP APIs and topics, by kind, never by agency: `open_source` picks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pophub.contracts.kafka_source import KafkaSource
from pophub.contracts.model import Connector
from pophub.contracts.source_model import CdcSource, FilesSource, HttpSource, SqlSource
from pophub.ports import Source
from pophub.settings import Settings

if TYPE_CHECKING:
    from pophub.sources.http_client import Access


def open_source(connector: Connector, settings: Settings, *, stays_open: bool = False) -> Source:
    """Give the source that the connector declares; nothing is connected yet.

    A table, its log or a topic that `stays_open` keeps its connection until the caller closes it.

    Errors: `config.variable_missing` when the variable of its URL is not set; `source.url` when
    the address cannot be read; `source.driver_missing` when its driver is not installed.
    """
    source = connector.file.source
    where = connector.stem
    url = settings.resolve(source.url, where=where)
    match source:
        case SqlSource():
            from pophub.sources.open_table import OpenTable
            from pophub.sources.sql import SqlTable

            return (OpenTable if stays_open else SqlTable)(source, url, where=where)
        case CdcSource():
            from pophub.sources.open_wal import OpenWalTable
            from pophub.sources.wal_table import WalTable

            return (OpenWalTable if stays_open else WalTable)(
                source, url, columns=connector.file.columns, where=where
            )
        case FilesSource():
            from pophub.sources.files import DropFolder

            mapped = tuple(field.source for field in connector.file.mapping.values())
            return DropFolder(source, Path(url), columns=mapped, where=where)
        case HttpSource():
            from pophub.sources.http import HttpApi

            access = access_of(source, settings, where)
            return HttpApi(source, url, access, columns=connector.file.columns, where=where)
        case KafkaSource():
            from pophub.sources.open_topic import open_topic

            return open_topic(connector, source, url, settings, stays_open=stays_open)


def access_of(source: HttpSource, settings: Settings, where: str) -> Access:
    """Resolve how the hub gets in at an API.

    Errors: `config.variable_missing`.
    """
    from pophub.sources.http_client import Access

    named = source.certificate
    certificate = Path(settings.resolve(named, where=where)) if named is not None else None
    if (login := source.login) is None:
        return Access(certificate=certificate)
    secret = settings.resolve(login.secret, where=where)
    if login.user is None:
        return Access(token=secret, certificate=certificate)
    return Access(basic=(settings.resolve(login.user, where=where), secret), certificate=certificate)
