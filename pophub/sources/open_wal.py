"""A table's log that is read again and again: its session stays open, and the server sends what is committed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pophub.contracts.source_model import CdcSource
from pophub.ports import SlotState, WalStretch
from pophub.sources.sql_errors import driver_translated
from pophub.sources.wal_stretches import Stretches
from pophub.sources.wal_table import WalTable

WHOLE_LOOK_S = 5.0  # how often server, table and publication are looked at


class _Reading(NamedTuple):
    """A reading that came to its end between two transactions, and can go on there."""

    base: int
    place: int
    stretches: Stretches


class OpenWalTable(WalTable):
    """A `WalTable` whose session goes on behind what was read, where no time between two looks is declared.

    A reading that broke off ends it, and so does a position that is not where the reading stands. The slot is
    not decoded anew for each look, and what is committed is there at once.
    """

    def __init__(self, source: CdcSource, url: str, *, columns: Sequence[str], where: str) -> None:
        super().__init__(source, url, columns=columns, where=where)
        self._reading: _Reading | None = None
        self._seen: SlotState | None = None
        self._known: tuple[str, int] | None = None
        self._looked_at = float("-inf")

    @property
    def follows(self) -> bool:
        """Whether the session stands behind what was read, and goes on."""
        return self._reading is not None

    def arrived(self) -> bool:
        """Tell whether the server has sent something since."""
        if self._reading is None or self._session is None:
            return False
        with driver_translated(self._where):
            return self._session.arrived()

    def state(self, own: str | None) -> SlotState:
        """Look at the source as a `WalTable` does; now and then, while the session holds the slot."""
        if self._seen and self._reading and time.monotonic() - self._looked_at < WHOLE_LOOK_S:
            return self._seen._replace(place=self._reading.place, confirmed=None)
        self._seen, self._looked_at = super().state(own), time.monotonic()
        return self._seen

    def _server(self) -> tuple[str, int]:
        if self._reading is None or self._known is None:  # a session that reads is asked nothing else
            self._known = super()._server()
        return self._known

    def changes(self, base: int, after: int, upto: int, chunk_rows: int) -> Iterator[WalStretch]:
        """Give what was committed behind the marker `after`, as a `WalTable` does."""
        reading, self._reading, place = self._reading, None, after - base
        with driver_translated(self._where):
            if reading is not None and (reading.base, reading.place) == (base, place):
                stretches = reading.stretches
            else:
                if reading is not None:
                    self.end()
                stretches = self._started(base, after, chunk_rows)
            for stretch in self._read_on(stretches, upto):
                place = max(place, place if stretch.upto is None else stretch.upto - base)
                yield stretch
        if not stretches.within and not self._cdc.every_s:
            self._reading = _Reading(base, place, stretches)

    def close(self) -> None:
        """End the session, unless it goes on."""
        if self._reading is None:
            super().close()

    def end(self) -> None:
        """End the session."""
        self._reading = None
        super().close()
