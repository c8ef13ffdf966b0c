"""The stages without end: the same functions as the bounded drains, with clients that stay open.

A lane has one worker, whoever it is: a streaming worker holds the advisory locks that a drain of the
DAGs would take. After any error the process ends, and the next start reads where everything stands.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from pophub.contracts.model import Connector
from pophub.gates.mapping import ContractMapper
from pophub.gates.rules import GreatExpectationsRules
from pophub.kafka import Publisher, RawReader
from pophub.ledger.history import History
from pophub.ledger.store import LedgerStore
from pophub.live.watch import stops_sharing
from pophub.population.store import JudgeStore
from pophub.postgres import connect
from pophub.quarantine.holds import paused
from pophub.sharing.subscription import Subscription
from pophub.stages.judge import Judge, Judged
from pophub.stages.share import Shared, share
from pophub.wiring import Hub, own_lane

LOOK_S = 2.0  # how often pauses and holds are looked at
WAITING_S = 30.0  # how often the versions that wait for people are judged again


@dataclass
class _Outlet:
    """One subscription of a lane: its ledger, its publisher, and how far it is."""

    subscription: Subscription
    store: LedgerStore
    publisher: Publisher
    done: int = -1


class LaneWorker:
    """Judges one lane of a connector and shares it with every subscription, step by step."""

    def __init__(self, hub: Hub, stem: str, lane: int) -> None:
        self._hub = hub
        self._connector: Connector = hub.connector(stem)
        self._lane = lane
        self._stack = ExitStack()
        self._looked = self._waited = float("-inf")
        self._pauses: dict[str, str] = {}
        self._stopped: str | None = None
        self._open()

    def _open(self) -> None:
        """Open every client and become the lane's one worker for each of them."""
        hub, connector, lane = self._hub, self._connector, self._lane
        rules = GreatExpectationsRules(connector)
        connection = self._stack.enter_context(closing(connect(hub.settings, "pophub_judge")))
        self._judged = JudgeStore(connection, connector)
        own_lane(self._judged, lane, lambda: False, f"judge of {connector.stem}, lane {lane}")
        self._judge = Judge(connector, ContractMapper(connector), rules, self._judged)
        topic = f"raw.{connector.stem}"
        self._reader = self._stack.enter_context(closing(RawReader(hub.settings, topic, lane)))
        history = History(connector.stem)
        self._outlets = [self._outlet(s, history) for s in hub.subscriptions_of(connector)]

    def _outlet(self, subscription: Subscription, history: History) -> _Outlet:
        settings, lane = self._hub.settings, self._lane
        connection = self._stack.enter_context(closing(connect(settings, "pophub_share")))
        store = LedgerStore(connection, subscription.recipient, subscription.stem, history)
        own_lane(store, lane, lambda: False, f"share to {subscription.topic}, lane {lane}")
        publisher = self._stack.enter_context(closing(Publisher(settings, subscription.topic, lane)))
        return _Outlet(subscription, store, publisher)

    def judge(self) -> Judged:
        """Judge up to the end that is seen now; now and then, what waited for people."""
        self._look()
        judged = Judged()
        if "" in self._pauses:
            return judged
        self._judge.lane(self._reader, self._lane, judged)
        if time.monotonic() - self._waited > WAITING_S and self._lane == 0:
            self._judge.waiting(judged)
            self._waited = time.monotonic()
        return judged

    def share(self) -> dict[str, Shared]:
        """Share with each subscription up to the end that is seen now; give what each received."""
        self._look()
        if self._stopped or "" in self._pauses:
            return {}
        return {o.subscription.recipient: self._share(o) for o in self._outlets}

    def _share(self, outlet: _Outlet) -> Shared:
        shared = Shared()
        end = outlet.store.end(self._lane)
        if end != outlet.done and outlet.subscription.recipient not in self._pauses:
            share(outlet.subscription, outlet.store, outlet.publisher, self._lane, shared)
            outlet.done = end
        return shared

    def _look(self) -> None:
        """Look at pauses and at what stops sharing, a little later than at each step."""
        if time.monotonic() - self._looked > LOOK_S:
            self._pauses = paused(self._hub.settings, self._connector.stem)
            self._stopped = stops_sharing(self._hub.settings, self._connector)
            self._looked = time.monotonic()

    def close(self) -> None:
        """End the clients; the locks end with the connections."""
        self._stack.close()


def lanes_of(hub: Hub, stems: Sequence[str]) -> list[tuple[str, int]]:
    """Give every lane of the connectors, as (stem, lane)."""
    return [(stem, lane) for stem in stems for lane in range(hub.connector(stem).file.lanes)]
