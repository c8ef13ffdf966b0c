"""Databases by SQL and drop folders of files, by kind and never by agency; `open_source` picks by declaration."""

from __future__ import annotations

from pathlib import Path

from pophub.contracts.model import Connector
from pophub.contracts.source_model import FilesSource, SqlSource
from pophub.ports import FolderSource, TableSource
from pophub.settings import Settings


def open_source(
    connector: Connector, settings: Settings, *, stays_open: bool = False
) -> TableSource | FolderSource:
    """Give the source that the connector declares; nothing is connected yet.

    A table that `stays_open` keeps its connection until the caller closes it.

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
        case FilesSource():
            from pophub.sources.files import DropFolder

            mapped = tuple(field.source for field in connector.file.mapping.values())
            return DropFolder(source, Path(url), columns=mapped, where=where)
