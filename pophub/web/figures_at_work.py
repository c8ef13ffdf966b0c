"""Figures that a page asks for: counted one after the other in a thread of this process, each kept once it is counted.

A figure as of a signed checkpoint never changes, so nothing is counted twice.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from pophub.contracts.model import Connector
from pophub.domain.errors import ConfigError, PophubError, TransientError
from pophub.figures.declared import Figure
from pophub.ledger.checkpoint import Checkpoint, find
from pophub.ledger.periods import moment
from pophub.postgres import Connection
from pophub.settings import Settings

if TYPE_CHECKING:
    from pophub.figures.engine import FigureRows

AT_ONCE_S = 0.9
MOST_WAITING, MOST_OF_ONE = 8, 2
"""Figures that may be at work or wait: of all visitors, and of one."""
MOST_KEPT = 100
AS_OF = re.compile(r"#[0-9]{1,9}|[0-9]{4}-[0-9]{2}-[0-9]{2}")


class FigureStand(NamedTuple):
    """What a figure stands on: a signed checkpoint, and the moment by which records were exchanged."""

    checkpoint: Checkpoint
    at: datetime


class FigureCounted(NamedTuple):
    """A figure that was asked for: `rows` once it is counted, `error` where it cannot be."""

    rows: FigureRows | None
    error: PophubError | None = None


def stand(as_of: str, connection: Connection) -> FigureStand:
    """Give what a page means by a day or the number of a checkpoint; of nothing, the last that was signed.

    Nothing is signed for it: a page that is looked at writes nothing. Each second would be a figure of its own.
    Errors: `cli.as_of`, `ledger.no_checkpoint`.
    """
    if as_of and not AS_OF.fullmatch(as_of):
        raise ConfigError(
            "cli.as_of", "as of is here a day or #NUMBER of a checkpoint", where="figures",
            remedy="try 2024-12-31",
        )  # fmt: skip
    named = moment(as_of) if as_of else datetime.now(UTC)
    if isinstance(named, int):
        signed = find(connection, named)
        return FigureStand(signed, signed.at)
    last = find(connection, datetime.now(UTC))
    return FigureStand(last, min(named, last.at))


class FigureAtWork(NamedTuple):
    """A figure that is counted or was, and for whom."""

    work: Future[FigureRows]
    who: str


class FiguresAtWork:
    """The figures of this process, the newest hundred."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="counting")
        self._asked: OrderedDict[str, FigureAtWork] = OrderedDict()

    def ask(
        self, figure: Figure, by: str | None, on: FigureStand, connectors: Sequence[Connector], who: str
    ) -> FigureCounted:
        """Give a figure, or nothing where it is still being counted; what broke is counted again when asked again."""
        name = self._name(figure, by, on, connectors)
        with self._lock:
            asked = self._asked.get(name)
            if asked is None:
                if self._crowded(who):
                    return FigureCounted(None, _busy())
                work = self._thread.submit(self._count, figure, by, on, connectors)
                asked = self._asked[name] = FigureAtWork(work, who)
                while len(self._asked) > MOST_KEPT:
                    self._asked.popitem(last=False)
        if not wait([asked.work], AT_ONCE_S).done:
            return FigureCounted(None)
        if asked.work.exception() is not None:
            with self._lock:
                if self._asked.get(name) is asked:
                    del self._asked[name]
        try:
            return FigureCounted(asked.work.result())
        except PophubError as error:
            return FigureCounted(None, error)

    def _crowded(self, who: str) -> bool:
        waiting = [one.who for one in self._asked.values() if not one.work.done()]
        return len(waiting) >= MOST_WAITING or waiting.count(who) >= MOST_OF_ONE

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


def _busy() -> TransientError:
    return TransientError(
        "page.busy", "other figures are being counted", where="pages", remedy="ask again in a minute"
    )
