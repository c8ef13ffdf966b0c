"""What is wrong now, one condition for each alert that is due: pure, from what the store read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from pophub.contracts.model import Connector
from pophub.contracts.source_model import CdcSource
from pophub.live.pauses import CONNECTOR, Pauses
from pophub.live.state import US, Seen
from pophub.live.store import Counted, Hold, Lag

BY_STATE = {
    "frozen": "alert.frozen",
    "clock_wrong": "alert.clock_wrong",
    "offline": "alert.offline",
    "silent": "alert.silent",
}
FAILED_SHARE = "alert.failed_share"
UNREAD_S = 86_400  # a source's log that nobody reads grows on the source's disk
UNTOLD_S = 3 * 3_600  # the DAG that tells agencies runs each hour

BASIS_DAYS = 90  # so long before its end a subscription's basis is told
ENDED_S = 7 * 86_400  # so long an ended right stands among the alerts
WAIT_FOR_A_RUN = (
    "alert.frozen",
    "alert.offline",
    "alert.silent",
    "alert.lag",
    "alert.unbalanced",
    "alert.slot_kept",
)


class Condition(NamedTuple):
    """Something that is wrong: the same (code, stem, subject) is the same alert. Holds no record's value."""

    code: str
    stem: str
    subject: str
    what: str

    @property
    def name(self) -> tuple[str, str, str]:
        """What makes it the same condition the next time."""
        return self.code, self.stem, self.subject


def of_states(states: Mapping[str, Seen]) -> Iterator[Condition]:
    """Give the sources whose state is an alert."""
    words = {
        "frozen": "the runs succeed, but nothing new came within the promise",
        "clock_wrong": "the source shows changes of the future",
        "offline": "the source cannot be reached",
        "silent": "no extract has asked the source within the promise",
    }
    for stem, seen in states.items():
        if seen.state in BY_STATE:
            yield Condition(BY_STATE[seen.state], stem, "source", words[seen.state])


def with_switches(due: Iterable[Condition], off: Mapping[str, str]) -> Iterator[Condition]:
    """Say of what waits for a run that its DAG is switched off; `off` holds the words for it."""
    for condition in due:
        if condition.stem in off and condition.code in WAIT_FOR_A_RUN:
            yield condition._replace(what=f"{condition.what}; its DAG is {off[condition.stem]}")
        else:
            yield condition


def of_holds(holds: Sequence[Hold], stems: Mapping[str, Connector]) -> Iterator[Condition]:
    """Give the held batches."""
    for hold in holds:
        if hold.stem in stems:
            yield Condition("alert.held", hold.stem, f"hold {hold.hold}", f"held by {hold.code}")


def of_failures(failing: Sequence[Counted]) -> Iterator[Condition]:
    """Give the batches of which too many failed."""
    for c in failing:
        yield Condition(
            FAILED_SHARE, c.stem, f"batch {c.batch}", f"{c.second:,} of {c.first:,} records are quarantined"
        )


def of_lags(
    lags: Sequence[Lag], stems: Mapping[str, Connector], pauses: Pauses, now: int
) -> Iterator[Condition]:
    """Give each recipient that is late and not paused, its lanes together."""
    late: dict[tuple[str, str], int] = {}
    for lag in lags:
        since = None if lag.since is None else pauses.waits_since(lag.stem, lag.recipient, lag.since)
        if since is not None and since + stems[lag.stem].file.live.lag_s * US < now:
            late[lag.stem, lag.recipient] = late.get((lag.stem, lag.recipient), 0) + lag.behind
    for (stem, recipient), behind in late.items():
        yield Condition("alert.lag", stem, f"recipient {recipient}", f"{behind:,} versions are not shared")


def of_balance(
    counts: Sequence[Counted], stems: Mapping[str, Connector], pauses: Pauses, now: int
) -> Iterator[Condition]:
    """Give batches that do not add up: read twice at once, not read when it is late and not paused."""
    for c in counts:
        since = None if c.at is None else pauses.waits_since(c.stem, CONNECTOR, c.at)
        late = since is not None and since + stems[c.stem].file.live.lag_s * US < now
        if c.second > c.first or late:
            yield Condition(
                "alert.unbalanced", c.stem, f"batch {c.batch}", f"sent {c.first:,}, read {c.second:,}"
            )


def of_overdue(overdue: Sequence[tuple[str, int, int]], now: int) -> Iterator[Condition]:
    """Give the datasets with overdue quarantined records."""
    for stem, count, oldest in overdue:
        days = (now - oldest) // (86_400 * US)
        yield Condition(
            "alert.overdue", stem, "quarantine", f"{count:,} records wait, the oldest for {days} days"
        )


def of_kept_logs(
    kept: Sequence[tuple[str, int | None, int]], stems: Mapping[str, Connector], now: int
) -> Iterator[Condition]:
    """Give the sources that keep more of their log for the hub than is declared, or keep it since long."""
    for stem, size, looked in kept:
        source = stems[stem].file.source
        if not isinstance(source, CdcSource):  # of another kind by now
            continue
        if size is not None and size >> 20 > source.keep_wal_mb:
            what = f"the source keeps {size >> 20:,} MB of its log, more than keep_wal_mb"
            yield Condition("alert.slot_kept", stem, "slot", what)
        elif looked + UNREAD_S * US < now:
            hours = (now - looked) // (3_600 * US)
            what = f"the source keeps all of its log since {hours:,} hours: no run read it"
            yield Condition("alert.slot_kept", stem, "slot", what)


def of_untold(untold: Sequence[tuple[str, int, int]], now: int) -> Iterator[Condition]:
    """Give the datasets with rejections that their agency was not told in time."""
    for stem, count, oldest in untold:
        hours = (now - oldest) // (3_600 * US)
        yield Condition(
            "alert.untold", stem, "feedback", f"{count:,} rejections are untold, the oldest for {hours} hours"
        )


def of_bases(ending: Iterable[tuple[str, str, date]], today: date) -> Iterator[Condition]:
    """Give the subscriptions, (stem, recipient, last day), of which the legal basis ends soon."""
    for stem, recipient, last in ending:
        if today <= last <= today + timedelta(days=BASIS_DAYS):
            what = f"what {recipient} has {stem} by is in force to {last}, and nothing else that it cites"
            yield Condition("alert.basis_ends", stem, f"recipient {recipient}", what)


def of_ended(ended: Sequence[tuple[str, str, int]]) -> Iterator[Condition]:
    """Give the subscribers whose access was taken, their right being over."""
    for recipient, stem, _ in ended:
        yield Condition(
            "alert.access_ended", stem, f"recipient {recipient}", f"{recipient} can read {stem} no more"
        )
