"""How long a step may go on: it asks behind each of its commits, and ends there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pophub.domain.history import AcceptedVersion
from pophub.kafka import RawReader
from pophub.postgres import Connection
from pophub.settings import Settings
from pophub.stores.history import History
from pophub.stores.share import LedgerStore

T = TypeVar("T")


class TurnOver(Exception):
    """A step is left behind a commit; what it has done stands."""


class Turn:
    """The time of one step, and whether the process is to end."""

    def __init__(self) -> None:
        self.stopping = False
        self._until = float("inf")

    def begin(self, seconds: float) -> None:
        """Give the step so many seconds."""
        self._until = time.monotonic() + seconds

    def over(self) -> bool:
        """Tell whether the step is to end at its next commit."""
        return self.stopping or time.monotonic() > self._until

    def taken(
        self,
        found: Iterator[T],
        moved: Callable[[], bool] = lambda: True,
        enough: Callable[[], bool] = lambda: False,
    ) -> Iterator[T]:
        """Give what is found until the turn is over, or it is `enough`.

        At least one, and until something has `moved`, unless the process is to end.
        """
        for number, one in enumerate(found):
            if self.stopping or (number and moved() and (self.over() or enough())):
                return
            yield one


class TurnReader(RawReader):
    """Reads a lane of raw as long as the turn lasts: what was read by then is judged and committed.

    It ends, too, where so much history is kept that share would have to read of it again.
    """

    def __init__(self, settings: Settings, topic: str, lane: int, turn: Turn, history: History) -> None:
        super().__init__(settings, topic, lane)
        self._turn = turn
        self._history = history

    def read(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Give (offset, bytes) from `start` up to before `end`, or to the end of the turn."""
        self._history.begin()
        return self._turn.taken(super().read(start, end), enough=lambda: self._history.full)


class TurnLedger(LedgerStore):
    """Gives history as long as the turn lasts: share asks for more behind each of its transactions."""

    def __init__(
        self, connection: Connection, recipient: str, stem: str, history: History, turn: Turn
    ) -> None:
        super().__init__(connection, recipient, stem, history)
        self._turn = turn

    def history(self, lane: int, after: int, upto: int) -> Sequence[AcceptedVersion]:
        """Read accepted versions after a sequence.

        Errors: `TurnOver`, with nothing begun.
        """
        if self._turn.over():
            raise TurnOver
        return super().history(lane, after, upto)
