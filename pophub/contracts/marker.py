"""What goes with which kind of change marker, and what a manifest of files needs."""

from __future__ import annotations

from functools import partial

from pophub.contracts.flaws import Flaws
from pophub.contracts.model import ConnectorFile
from pophub.contracts.source_model import CdcSource, DatabaseSource, FilesSource, HttpSource, SqlSource
from pophub.contracts.strict_yaml import Document
from pophub.contracts.suite import refuse

_SECONDS = (
    "has no effect on a sequence: numbers tell nothing of when they were committed. What holds: `late_rows` "
    "declares by how many numbers a row may be overtaken, and what comes later than that is found by "
    "`pophub reconcile STEM`, and brought in with --mend"
)
_NUMBERS = "has no effect on times, of which any number may lie between two; `late_s` is their window"
_NOTHING = "has no effect on a scan: all rows are read each time"


def check_window(document: Document, file: ConnectorFile) -> None:
    """Refuse a window that would be accepted and do nothing.

    Errors: `config.marker` with file and line.
    """
    source, flaws = file.source, Flaws()
    kind = source.marker.kind
    if isinstance(source, SqlSource | HttpSource):
        keys, why = {
            "time": (("late_rows",), _NUMBERS),
            "sequence": (("late_s", "settle_s"), _SECONDS),
            "scan": (("late_s", "settle_s", "late_rows"), _NOTHING),
            "wal": ((), ""),
            "log": ((), ""),  # refused already: it is of a topic
        }[kind]
        for key in keys:
            if getattr(source, key, 0):
                flaws.add(refuse("config.marker", f"{key} {why}", document.where("source", key)))
    if kind not in ("scan", "wal") and "gone_at_most" in source.model_fields_set:
        what = "gone_at_most belongs to a scan: only there rows are found to be gone"
        flaws.add(refuse("config.marker", what, document.where("source", "gone_at_most")))
    flaws.tell()


def check_scan(document: Document, file: ConnectorFile) -> None:
    """Refuse a marker without its column, and of what the hub numbers itself all that speaks of one.

    Errors: `config.missing`, `config.marker` with file and line.
    """
    source, flaws = file.source, Flaws()
    said = source.marker.model_fields_set - {"kind"}
    if (source.marker.kind == "log") != (source.reads == "log"):
        what = "a topic is read in its own order, and nothing else is: marker {kind: log}"
        raise refuse("config.marker", what, document.where("source", "marker"))
    if source.marker.kind == "log":
        for key in sorted(said):
            what = f"a log has no {key}: the place of a change in it is the marker"
            flaws.add(refuse("config.marker", what, document.where("source", "marker", key)))
        flaws.tell()
        return
    if isinstance(source, CdcSource) != (source.marker.kind == "wal"):
        what = "the marker `wal` belongs to `kind: cdc`, which has no other: leave `marker` out there"
        raise refuse("config.marker", what, document.where("source", "marker", "kind"))
    if not source.marker.numbered:
        if "column" not in said:
            what = "the column of the marker is missing; a table that has none is read with kind: scan"
            raise refuse("config.missing", what, document.where("source", "marker"))
        return
    if not isinstance(source, DatabaseSource | FilesSource):
        what = "a scan is of a table or of files: pages that change while they are read prove nothing gone"
        raise refuse("config.marker", what, document.where("source", "marker", "kind"))
    for key in sorted(said):
        what = f"a {source.marker.kind} has no {key}: its number is the marker"
        flaws.add(refuse("config.marker", what, document.where("source", "marker", key)))
    columns = [file.mapping[name].source for name in file.key if name in file.mapping]
    if isinstance(source, DatabaseSource) and set(source.key) != set(columns):
        what = f"of a {source.marker.kind}, source.key is what the key is read from: {', '.join(columns)}"
        flaws.add(refuse("config.marker", what, document.where("source", "key")))
    flaws.tell()


def check_manifest(document: Document, file: ConnectorFile) -> None:
    """Refuse a manifest that says nothing of a file, or names no file.

    Errors: `config.missing` with file and line.
    """
    source = file.source
    if not isinstance(source, FilesSource) or (manifest := source.manifest) is None:
        return
    where = partial(document.where, "source", "manifest")
    said = manifest.rows or manifest.digest
    if said and manifest.name is None:
        raise refuse(
            "config.missing", "a manifest with columns needs name, the column with the file's name", where()
        )
    if manifest.name and not said:
        raise refuse("config.missing", "a manifest with columns needs rows or digest, or both", where())
