"""What is held up in the hub, since when, and what becomes of it: for `pophub status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from pophub.contracts.load import load_all, load_subscriptions
from pophub.contracts.model import Connector
from pophub.domain.dates import moment_of
from pophub.live.circuit import FAILURES, Outage, outages
from pophub.live.state import Seen
from pophub.live.store import ROLE, Counted, Lag, LiveStore
from pophub.postgres import connect, transaction
from pophub.quarantine.holds import holds, pauses
from pophub.settings import Settings
from pophub.sharing.subscription import recipients

WORDS = {
    "frozen": "nothing new came within the promise",
    "clock_wrong": "the source shows changes of the future",
    "silent": "no extract has asked the source within the promise",
    "catching_up": "what the source sent from its absence is not shared yet",
}
Row = dict[str, Any]


def held_up(settings: Settings, off: Mapping[str, str] | None = None) -> list[Row]:
    """Give what does not go on: dataset, what, since when, what comes next; the oldest first.

    Shape: `off` holds the datasets whose DAG is switched off, with the words for it: no run comes next.
    """
    connectors = {c.stem: c for c in load_all(settings.project)[0]}
    files, _ = load_subscriptions(settings.project, list(connectors.values()))
    with closing(connect(settings, ROLE)) as connection:
        store = LiveStore(connection)
        lags = store.lags(recipients(connectors, files))
        found = switched(
            off or {},
            [
                *of_sources(
                    store.states(connectors, lags, store.now()),
                    outages(connection, list(connectors)),
                    store.now(),
                ),
                *of_lags(lags),
                *of_batches(store.unbalanced(list(connectors), ())),
            ],
        )
    with closing(connect(settings, "pophub_read")) as connection:
        found += _of_people(connection, connectors)
    return sorted(found, key=lambda row: (row["since"] is None, row["since"], row["stem"]))


def switched(off: Mapping[str, str], found: Sequence[Row]) -> list[Row]:
    """Say of what waits for a run that none comes while its DAG is off, and which DAGs are."""
    rows = [
        row | {"next": f"nothing by itself: its DAG is {off[row['stem']]}"} if row["stem"] in off else row
        for row in found
    ]
    for stem, words in sorted(off.items()):
        rows.append(
            _row(stem, f"its DAG is {words}", None, "switch it on, unless pophub stream does its work")
        )
    return rows


def of_sources(states: Mapping[str, Seen], down: Mapping[str, Outage], now: int) -> Iterator[Row]:
    """Give the sources from which nothing comes."""
    for stem, seen in states.items():
        if seen.state == "offline" and stem in down:
            outage = down[stem]
            what = f"the source failed {outage.failures} times in a row"
            asked = max(outage.asked_again_at, now)
            rests = outage.failures >= FAILURES
            told = (
                f"asked by the next run from {_at(asked):%Y-%m-%d %H:%M:%S} UTC"
                if rests
                else "asked by the next run"
            )
            yield _row(stem, what, outage.since, told)
        elif seen.state in WORDS:
            yield _row(stem, WORDS[seen.state], seen.since, "docs/live.md")


def of_lags(lags: Sequence[Lag]) -> Iterator[Row]:
    """Give the lanes that a recipient has not got whole."""
    for lag in lags:
        what = f"{lag.behind:,} versions of lane {lag.lane} are not shared with {lag.recipient}"
        yield _row(lag.stem, what, lag.since, "the next run shares them")


def of_batches(counts: Sequence[Counted]) -> Iterator[Row]:
    """Give the batches that were sent and not judged whole."""
    for c in counts:
        what = f"{c.first - c.second:,} of {c.first:,} rows of batch {c.batch} are not judged"
        yield _row(c.stem, what, c.at, "the next run judges them")


def _of_people(connection: Any, connectors: Mapping[str, Connector]) -> Iterator[Row]:
    """Give what waits for a person: held batches, and what someone paused."""
    for hold in holds(connection):
        if hold["stem"] in connectors:
            yield {"stem": hold["stem"], "what": f"held by {hold['code']}: {hold['what']}",
                   "since": hold["since"], "next": hold["remedy"]}  # fmt: skip
    with transaction(connection, "access") as cursor:
        cursor.execute(
            "select recipient, stem, ended_at from hub.access where ended_at > now() - interval '30 days'"
        )
        ended = cursor.fetchall()
    for recipient, stem, at in ended:
        yield {"stem": stem, "what": f"the right of {recipient} ended, it can read no more", "since": at,
               "next": "nothing, where it was meant"}  # fmt: skip
    for pause in pauses(connection):
        if pause["stem"] in connectors:
            whom = f" for {pause['recipient']}" if pause["recipient"] else ""
            yield {"stem": pause["stem"], "what": f"paused{whom} by {pause['paused_by']}: {pause['reason']}",
                   "since": pause["paused_at"], "next": f"pophub resume {pause['stem']}"}  # fmt: skip


def _at(us: int) -> datetime:
    return moment_of(us)


def _row(stem: str, what: str, since: int | None, next_: str) -> Row:
    return {"stem": stem, "what": what, "since": None if since is None else _at(since), "next": next_}
