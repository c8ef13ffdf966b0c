"""Which windows of time go with which kind of change marker."""

from __future__ import annotations

from pophub.contracts.model import ConnectorFile
from pophub.contracts.source_model import HttpSource, SqlSource
from pophub.contracts.strict_yaml import Document
from pophub.contracts.suite import refuse

_NO_WINDOW = (
    "has no effect on a sequence: numbers tell nothing of when they were committed. What holds: a row that "
    "commits under a lower number than one read before is found by `pophub reconcile STEM`, and brought "
    "in with --mend; a time as marker has a window"
)


def check_window(document: Document, file: ConnectorFile) -> None:
    """Refuse seconds that would be accepted and do nothing.

    Errors: `config.marker` with file and line.
    """
    source = file.source
    if isinstance(source, SqlSource | HttpSource) and source.marker.kind == "sequence":
        for key in ("late_s", "settle_s"):
            if getattr(source, key):
                raise refuse("config.marker", f"{key} {_NO_WINDOW}", document.where("source", key))
