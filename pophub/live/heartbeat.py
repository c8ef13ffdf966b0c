"""A heartbeat at the end of each extract, also of one that did not reach its source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Protocol

from pophub.domain.errors import ContractBreach, PophubError
from pophub.live.state import Outcome
from pophub.postgres import Connection, connect, statements, transaction
from pophub.settings import Settings

SQL = statements("live")


class Shown(Protocol):
    """What an extract saw of its source: newest change (microseconds UTC) and new rows."""

    @property
    def newest(self) -> int | None: ...

    rows: int


@contextmanager
def heartbeat(settings: Settings, stem: str, shown: Shown) -> Iterator[None]:
    """Write one heartbeat when the block ends; an error of the hub's own says nothing of the source.

    Errors: the block's own come first; a heartbeat that cannot be written fails a block that was well.
    """
    try:
        yield
    except PophubError as error:
        outcome: Outcome = "refused" if isinstance(error, ContractBreach) else "unreachable"
        if error.code.startswith("source.") and error.code != "source.resting":  # it was not asked
            with suppress(PophubError):
                _write(settings, stem, outcome, error.code, shown)
        raise
    _write(settings, stem, "reached", "", shown)


def _write(settings: Settings, stem: str, outcome: Outcome, code: str, shown: Shown) -> None:
    with closing(connect(settings, "pophub_extract")) as connection:
        beat(connection, stem, outcome, code, shown)


def beat(connection: Connection, stem: str, outcome: Outcome, code: str, shown: Shown) -> None:
    """Write a heartbeat; one that tells the same as the last makes that one longer."""
    told = {"stem": stem, "outcome": outcome, "code": code, "newest": shown.newest, "rows": shown.rows}
    with transaction(connection, f"heartbeat of {stem}") as cursor:
        cursor.execute(SQL["lengthen"], told)
        if cursor.fetchone() is None:
            cursor.execute(SQL["beat"], told)
