"""What the source itself tells of a connector: whether it answers, and whether its marker can be trusted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pophub.contracts.model import Connector
from pophub.contracts.source_model import CdcSource, DatabaseSource
from pophub.contracts.strict_yaml import load_document
from pophub.domain.errors import ContractBreach, PophubError, TransientError
from pophub.domain.record import Columns
from pophub.gates.mapping import ContractMapper
from pophub.ports import TableSource
from pophub.scoring.findings import WORTH, Scored, ScoreFinding
from pophub.settings import Settings
from pophub.sources import open_source

if TYPE_CHECKING:
    from pophub.sources.files import DropFolder
    from pophub.sources.wal_table import WalTable

LOOKED_ROWS = 1_000
_LATER = ("config.variable_missing", "source.driver_missing")
"""Refusals of a machine that cannot reach the source, and no flaw of the connector."""


def score_source(connector: Connector, settings: Settings, scored: Scored) -> None:
    """Look at the source; where it cannot be reached from here, its parts earn nothing."""
    document = load_document(connector.path, settings.project)
    try:
        place = document.where("source", "marker")
        if isinstance(connector.file.source, DatabaseSource):
            _score_table(connector, connector.file.source, settings, scored, place)
        elif connector.file.source.reads == "folder":
            _score_folder(connector, settings, scored, place)
        else:  # nobody can tell what another kind of table has an index on
            rows = next(cast(TableSource, open_source(connector, settings)).read(None, LOOKED_ROWS), {})
            _score_markers(connector, rows, scored, place)
    except PophubError as error:
        scored.unseen.add("marker")
        where = document.where("source")
        if isinstance(error, TransientError) or error.code in _LATER:
            found = ScoreFinding(
                "advice", "source", WORTH["source"], error.code, error.what, where, error.remedy
            )
            scored.findings.append(found)
        else:
            scored.err(type(error)(error.code, error.what, where=where, remedy=error.remedy), "source")


def _score_folder(connector: Connector, settings: Settings, scored: Scored, where: str) -> None:
    """Look at the folder and its newest file: one without the columns is an error, another flaw is that file's own."""
    folder = Path(settings.resolve(connector.file.source.url, where=connector.stem))
    if not folder.is_dir():
        raise TransientError(
            "source.unreachable", "the folder is not there", where=connector.stem,
            remedy="see that the folder is mounted",
        )  # fmt: skip
    try:
        rows = cast("DropFolder", open_source(connector, settings)).newest(LOOKED_ROWS)
    except ContractBreach as error:
        if error.code == "source.header_missing":
            raise
        scored.advise("source", 5, error.code, f"the newest file is held as it is: {error.what}", where)
        return
    if rows and not connector.file.source.marker.numbered:
        _score_markers(connector, rows, scored, where)


def _score_table(
    connector: Connector, source: DatabaseSource, settings: Settings, scored: Scored, where: str
) -> None:
    from pophub.sources.survey import SurveyedDatabase

    cast(TableSource, open_source(connector, settings)).columns()  # looks at names and types
    url = settings.resolve(source.url, where=connector.stem)
    database = SurveyedDatabase(url, connector.stem)
    if database.unproved:
        what = f"the source is read as {database.unproved}, a kind of server that no test of pophub has read"
        scored.advise("source", 0, "connector.server_unproved", what, where)
    survey = database.survey(source.table, LOOKED_ROWS)
    wanted = {*connector.file.columns, *source.key}
    if missing := sorted(wanted - set(survey.names)):
        raise ContractBreach(
            "source.column_missing", f"the source has no column {', '.join(missing)}", where=connector.stem,
            remedy="ask the agency what changed; mend `mapping`, `source.marker` or `source.key`",
        )  # fmt: skip
    if isinstance(source, CdcSource):
        _score_log(connector, settings, scored, where)
    if source.marker.numbered:
        return
    marker = source.marker.column
    if survey.indexed is not None and marker not in survey.indexed:
        what = f"no index of {source.table} begins with {marker}"
        scored.advise("marker", 5, "connector.marker_unindexed", what, where)
    _score_markers(connector, survey.rows, scored, where)


def _score_log(connector: Connector, settings: Settings, scored: Scored, where: str) -> None:
    """Look at what the source's log tells of the table, and at the slot where there is one."""
    table = cast("WalTable", open_source(connector, settings))
    found = table.look()
    for flaw in found.flaws:
        scored.err(type(flaw)(flaw.code, flaw.what, where=where, remedy=flaw.remedy), "marker")
    if found.slot is not None and found.slot.lost:
        what = (
            f"the source lost the slot {table.slot} ({found.slot.lost}): the next run reads the whole table"
        )
        scored.advise("marker", 5, "source.slot_lost", what, where)
    if found.long_columns:
        names = ", ".join(sorted(found.long_columns))
        what = f"where a long value of {names} does not change, the log leaves it out, and the record fails"
        scored.advise("marker", 5, "contract.value.unavailable", what, where)


def _score_markers(connector: Connector, first: Columns, scored: Scored, where: str) -> None:
    """Look at the markers of the first rows: each has one, and none lies in the future."""
    markers = ContractMapper(connector).markers_of(first)[0]
    rows, without = len(markers), markers.count(None)
    if without:
        what = f"{without:,} of the first {rows:,} rows have no marker that can be read"
        scored.advise("marker", 5, "connector.marker_untrusted", what, where)
    ahead_us = (time.time() + connector.file.live.clock_skew_s) * 1_000_000
    if connector.file.source.marker.kind == "time" and any(m is not None and m > ahead_us for m in markers):
        what = "rows have a marker that lies in the future"
        scored.advise("marker", 5, "connector.marker_untrusted", what, where)
