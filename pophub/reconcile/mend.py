"""Bring in rows that the source committed too late: as batches of their own, through extract."""

from __future__ import annotations

from contextlib import closing

from pophub.postgres import connect, statements, transaction
from pophub.reconcile import source
from pophub.settings import Settings
from pophub.stages.extract import Extract

SQL = statements("backfill")


def record(settings: Settings, stem: str, rows: int, by: str) -> None:
    """Keep who has late rows brought in, before they are sent."""
    with (
        closing(connect(settings, "pophub_extract")) as connection,
        transaction(connection, f"mend of {stem}") as cursor,
    ):
        cursor.execute(SQL["record_mend"], (stem, rows, by))


def bring_in(stage: Extract, late: set[str]) -> int:
    """Send the rows with these event ids to raw; give how many. The position stays.

    A repetition, or a crash between the broker's acknowledgement and the batch's closing, sends
    rows twice at worst, and judge finds duplicates.
    """
    seen = source.Beforehand(0, None, {}, tuple(stage.store.files_taken()))
    chunks = source.chunks_of(stage.connector, stage.source, seen)
    return stage.again(source.late_rows(stage.connector, stage.mapper, chunks, late)).rows
