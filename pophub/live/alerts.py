"""Alerts: opened once, told once to each sink, closed once.

Atomic step: an alert and its notice are one transaction. A sink's mark moves behind a notice only
after the sink took it; what a crash between the two repeats, the sink itself recognises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

import orjson

from pophub.contracts.model import Connector
from pophub.domain.codes import explain
from pophub.domain.errors import ConfigError, PophubError
from pophub.live.conditions import Condition
from pophub.postgres import Connection, Cursor, execute_values, only_row, statements, transaction
from pophub.process.failpoints import reach
from pophub.sharing.hub_log import OWN

SQL = statements("live")


def page_of(code: str, stem: str, subject: str) -> str:
    """Give the page that shows what an alert is about: its path within the pages.

    >>> page_of("alert.lag", "mps.citizens", "recipient tax"), page_of("alert.offline", "mps.citizens", "source")
    ('/subscriptions/tax/mps.citizens', '/datasets/mps.citizens')
    """
    kind, _, name = subject.partition(" ")
    if code in ("alert.failed_share", "alert.overdue", "alert.untold"):
        return f"/quarantine/versions?stem={quote(stem)}"
    if code == "alert.unbalanced":
        return f"/ledger/batches/{quote(stem)}"
    recipient = name if kind == "recipient" else name.partition(".")[0] if kind == "group" else OWN
    return (
        f"/datasets/{quote(stem)}" if recipient == OWN else f"/subscriptions/{quote(recipient)}/{quote(stem)}"
    )


class Sink(Protocol):
    """A place that is told of alerts, so many at once."""

    name: str
    at_once: int

    def tell(self, notices: Sequence[tuple[int, Mapping[str, Any]]]) -> int:
        """Take notices in order and give how many the other side refused for good.

        Errors: a `PophubError` where none, or not all, were taken: they come again.
        """
        ...


class AlertStore:
    """The tables of alerts; one watcher at a time writes them, by an advisory lock."""

    def __init__(self, connection: Connection, owners: Mapping[str, Connector], pages: str = "") -> None:
        self._connection, self._owners = connection, owners
        self._pages = pages  # the address under which people open them: an alert leads there

    def take_lock(self, *, wait: bool = False) -> bool:
        """Try to become the one watcher until the connection ends, or wait for it."""
        with transaction(self._connection, "watcher") as cursor:
            cursor.execute(SQL["next_watcher" if wait else "one_watcher"])
            return wait or bool(only_row(cursor)[0])

    def batches(self) -> list[int]:
        """Give the batches that present alerts are about."""
        with transaction(self._connection, "alerts") as cursor:
            cursor.execute(SQL["present_alerts"])
            subjects = [str(row[3]) for row in cursor.fetchall()]
        return [int(s.removeprefix("batch ")) for s in subjects if s.startswith("batch ")]

    def settle(self, conditions: Iterable[Condition]) -> tuple[int, int]:
        """Open what is new, close what is gone, and give both counts; the rest is only seen again."""
        wanted = {c.name: c for c in conditions}
        with transaction(self._connection, "alerts") as cursor:
            cursor.execute(SQL["present_alerts"])
            # of a connector that is broken or not here nothing is known: its alerts stay
            known = [row for row in cursor.fetchall() if row[2] in self._owners]
            present = {
                (code, stem, subject): (number, is_open) for number, code, stem, subject, is_open in known
            }
            again = [(present[n][0], wanted[n].what) for n in present if n in wanted]
            execute_values(cursor, SQL["still_there"], again)
            opened = [c for name, c in wanted.items() if name not in present]
            for condition in opened:
                cursor.execute(SQL["open_alert"], condition)
                self._notice(cursor, int(only_row(cursor)[0]), "opened")
            gone = {number: is_open for n, (number, is_open) in present.items() if n not in wanted}
            cursor.execute(SQL["gone"], (list(gone),))
            closed = [number for number, is_open in gone.items() if is_open]
            for number in closed:
                self._notice(cursor, number, "closed")
            reach("live.settling")
        return len(opened), len(closed)

    def closing_of(self, alert: int) -> tuple[datetime | None, str | None]:
        """Give when an alert was closed and by whom: nobody where it closed by itself.

        Errors: `alert.unknown`.
        """
        with transaction(self._connection, "alert") as cursor:
            cursor.execute(SQL["alert"], (alert,))
            row = cursor.fetchone()
        if row is None:
            raise ConfigError(
                "alert.unknown", f"there is no alert {alert}", remedy="see `pophub alert list --all`"
            )
        *_, closed_at, closed_by = row
        return closed_at, closed_by

    def close(self, alert: int, by: str) -> bool:
        """Close an alert by hand; it opens again only after its cause was gone. False: it was closed.

        Errors: `alert.unknown`.
        """
        self.closing_of(alert)
        with transaction(self._connection, "alert") as cursor:
            cursor.execute(SQL["close_alert"], (by, alert))
            if cursor.fetchone() is None:
                return False
            self._notice(cursor, alert, "closed")
            return True

    def _notice(self, cursor: Cursor, alert: int, event: str) -> None:
        cursor.execute(SQL["alert"], (alert,))
        code, stem, subject, what, opened_at, closed_at, closed_by = only_row(cursor)
        words, owner = explain(code), self._owners.get(stem)
        document = {
            "alert": alert, "event": event, "code": code, "stem": stem, "subject": subject, "what": what,
            "meaning": {"en": words.en, "vi": words.vi}, "remedy": words.remedy,
            "owner": owner.file.owner.name if owner else None, "page": self._pages + page_of(code, stem, subject),
            "opened_at": _text(opened_at), "closed_at": _text(closed_at), "closed_by": closed_by,
        }  # fmt: skip
        cursor.execute(SQL["notice"], (alert, event, orjson.dumps(document).decode()))

    def tell(self, sinks: Sequence[Sink], silent: Sequence[str]) -> list[PophubError]:
        """Tell each sink what it was not told yet, and give the errors of those that failed.

        Sinks that are not set up (`silent`) count as told, so that a new one hears no old stories.
        """
        failed: list[PophubError] = []
        for sink in sinks:
            try:
                self._tell(sink)
            except PophubError as error:
                failed.append(error)
        with transaction(self._connection, "sinks") as cursor:
            cursor.execute(SQL["last_notice"])
            last = only_row(cursor)[0]
            for name in silent:
                cursor.execute(SQL["told"], (name, last, 0))
            marks = [self._mark(cursor, sink.name)[0] for sink in sinks]
            cursor.execute(SQL["told_by_all"], (min(marks, default=last),))
        return failed

    def _tell(self, sink: Sink) -> None:
        while True:
            with transaction(self._connection, f"sink {sink.name}") as cursor:
                mark, refused = self._mark(cursor, sink.name)
                cursor.execute(SQL["notices_after"], (mark, sink.at_once))
                notices = [(row[0], {"notice": row[0], **row[2]}) for row in cursor.fetchall()]
            if not notices:
                return
            refused += sink.tell(notices)
            reach("live.told")
            with transaction(self._connection, f"sink {sink.name}") as cursor:
                cursor.execute(SQL["told"], (sink.name, notices[-1][0], refused))

    @staticmethod
    def _mark(cursor: Cursor, sink: str) -> tuple[int, int]:
        cursor.execute(SQL["sink"], (sink,))
        row = cursor.fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
