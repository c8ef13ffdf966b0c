"""By which table, marker and key a source is read: a change of it needs a word from a person.

Rows of a known key are accepted under a higher marker alone. Read by another marker, all may come out as
superseded, or none be read at all, and each run is green: so extract holds what is declared anew.
Atomic step: a reset forgets the position and keeps the new declaration in one transaction.
"""

from __future__ import annotations

from typing import NamedTuple

from pophub.contracts.model import Connector
from pophub.domain.errors import ContractBreach
from pophub.postgres import Connection, only_row, statements, transaction

SQL = statements("reading")
FORGET = tuple(SQL[name] for name in ("forget_sent", "forget_contents", "read_again"))
"""What lets the source be sent again from its position on, whatever was sent before."""


class Reading(NamedTuple):
    """What decides which rows are read, and as which versions of which keys."""

    table: str
    marker: str
    key: str

    @classmethod
    def declared(cls, connector: Connector) -> Reading:
        """Give what the connector declares now."""
        file = connector.file
        marker = file.source.marker
        zone = f", {marker.time_zone}" if marker.kind == "time" else ""
        column = "" if marker.kind == "log" else f"{marker.column} "
        key = ", ".join(f"{name} from {file.mapping[name].source}" for name in file.key)
        return cls(file.source.read_as, f"{column}({marker.kind}{zone})", key)

    def against(self, other: Reading) -> str:
        """Say what differs, the other first."""
        pairs = zip(self._fields, other, self, strict=True)
        return "; ".join(f"{name} was {was}, is {now}" for name, was, now in pairs if was != now)


def known(connection: Connection, stem: str) -> Reading | None:
    """Give by what the source was read so far; None where nothing was."""
    with transaction(connection, f"reading of {stem}") as cursor:
        cursor.execute(SQL["reading"], {"stem": stem})
        row = cursor.fetchone()
    return None if row is None else Reading(*row)


def refuse_redeclared(connection: Connection, connector: Connector) -> None:
    """Hold a connector that would read its source by something else than before; else keep it in mind.

    Errors: `source.redeclared`.
    """
    before, now = known(connection, connector.stem), Reading.declared(connector)
    if before is not None and before != now:
        raise redeclared(connector.stem, before, now)
    with transaction(connection, f"reading of {connector.stem}") as cursor:
        told = {"stem": connector.stem, **now._asdict(), "by": None}
        cursor.execute(SQL["keep_reading"], told)


def redeclared(stem: str, before: Reading, now: Reading) -> ContractBreach:
    """Give the refusal of another declaration."""
    return ContractBreach(
        "source.redeclared",
        f"the source is declared to be read by something else than before: {now.against(before)}",
        where=stem,
        remedy=f"undo the change, or read `pophub position reset {stem}`, which says what it would mean",
    )


class Reset(NamedTuple):
    """What a reset changes, and what was accepted before it."""

    changed: str
    versions: int
    newest: int | None


def accepted(connection: Connection, connector: Connector) -> Reset:
    """Say what a reset would change (an empty text: nothing), and what stays."""
    before, now = known(connection, connector.stem), Reading.declared(connector)
    with transaction(connection, f"accepted of {connector.stem}") as cursor:
        cursor.execute(SQL["accepted"], {"stem": connector.stem})
        versions, newest = only_row(cursor)
    return Reset("" if before is None else now.against(before), versions, newest)


def reset(connection: Connection, connector: Connector, by: str) -> None:
    """Forget how far the source was read, and read it as is declared now from its first row on."""
    told = {"stem": connector.stem, **Reading.declared(connector)._asdict(), "by": by}
    with transaction(connection, f"reset of {connector.stem}") as cursor:
        cursor.execute(SQL["keep_reading"], told)
        cursor.execute(SQL["forget_position"], told)
        for statement in FORGET:
            cursor.execute(statement, told)
