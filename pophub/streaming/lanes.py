"""A lane's worker: judges its raw and shares what was accepted, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial

from pophub.contracts.model import Connector
from pophub.domain.errors import ConfigError, PophubError, TransientError
from pophub.kafka import Publisher
from pophub.ports import Sharable
from pophub.stages.judge import Judged
from pophub.stages.lanes import Locked
from pophub.stages.share import Shared, share
from pophub.stores.history import History
from pophub.stores.share import LedgerStore
from pophub.streaming.kept import KeptOpen
from pophub.streaming.standing import Standing
from pophub.streaming.turn import Turn, TurnLedger, TurnOver, TurnReader
from pophub.wiring import Hub

STAGES = ("judge", "share")
TURN_S = 2.0  # then the other lanes of the process have theirs
PUBLISHERS = 4  # that come up at once


@dataclass
class _Outlet:
    """One topic that a lane fills: its ledger, and its publisher, which comes up while judge works."""

    sharable: Sharable
    store: LedgerStore
    publisher: Future[Publisher]
    done: int = -1

    def close(self) -> None:
        """End the publisher, where one came up."""
        with suppress(PophubError):
            self.publisher.result().close()


class LaneWorker:
    """Judges one lane of a connector and shares it with every subscription, a turn at each call."""

    def __init__(
        self, hub: Hub, stem: str, lane: int, *, stages: Sequence[str] = STAGES,
        turn: Turn | None = None, standing: Standing | None = None,
    ) -> None:  # fmt: skip
        self._hub = hub
        self._connector: Connector = hub.connector(stem)
        self._lane = lane
        self._stack = ExitStack()
        self._turn = turn or Turn()
        self._standing = standing or self._stack.enter_context(closing(Standing(hub.settings)))
        self._outlets: list[_Outlet] = []
        self._refused: ConfigError | None = None
        self._history = History(stem)
        try:
            if "judge" in stages:
                self._open_judge()
            if "share" in stages:
                self._open_share()
        except BaseException:
            self.close()
            raise

    def _open_judge(self) -> None:
        stem, lane = self._connector.stem, self._lane
        self._judge, store = self._stack.enter_context(self._hub.open_judge(stem, onward=self._history.add))
        _own(store, lane, f"judge of {stem}, lane {lane}")
        reader = TurnReader(self._hub.settings, f"raw.{stem}", lane, self._turn, self._history)
        self._reader = self._stack.enter_context(closing(reader))

    def _open_share(self) -> None:
        kept = self._stack.enter_context(closing(KeptOpen(self._hub.settings)))
        pool = self._stack.enter_context(ThreadPoolExecutor(PUBLISHERS, "publisher"))
        ledger = partial(TurnLedger, turn=self._turn)
        wanted, self._refused = self._hub.sharable(self._connector)
        for sharable in wanted:
            store = self._stack.enter_context(
                self._hub.open_share(sharable, self._history, store=ledger, adapters=kept)
            )
            _own(store, self._lane, f"share to {sharable.topic}, lane {self._lane}")
            publisher = pool.submit(Publisher, self._hub.settings, sharable.topic, self._lane)
            outlet = _Outlet(sharable, store, publisher)
            self._outlets.append(self._stack.enter_context(closing(outlet)))

    def judge(self, *, again: bool = False) -> Judged:
        """Judge up to the end that is seen now, or of the turn; `again` also what waited."""
        judged = Judged()
        if "" in self._standing.paused(self._connector.stem):
            return judged
        self._turn.begin(TURN_S)
        self._judge.lane(self._reader, self._lane, judged)
        if again:
            self._judge.waiting(judged)
        return judged

    def share(self) -> dict[str, Shared]:
        """Fill each topic up to the end that is seen now, or of its turn; give what each got.

        Errors: `secret.lost`, `secret.changed` after all was shared that needs no pseudonyms.
        """
        pauses = self._standing.paused(self._connector.stem)
        if "" in pauses or self._standing.stopped(self._connector):
            return {}
        wanted = [o for o in self._outlets if o.sharable.recipient not in pauses]
        shared = {o.sharable.recipient: self._share(o) for o in wanted}
        if self._refused is not None:
            raise self._refused
        return shared

    def _share(self, outlet: _Outlet) -> Shared:
        shared = Shared()
        end = outlet.store.end(self._lane)
        if end == outlet.done or outlet.store.lane(self._lane).sequence >= end:
            return shared
        publisher = outlet.publisher.result()
        self._turn.begin(TURN_S)
        with suppress(TurnOver):
            share(outlet.sharable, outlet.store, publisher, self._lane, shared)
            outlet.done = end
        return shared

    def close(self) -> None:
        """End the clients; the locks end with the connections."""
        self._stack.close()


def _own(store: Locked, lane: int, where: str) -> None:
    """Become the lane's one worker.

    Errors: `lane.busy`, naming the holder.
    """
    if holder := store.worker_lock(lane):
        raise TransientError(
            "lane.busy", f"the lane is held by {holder}", where=where, remedy="none: the stream waits for it"
        )
