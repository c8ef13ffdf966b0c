"""What is kept of a dataset for those who look it up, held against history; and made anew from it."""

from __future__ import annotations

from contextlib import closing

from pophub.contracts.model import Connector
from pophub.postgres import Cursor, connect, only_row, statements
from pophub.reconcile.findings import Compared, Finding
from pophub.reconcile.people import named
from pophub.settings import Settings
from pophub.stores.look_up import finders, keep_anew

SQL = statements("reconcile")
STORE = "population.looked_up"


def differing(cursor: Cursor, connector: Connector) -> tuple[list[Compared], list[Finding]]:
    """Compare what is kept with the versions of history; nothing where nobody looks the dataset up."""
    if finders(cursor, connector.stem) is None:
        return [], []
    timed = connector.file.source.marker.kind == "time"
    cursor.execute(SQL["make_look_ups"], {"stem": connector.stem, "timed": timed})
    cursor.execute(SQL["look_up_counts"])
    wanted, kept = only_row(cursor)
    return [Compared(STORE, wanted, kept)], named(cursor, "look_ups_differing", STORE, connector.stem)


def mend(settings: Settings, connector: Connector) -> None:
    """Keep anew, from history, what others look up of a dataset."""
    with closing(connect(settings, "pophub_owner")) as connection:
        keep_anew(connection, connector)
