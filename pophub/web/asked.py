"""What somebody asks for on a page that takes secrets which the pages do not have, or longer than a page may: a row."""

from __future__ import annotations

from contextlib import closing
from functools import partial

from pophub.commands.requests import RequestKind, ask, newest, of_number, wait_briefly
from pophub.postgres import connect
from pophub.quarantine.selection import Selection
from pophub.settings import Settings
from pophub.web.counts import Counts, Figures

AT_ONCE_S = 1.5


def put_down(
    settings: Settings, kind: RequestKind, stem: str, by: str, chosen: Selection | None = None
) -> int:
    """Ask the attendant, wait as long as a page may for what becomes of it, and give the request's number."""
    values = {} if chosen is None else {k: v for k, v in chosen.values().items() if v is not None}
    with closing(connect(settings, "pophub_judge")) as connection:
        number = ask(connection, kind, stem, by, values)
        wait_briefly(connection, number, AT_ONCE_S)
    return number


def newest_asked(counts: Counts, kind: RequestKind, stem: str = "") -> Figures:
    """Give the newest request of a kind, or None, in a list of one."""
    return counts.found(("asked", kind, stem), partial(newest, kind, stem))


def asked_for(counts: Counts, number: int) -> Figures:
    """Give a request by its number, or None, in a list of one."""
    return counts.found(("asked", number), partial(of_number, number))
