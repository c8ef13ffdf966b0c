"""What liveness reads of the hub: heartbeats, holds, backlogs, lags. Role pophub_live."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pophub.contracts.model import Connector
from pophub.live.pauses import Pause, Pauses
from pophub.live.state import Beat, Promise, Seen, Work, absence, state_of
from pophub.postgres import Connection, Cursor, now_us, statements, transaction

SQL = statements("live")
ROLE = "pophub_live"
Values = Sequence[Any] | Mapping[str, Any] | None


class Hold(NamedTuple):
    """A held batch."""

    stem: str
    hold: int
    code: str
    since: int


class Lag(NamedTuple):
    """A lane of which a recipient has not got everything: how much, and since when."""

    stem: str
    recipient: str
    lane: int
    behind: int
    since: int | None


class Counted(NamedTuple):
    """A batch with two of its counts: sent and read, or read and quarantined."""

    stem: str
    batch: int
    first: int
    second: int
    at: int | None = None


class LiveStore:
    """Reads everything that states and alerts follow from."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def rows(self, name: str, values: Values = None) -> list[tuple[Any, ...]]:
        """Run one named statement in a transaction of its own and give its rows."""
        with transaction(self.connection, "watching the sources") as cursor:
            return self._rows(cursor, name, values)

    @staticmethod
    def _rows(cursor: Cursor, name: str, values: Values) -> list[tuple[Any, ...]]:
        cursor.execute(SQL[name], values)
        return list(cursor.fetchall()) if cursor.description else []

    def now(self) -> int:
        """Give the database's clock."""
        with transaction(self.connection, "clock") as cursor:
            return now_us(cursor)

    def beats(self, stems: Sequence[str]) -> dict[str, list[Beat]]:
        """Give the last heartbeats of each source, oldest first."""
        found: dict[str, list[Beat]] = defaultdict(list)
        for stem, *beat in self.rows("beats", {"stems": list(stems)}):
            found[stem].append(Beat(*beat))
        return found

    def holds(self) -> list[Hold]:
        """Give the batches that are held now."""
        return [Hold(*row) for row in self.rows("open_holds")]

    def pauses(self, stems: Sequence[str]) -> Pauses:
        """Give the last pause of each connector and of each recipient."""
        return Pauses(Pause(*row) for row in self.rows("pauses", {"stems": list(stems)}))

    def lags(self, wanted: Sequence[tuple[str, str]]) -> list[Lag]:
        """Give the lanes in which a recipient of (stem, recipient) is behind."""
        stems, recipients = [s for s, _ in wanted], [r for _, r in wanted]
        return [Lag(*row) for row in self.rows("behind", {"stems": stems, "recipients": recipients})]

    def unbalanced(self, stems: Sequence[str], still: Sequence[int]) -> list[Counted]:
        """Give batches of the last week (and those of `still`) of which not all that was sent was read."""
        return [Counted(*row) for row in self.rows("unbalanced", {"stems": list(stems), "open": list(still)})]

    def failing(self, connectors: Mapping[str, Connector], still: Sequence[int]) -> list[Counted]:
        """Give batches of the last week (and those of `still`) of which too many failed and have not
        come back since.
        """
        values = {"stems": list(connectors), "open": list(still)}
        judged = [Counted(*row) for row in self.rows("judged_batches", values)]
        over = [c for c in judged if _over(connectors[c.stem], c.first, c.second)]
        waiting: dict[int, int] = {}
        for stem in {c.stem for c in over}:
            batches = [c.batch for c in over if c.stem == stem]
            waiting |= {batch: count for batch, count in self.rows("still_quarantined", (stem, batches))}
        now = [c._replace(second=waiting.get(c.batch, 0)) for c in over]
        return [c for c in now if _over(connectors[c.stem], c.first, c.second)]

    def overdue(self, connectors: Mapping[str, Connector], now: int) -> list[tuple[str, int, int]]:
        """Give (stem, how many, the oldest one's first judging) of overdue quarantined versions."""
        before = [now - c.file.live.overdue_s * 1_000_000 for c in connectors.values()]
        rows = self.rows("overdue", {"stems": list(connectors), "before": before})
        return [(stem, count, oldest) for stem, count, oldest in rows]

    def kept_slots(self, stems: Sequence[str]) -> list[tuple[str, int | None, int]]:
        """Give (stem, bytes of log that its source keeps for the hub, when a run saw that) of followed logs."""
        return [(row[0], row[1], row[2]) for row in self.rows("kept_slots", {"stems": list(stems)})]

    def untold(self, stems: Sequence[str], before: int) -> list[tuple[str, int, int]]:
        """Give (stem, how many, the oldest one's first judging) of rejections that their agency was not told."""
        rows = self.rows("untold", {"stems": list(stems), "before": before})
        return [(stem, count, oldest) for stem, count, oldest in rows]

    def ended_access(self, stems: Sequence[str], since: int) -> list[tuple[str, str, int]]:
        """Give (recipient, stem, when) of the access that was taken since, its right being over."""
        rows = self.rows("ended_access", {"stems": list(stems), "since": since})
        return [(recipient, stem, at) for recipient, stem, at in rows]

    def states(self, connectors: Mapping[str, Connector], lags: Sequence[Lag], now: int) -> dict[str, Seen]:
        """Say in what state each source is."""
        beats, holds, pauses = self.beats(list(connectors)), self.holds(), self.pauses(list(connectors))
        found = {}
        for stem, connector in connectors.items():
            live, mine = connector.file.live, beats.get(stem, [])
            work = Work(
                min((h.since for h in holds if h.stem == stem), default=None),
                self._backlog(stem, mine, sum(lag.behind for lag in lags if lag.stem == stem), now),
            )
            at = pauses.source_at(stem, mine[-1].at if mine else None, live.promise_s, now)
            found[stem] = state_of(mine, Promise(live.promise_s, live.clock_skew_s), work, at)
        return found

    def _backlog(self, stem: str, beats: Sequence[Beat], behind: int, now: int) -> int:
        """Count what the last absence left to do; what is not shared yet counts until the next extract."""
        away = absence(beats)
        if away is None:
            return 0
        after, back, first_cycle = away
        upto = now if back is None else back
        ((unread, batches),) = self.rows("after_absence", {"stem": stem, "after": after, "upto": upto})
        return int(unread) + (behind if first_cycle and batches else 0)


def _over(connector: Connector, read: int, failed: int) -> bool:
    alerts = connector.file.alerts
    return read >= alerts.min_rows and failed > 0 and failed / read >= alerts.failed_share
