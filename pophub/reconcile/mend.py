"""Bring in rows that the source committed too late: as batches of their own, through extract."""

from __future__ import annotations

from contextlib import closing

from pophub.contracts.model import Connector
from pophub.kafka import RawWriter
from pophub.ports import FolderSource, Mapper, TableSource
from pophub.postgres import connect
from pophub.reconcile import source
from pophub.settings import Settings
from pophub.stages.extract import Extract
from pophub.stores.extract import ExtractStore, own_source


def bring_in(
    settings: Settings,
    connector: Connector,
    mapper: Mapper,
    at: TableSource | FolderSource,
    late: set[str],
    run: str,
) -> int:
    """Send the rows with these event ids to raw; give how many. The position stays.

    A repetition, or a crash between the broker's acknowledgement and the batch's closing, sends
    rows twice at worst, and judge finds duplicates.
    """
    with (
        closing(connect(settings, "pophub_extract")) as connection,
        closing(RawWriter(settings, f"raw.{connector.stem}")) as writer,
    ):
        settle_s = getattr(connector.file.source, "settle_s", 0)
        store = own_source(connection, connector.stem, settle_s, ExtractStore)
        stage = Extract(connector, mapper, store, writer, run)
        seen = source.Seen(0, None, {}, tuple(store.files_taken()))
        chunks = source.chunks_of(connector, at, seen)
        return stage.again(source.late_rows(connector, mapper, chunks, late)).rows
