"""Figures that a page asks for: counted one after the other in a thread of this process, each kept once it is counted.

A figure as of a signed checkpoint never changes, so nothing is counted twice.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Later
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from pophub.contracts.model import Connector
from pophub.domain.errors import PophubError, TransientError
from pophub.figures.declared import Figure
from pophub.ledger.checkpoint import Checkpoint, find
from pophub.ledger.periods import moment
from pophub.postgres import Connection
from pophub.settings import Settings

if TYPE_CHECKING:
    from pophub.figures.engine import FigureRows

AT_ONCE_S = 0.9
MOST_WAITING = 8
MOST_KEPT = 100


class FigureStand(NamedTuple):
    """What a figure stands on: a signed checkpoint, and the moment by which records were exchanged."""

    checkpoint: Checkpoint
    at: datetime


class FigureCounted(NamedTuple):
    """A figure that was asked for: `rows` once it is counted, `error` where it cannot be."""

    rows: FigureRows | None
    error: PophubError | None = None


def stand(as_of: str, connection: Connection) -> FigureStand:
    """Give what a page means by a day, a time or the number of a checkpoint; of nothing, the last that was signed.

    Nothing is signed for it: a page that is looked at writes nothing.
    Errors: `cli.as_of`, `ledger.no_checkpoint`.
    """
    named = moment(as_of) if as_of else datetime.now(UTC)
    if isinstance(named, int):
        signed = find(connection, named)
        return FigureStand(signed, signed.at)
    last = find(connection, datetime.now(UTC))
    return FigureStand(last, min(named, last.at))


class FiguresAtWork:
    """The figures of this process, the newest hundred."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="counting")
        self._asked: OrderedDict[str, Future[FigureRows]] = OrderedDict()

    def ask(
        self, figure: Figure, by: str | None, on: FigureStand, connectors: Sequence[Connector]
    ) -> FigureCounted:
        """Give a figure, or nothing where it is still being counted."""
        name = self._name(figure, by, on, connectors)
        with self._lock:
            work = self._asked.get(name)
            if work is None:
                if sum(not one.done() for one in self._asked.values()) >= MOST_WAITING:
                    return FigureCounted(None, _crowded())
                work = self._asked[name] = self._thread.submit(self._count, figure, by, on, connectors)
                while len(self._asked) > MOST_KEPT:
                    self._asked.popitem(last=False)
        try:
            return FigureCounted(work.result(AT_ONCE_S))
        except Later:
            return FigureCounted(None)
        except PophubError as error:
            with self._lock:
                self._asked.pop(name, None)
            return FigureCounted(None, error)

    def _count(
        self, figure: Figure, by: str | None, on: FigureStand, connectors: Sequence[Connector]
    ) -> FigureRows:
        from pophub.figures.run import FigureAsked, answer  # DuckDB, which a process loads once somebody asks

        (found,) = answer(self._settings, connectors, [FigureAsked(figure, by)], on.checkpoint, on.at)
        return found

    @staticmethod
    def _name(figure: Figure, by: str | None, on: FigureStand, connectors: Sequence[Connector]) -> str:
        parts = [figure.sql, str(by), on.checkpoint.fingerprint, on.at.isoformat()]
        parts += [one.digest for one in connectors]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _crowded() -> TransientError:
    return TransientError(
        "page.busy", "other figures are being counted", where="pages", remedy="ask again in a minute"
    )
