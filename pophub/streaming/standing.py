"""Where everything stands: one look a process, however many lanes it has, and its claims on them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack, closing
from typing import NamedTuple

from pophub.contracts.model import Connector
from pophub.domain.errors import TransientError
from pophub.kafka import RawEnds
from pophub.live.watch import stops_sharing
from pophub.postgres import connect, statements, transaction, worker_lock
from pophub.quarantine.holds import pauses
from pophub.runtime.lag import lanes_stand
from pophub.settings import Settings

SQL = statements("stream")
CLAIM = "stream"
LOOK_S = 2.0  # how often pauses and holds are looked at
WAITING_S = 30.0  # how often the versions that wait for people are judged again
Place = tuple[str, int]


class Behind(NamedTuple):
    """What a lane has to do: judge, judge again what waited, share."""

    judge: bool
    again: bool
    share: bool


class Standing:
    """Looks at PostgreSQL and the broker through one client each; nothing of it is decided here."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(closing(connect(settings, "pophub_read")))
        self._ends: RawEnds | None = None
        self._claims: set[str] = set()
        self._paused_at = self._again_at = float("-inf")
        self._paused: dict[str, dict[str, str]] = {}
        self._stopped: dict[str, tuple[float, str | None]] = {}

    def claim(self, subject: str) -> None:
        """Become the one stream of a subject, until this connection ends.

        Errors: `lane.busy`, naming the holder.
        """
        if subject in self._claims:
            return
        with transaction(self._connection, f"claim of {subject}") as cursor:
            if holder := worker_lock(cursor, CLAIM, subject):
                raise TransientError(
                    "lane.busy", f"another stream has it, {holder}", where=subject,
                    remedy="none: it is taken over when that one ends",
                )  # fmt: skip
        self._claims.add(subject)

    def paused(self, stem: str) -> dict[str, str]:
        """Give recipient -> reason of what is paused of a dataset; a little later than it happens."""
        if time.monotonic() - self._paused_at > LOOK_S:
            found: dict[str, dict[str, str]] = {}
            for pause in pauses(self._connection):
                found.setdefault(pause["stem"], {})[pause["recipient"]] = pause["reason"]
            self._paused, self._paused_at = found, time.monotonic()
        return self._paused.get(stem, {})

    def stopped(self, connector: Connector) -> str | None:
        """Give the code of what stops the sharing of a dataset by its own policy."""
        at, code = self._stopped.get(connector.stem, (float("-inf"), None))
        if time.monotonic() - at > LOOK_S:
            code = stops_sharing(self._settings, connector)
            self._stopped[connector.stem] = time.monotonic(), code
        return code

    def behind(
        self, lanes: Iterable[Place], recipients: dict[str, set[str]], *, judges: bool
    ) -> dict[Place, Behind]:
        """Say what each lane has to do, those left out that have nothing."""
        wanted = list(lanes)
        stems = sorted({stem for stem, _ in wanted})
        ends = self._raw_ends(wanted) if judges else {}
        again = self._waiting(stems) if judges else set()
        with transaction(self._connection, "where the lanes stand") as cursor:
            judged, shared = lanes_stand(cursor, stems)
        found: dict[Place, Behind] = {}
        for stem, lane in wanted:
            offset, sequence = judged.get((stem, lane), (0, 0))
            open_to = recipients[stem] - self.paused(stem).keys()
            what = Behind(
                ends.get((stem, lane), offset)
                != offset,  # before it, too: judge says that the lane was rewound
                lane == 0 and stem in again,
                any(shared.get((stem, lane, to), 0) < sequence for to in open_to),
            )
            if any(what) and "" not in self.paused(stem):
                found[stem, lane] = what
        return found

    def _raw_ends(self, lanes: list[Place]) -> dict[Place, int]:
        if self._ends is None:
            self._ends = self._stack.enter_context(closing(RawEnds(self._settings)))
        return self._ends.ends(lanes)

    def _waiting(self, stems: list[str]) -> set[str]:
        """Give the datasets of which versions wait for people, now and then."""
        if time.monotonic() - self._again_at < WAITING_S:
            return set()
        with transaction(self._connection, "versions that wait for people") as cursor:
            cursor.execute(SQL["waiting"], (stems,))
            self._again_at = time.monotonic()
            return {stem for (stem,) in cursor.fetchall()}

    def close(self) -> None:
        """End the clients; the claims end with the connection."""
        self._stack.close()
