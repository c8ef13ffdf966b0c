"""What the keys of an HTTP source need of each other."""

from __future__ import annotations

from pophub.contracts.model import ConnectorFile
from pophub.contracts.source_model import HttpPages, HttpSource
from pophub.contracts.strict_yaml import Document
from pophub.contracts.suite import refuse


def check_pages(document: Document, file: ConnectorFile) -> None:
    """Refuse pages of which nobody could tell the next.

    Errors: `config.missing` with file and line.
    """
    source = file.source
    if not isinstance(source, HttpSource) or (pages := source.pages) is None:
        return
    if what := lacking(pages):
        raise refuse("config.missing", what, document.where("source", "pages"))


def lacking(pages: HttpPages) -> str:
    """Say what pages of a kind need and have not; nothing where they are whole."""
    needed = {"cursor": ("next", "parameter"), "number": ("parameter",), "offset": ("parameter",)}
    missing = [key for key in needed.get(pages.kind, ()) if getattr(pages, key) is None]
    return f"pages of kind {pages.kind} need {missing[0]}: see docs/source-http.md" if missing else ""
