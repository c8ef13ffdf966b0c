"""What a pause excuses: while a person stopped it, a source is not silent and a recipient not late.

All times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pophub.live.state import US

CONNECTOR = ""


class Pause(NamedTuple):
    """The last pause of a dataset's connector (recipient empty) or of one recipient; resumed or not."""

    stem: str
    recipient: str
    paused_at: int
    resumed_at: int | None


class Pauses:
    """The last pause of each."""

    def __init__(self, pauses: Iterable[Pause] = ()) -> None:
        self._last = {(pause.stem, pause.recipient): pause for pause in pauses}

    def source_at(self, stem: str, last_beat: int | None, promise_s: int | None, now: int) -> int:
        """Give the time as of which a source's heartbeats are judged.

        From the pause to the first extract after it, that is the moment of the pause; an extract
        that does not come within the promise of the resumption is missed.
        """
        pause = self._last.get((stem, CONNECTOR))
        if pause is None:
            return now
        if pause.resumed_at is None:
            return pause.paused_at
        asked_since = last_beat is not None and last_beat >= pause.resumed_at
        due = None if promise_s is None else pause.resumed_at + promise_s * US
        return pause.paused_at if not asked_since and (due is None or now <= due) else now

    def waits_since(self, stem: str, recipient: str, at: int) -> int | None:
        """Give since when something waits that came at a time; None while it is paused."""
        for name in {CONNECTOR, recipient}:
            pause = self._last.get((stem, name))
            if pause is not None and pause.resumed_at is None:
                return None
            at = max(at, (pause.resumed_at if pause else None) or at)
        return at
