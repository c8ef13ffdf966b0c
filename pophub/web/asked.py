"""What somebody asks for on a page that takes secrets which the pages do not have: a row, and what became of the newest."""

from __future__ import annotations

from contextlib import closing
from functools import partial

from pophub.commands.requests import RequestKind, ask, newest, wait_briefly
from pophub.postgres import connect
from pophub.settings import Settings
from pophub.web.counts import Counts, Figures

AT_ONCE_S = 1.5


def put_down(settings: Settings, kind: RequestKind, stem: str, by: str) -> None:
    """Ask the attendant, and wait as long as a page may for what becomes of it."""
    with closing(connect(settings, "pophub_judge")) as connection:
        ask(connection, kind, stem, by)
        wait_briefly(connection, kind, stem, AT_ONCE_S)


def newest_asked(counts: Counts, kind: RequestKind, stem: str = "") -> Figures:
    """Give the newest request of a kind, or None, in a list of one."""
    return counts.found(("asked", kind, stem), partial(newest, kind, stem))
