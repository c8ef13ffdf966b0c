"""How far each stage of each lane is behind, since when, and who works on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from pophub.contracts.model import Connector
from pophub.contracts.subscription_model import SubscriptionFile
from pophub.domain.errors import PophubError
from pophub.kafka import RawEnds
from pophub.postgres import Cursor, connect, statements, transaction
from pophub.settings import Settings
from pophub.sharing.subscription import recipients

SQL = statements("stream")
LaneEnds = Mapping[tuple[str, int], int]


@dataclass
class StageLag:
    """One stage of one lane (of one recipient for share; of the whole source for extract).

    Units: `behind` counts blocks of raw for judge and accepted versions for share; None where it
    cannot be told. `oldest_s` is the age of the oldest of them by the database's clock. `worker` is
    `stream`, `drain`, or empty where nobody works.
    """

    stem: str
    stage: str
    recipient: str | None
    lane: int | None
    behind: int | None
    oldest_s: float | None = None
    worker: str = ""

    @property
    def _place(self) -> str:
        return self.stem if self.lane is None else f"{self.stem}/{self.lane}"

    @property
    def claim(self) -> str:
        """The subject of the stream that looks after it."""
        return f"{self.stage} {self._place}"

    @property
    def lock(self) -> str:
        """The subject of the stage's own lock."""
        return self._place if self.recipient is None else f"{self.recipient}/{self._place}"

    def as_json(self) -> dict[str, Any]:
        """Give it as a document."""
        return asdict(self)


def stage_lags(
    settings: Settings,
    connectors: Sequence[Connector],
    subscriptions: Iterable[SubscriptionFile],
    *,
    broker: bool = True,
) -> list[StageLag]:
    """Tell of each stage and lane how far it is behind. Without the `broker`, judge's is unknown."""
    places = [(c.stem, lane) for c in connectors for lane in range(c.file.lanes)]
    ends = _ends(settings, places) if broker else None
    with (
        closing(connect(settings, "pophub_read")) as connection,
        transaction(connection, "where the lanes stand") as cursor,
    ):
        return stages_stand(cursor, connectors, subscriptions, ends)


def stages_stand(
    cursor: Cursor,
    connectors: Sequence[Connector],
    subscriptions: Iterable[SubscriptionFile],
    ends: LaneEnds | None,
) -> list[StageLag]:
    """Tell the same over a connection that is open; `ends` of raw by (stem, lane), None where unknown."""
    shared_with: dict[str, list[str]] = {}
    for stem, recipient in recipients([c.stem for c in connectors], subscriptions):
        shared_with.setdefault(stem, []).append(recipient)
    found = _stages(cursor, connectors, shared_with, ends)
    for one in found:
        one.oldest_s = _oldest_s(cursor, one)
    _workers(cursor, found)
    return found


def _ends(settings: Settings, lanes: Sequence[tuple[str, int]]) -> LaneEnds | None:
    try:
        with closing(RawEnds(settings)) as raw:
            return raw.ends(lanes)
    except PophubError:
        return None


def _stages(
    cursor: Cursor,
    connectors: Sequence[Connector],
    shared_with: Mapping[str, Sequence[str]],
    ends: LaneEnds | None,
) -> list[StageLag]:
    judged, shared = lanes_stand(cursor, [c.stem for c in connectors])
    found: list[StageLag] = []
    for connector in connectors:
        stem = connector.stem
        found.append(StageLag(stem, "extract", None, None, None))
        for lane in range(connector.file.lanes):
            offset, sequence = judged.get((stem, lane), (0, 0))
            behind = None if ends is None else ends.get((stem, lane), 0) - offset
            found.append(StageLag(stem, "judge", None, lane, behind))
            for to in shared_with[stem]:
                done = shared.get((stem, lane, to), 0)
                found.append(StageLag(stem, "share", to, lane, sequence - done))
    return found


def lanes_stand(
    cursor: Cursor, stems: Sequence[str]
) -> tuple[dict[tuple[str, int], tuple[int, int]], dict[tuple[str, int, str], int]]:
    """Give raw offset and last sequence of each (stem, lane), and how far each recipient's ledger is."""
    cursor.execute(SQL["judged"], (list(stems),))
    judged = {(stem, lane): (offset, sequence) for stem, lane, offset, sequence in cursor.fetchall()}
    cursor.execute(SQL["shared"], (list(stems),))
    return judged, {(stem, lane, to): sequence for stem, lane, to, sequence in cursor.fetchall()}


def _oldest_s(cursor: Cursor, one: StageLag) -> float | None:
    if not one.behind or one.behind < 0:
        return None
    statement = SQL["oldest_unjudged" if one.stage == "judge" else "oldest_unshared"]
    cursor.execute(statement, {"stem": one.stem, "lane": one.lane, "recipient": one.recipient})
    row = cursor.fetchone()
    return None if row is None or row[0] is None else round(max(0.0, row[0]), 1)


def _workers(cursor: Cursor, stages: Sequence[StageLag]) -> None:
    """Look up who holds the locks: a stream's claim, or else the lock of the stage itself."""
    wanted = [("stream", one.claim) for one in stages] + [(one.stage, one.lock) for one in stages]
    cursor.execute(SQL["held"], ([kind for kind, _ in wanted], [subject for _, subject in wanted]))
    held = set(cursor.fetchall())
    for one in stages:
        one.worker = (
            "stream" if ("stream", one.claim) in held else "drain" if (one.stage, one.lock) in held else ""
        )
