"""watch: look once at every source and every promise, settle the alerts, tell the sinks.

And the policies that stop sharing: for a frozen source, a wrong clock, a batch that failed too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from pophub.contracts.model import Connector
from pophub.domain.errors import PophubError
from pophub.live import conditions as found
from pophub.live.alerts import AlertStore, Sink
from pophub.live.conditions import FAILED_SHARE, Condition
from pophub.live.state import US, Seen
from pophub.live.store import ROLE, Counted, LiveStore
from pophub.postgres import connect
from pophub.settings import Settings


@dataclass
class Watched:
    """What one look found and did."""

    states: dict[str, Seen] = field(default_factory=dict)
    opened: int = 0
    closed: int = 0
    failed: list[PophubError] = field(default_factory=list)
    busy: bool = False


@dataclass
class Sinks:
    """Where alerts go: those that are set up, and the names of those that are not."""

    used: Sequence[Sink]
    silent: Sequence[str] = ()


def watch(
    store: LiveStore,
    alerts: AlertStore,
    connectors: Mapping[str, Connector],
    recipients: Sequence[tuple[str, str]],
    sinks: Sinks,
    now: int | None = None,
    more: Iterable[Condition] = (),
    off: Mapping[str, str] | None = None,
) -> Watched:
    """Look once. A watcher that finds another at work leaves it the work.

    Shape: `more` is what others found, `off` the datasets whose DAG is switched off, with the words for it.
    """
    watched = Watched()
    if not alerts.take_lock():
        watched.busy = True
        return watched
    now = store.now() if now is None else now
    still = alerts.batches()
    failing = store.failing(connectors, still)
    for counted in failing:
        if connectors[counted.stem].file.alerts.hold:
            hold_share(store, connectors[counted.stem], [counted.batch])
    watched.states, due = look(store, connectors, recipients, now, failing, still)
    watched.opened, watched.closed = alerts.settle(found.with_switches([*due, *more], off or {}))
    watched.failed = alerts.tell(sinks.used, sinks.silent)
    store.rows("forget_beats")
    return watched


def look(
    store: LiveStore, connectors: Mapping[str, Connector], recipients: Sequence[tuple[str, str]], now: int,
    failing: Sequence[Counted], still: Sequence[int] = (),
) -> tuple[dict[str, Seen], list[Condition]]:  # fmt: skip
    """Give the state of each source, and all that is wrong now; changes nothing.

    Shape: `failing` as the store gives it; `still` holds the batches that present alerts are about.
    """
    lags, pauses = store.lags(recipients), store.pauses(list(connectors))
    states = store.states(connectors, lags, now)
    return states, [
        *found.of_states(states),
        *found.of_holds(store.holds(), connectors),
        *found.of_failures(failing),
        *found.of_lags(lags, connectors, pauses, now),
        *found.of_balance(store.unbalanced(list(connectors), still), connectors, pauses, now),
        *found.of_overdue(store.overdue(connectors, now), now),
        *found.of_kept_logs(store.kept_slots(list(connectors)), connectors, now),
        *found.of_ended(store.ended_access(list(connectors), now - found.ENDED_S * US)),
        *found.of_untold(store.untold(list(connectors), now - found.UNTOLD_S * US), now),
    ]


def stops_sharing(settings: Settings, connector: Connector) -> str | None:
    """Give the code of what stops the sharing of this dataset now by the connector's own policy, or None."""
    live = connector.file.live
    stopping = {
        state for state, policy in (("frozen", live.when_frozen), ("clock_wrong", live.when_clock_wrong))
        if policy == "stop"
    }  # fmt: skip
    if not stopping and not connector.file.alerts.hold:
        return None
    with closing(connect(settings, ROLE)) as connection:
        store, only = LiveStore(connection), {connector.stem: connector}
        if connector.file.alerts.hold and _held(store, connector):
            return FAILED_SHARE
        state = store.states(only, [], store.now())[connector.stem].state if stopping else "alive"
    return found.BY_STATE[state] if state in stopping else None


def _held(store: LiveStore, connector: Connector) -> bool:
    failing = store.failing({connector.stem: connector}, [])
    hold_share(store, connector, [counted.batch for counted in failing])
    return any(hold.stem == connector.stem and hold.code == FAILED_SHARE for hold in store.holds())


def hold_share(store: LiveStore, connector: Connector, batches: Sequence[int]) -> None:
    """Hold the dataset for each batch once: a hold that was released is not placed again."""
    if not batches:
        return
    before = {row[0] for row in store.rows("holds_ever", (connector.stem, FAILED_SHARE))}
    for batch in batches:
        if (subject := f"batch {batch}") not in before:
            store.rows("place_hold", (
                connector.stem, FAILED_SHARE, subject, "too many records of the batch failed: sharing of the dataset waits",
                f"ask {connector.file.owner.name}; then `pophub hold release`",
            ))  # fmt: skip
