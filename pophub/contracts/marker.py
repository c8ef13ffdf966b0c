"""Which windows go with which kind of change marker."""

from __future__ import annotations

from pophub.contracts.flaws import Flaws
from pophub.contracts.model import ConnectorFile
from pophub.contracts.source_model import HttpSource, SqlSource
from pophub.contracts.strict_yaml import Document
from pophub.contracts.suite import refuse

_SECONDS = (
    "has no effect on a sequence: numbers tell nothing of when they were committed. What holds: `late_rows` "
    "declares by how many numbers a row may be overtaken, and what comes later than that is found by "
    "`pophub reconcile STEM`, and brought in with --mend"
)
_NUMBERS = "has no effect on times, of which any number may lie between two; `late_s` is their window"


def check_window(document: Document, file: ConnectorFile) -> None:
    """Refuse a window that would be accepted and do nothing.

    Errors: `config.marker` with file and line.
    """
    source, flaws = file.source, Flaws()
    if isinstance(source, SqlSource | HttpSource):
        counted = source.marker.kind == "sequence"
        for key in ("late_s", "settle_s") if counted else ("late_rows",):
            if getattr(source, key, 0):
                what = f"{key} {_SECONDS if counted else _NUMBERS}"
                flaws.add(refuse("config.marker", what, document.where("source", key)))
    flaws.tell()
