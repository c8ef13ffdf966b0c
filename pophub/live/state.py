"""In what state a source is: a pure function of its heartbeats and the hub's clock.

All times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Outcome = Literal["reached", "unreachable", "refused"]
SourceState = Literal["unknown", "alive", "frozen", "clock_wrong", "offline", "catching_up", "held", "silent"]
US = 1_000_000


class Beat(NamedTuple):
    """One or more extracts of a source that told the same, from `first_at` to `at`.

    `newest` is the newest change that the source showed, `rows` what was new to the hub.
    """

    first_at: int
    at: int
    outcome: Outcome
    newest: int | None
    rows: int


class Promise(NamedTuple):
    """What the connector promises of its source."""

    promise_s: int | None = None
    clock_skew_s: int = 0


class Work(NamedTuple):
    """What the hub has in hand of a source: an open hold, and a backlog from after its absence."""

    held_since: int | None = None
    backlog: int = 0


class Seen(NamedTuple):
    """The state of a source: since when, its newest change, its last heartbeat."""

    state: SourceState
    since: int | None
    newest: int | None
    last_beat: int | None


@dataclass
class _Past:
    """What the heartbeats up to one of them say."""

    promise: Promise
    alive_since: int | None = None
    offline_since: int | None = None
    refused_since: int | None = None
    future_since: int | None = None
    newest_shown: int | None = None
    newest_sound: int | None = None
    fresh_at: int | None = None
    last_at: int | None = None

    def add(self, beat: Beat) -> None:
        well_before = self.status(beat.first_at)[0] == "alive"
        self.offline_since = self._span(self.offline_since, beat, "unreachable")
        self.refused_since = self._span(self.refused_since, beat, "refused")
        self.last_at = beat.at
        if beat.outcome != "unreachable":
            self._see(beat)
        if self.status(beat.at)[0] == "alive" and (not well_before or self.alive_since is None):
            self.alive_since = beat.first_at

    @staticmethod
    def _span(since: int | None, beat: Beat, outcome: Outcome) -> int | None:
        if beat.outcome != outcome:
            return None
        return beat.first_at if since is None else since

    def _see(self, beat: Beat) -> None:
        if beat.newest is not None and beat.newest > beat.first_at + self.promise.clock_skew_s * US:
            self.newest_shown = beat.newest
            self.future_since = beat.first_at if self.future_since is None else self.future_since
        elif beat.newest is not None:
            self.newest_sound = max(beat.newest, self.newest_sound or beat.newest)
            if beat.rows or self.future_since is None:  # without a new row, the clock is as it was
                self.newest_shown, self.future_since = beat.newest, None
        if beat.rows or self.fresh_at is None:
            self.fresh_at = beat.first_at

    def status(self, now: int) -> tuple[SourceState, int | None]:
        """Give the state that these heartbeats alone make, with its beginning."""
        if self.last_at is None:
            return "unknown", None
        if self.offline_since is not None:
            return "offline", self.offline_since
        if self.refused_since is not None:
            return "held", self.refused_since
        late_us = None if self.promise.promise_s is None else self.promise.promise_s * US
        if late_us is not None and self.last_at + late_us < now:
            return "silent", self.last_at + late_us
        if self.future_since is not None and (self.newest_shown or 0) > now + self.promise.clock_skew_s * US:
            return "clock_wrong", self.future_since
        newest = self.newest_sound if self.newest_sound is not None else self.fresh_at
        if late_us is not None and newest is not None and newest + late_us < now:
            return "frozen", newest + late_us
        return "alive", self.alive_since


def state_of(beats: Iterable[Beat], promise: Promise, work: Work, now: int) -> Seen:
    """Say in what state a source is, from its heartbeats in their order.

    What keeps data from coming (offline, held) comes first, then what is still under way (catching
    up), then what the data itself tells.
    """
    past, back = _Past(promise), None
    for beat in beats:
        was_offline = past.offline_since is not None
        past.add(beat)
        if was_offline and beat.outcome != "unreachable":
            back = beat.first_at
    state, since = past.status(now)
    if state != "offline" and work.held_since is not None:
        state, since = "held", work.held_since
    elif work.backlog and state == "offline":
        state, since = "catching_up", past.last_at
    elif work.backlog and back is not None:
        state, since = "catching_up", back
    return Seen(state, since, past.newest_shown, past.last_at)


def absence(beats: Sequence[Beat]) -> tuple[int, int | None, bool] | None:
    """Give the end of the last absence, when the source was reached next, and whether that is the
    last heartbeat; None where it was never away.

    What was extracted in between, and by that first extract, is the backlog of the absence.
    """
    ended = next((i for i in range(len(beats) - 1, -1, -1) if beats[i].outcome == "unreachable"), None)
    if ended is None:
        return None
    if ended == len(beats) - 1:
        return beats[ended].at, None, True
    back = beats[ended + 1]
    return beats[ended].at, back.first_at, ended + 2 == len(beats) and back.at == back.first_at
