"""The real composition root over the in-memory servers: `Hub` itself, with other adapters plugged in."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from fake_rules import FakeRules, things

from pophub import postgres, wiring
from pophub.adapters import Adapters
from pophub.contracts.model import Connector
from pophub.contracts.subscription_model import Grant, SubscriptionFile
from pophub.domain.errors import ValidatorFailed
from pophub.domain.record import Columns, Failure
from pophub.ports import BlockReader, BlockWriter, LanePublisher, RawLanes, Rules, Source
from pophub.process import deadline, failpoints
from pophub.sharing import hub_log
from pophub.stages import judge, replay, share
from pophub.stages.judge import Judged
from pophub.stages.share import Shared
from pophub.stores import history
from pophub.stores import share as ledger_store
from pophub.stores.history import History

from . import (
    cursor,
    database,
    statements_flow,
    statements_judge,
    statements_loss,
    statements_places,
    statements_replay,
    statements_scan,
    statements_slot,
)
from .broker import Broker, MemoryLanes, MemoryPublisher, MemoryReader, MemoryWriter
from .scheduler import Simulation
from .source import Table

TWINS = (
    statements_flow,
    statements_judge,
    statements_loss,
    statements_places,
    statements_slot,
    statements_replay,
    statements_scan,
)  # each names its statements at its import
SUBSCRIBER = "portal"
PASSES = 3


@cache
def drawn_things(
    kind: str, is_time: bool, late: int, settle_s: int, batch_rows: int, refers: bool
) -> Connector:
    """Give the made-up dataset with a source of this kind; `refers` as `things` takes it.

    Kinds are sql, scan, wal, files, inventory and log.
    """
    if kind == "inventory":
        source = {"kind": "files", "url": "${X}", "marker": {"kind": "scan"}, "gone_at_most": 1}
        return things(source, refers=refers, limits={"batch_rows": batch_rows})
    if kind == "wal":
        logged = {"kind": "cdc", "url": "${X}", "table": "t", "key": ["key"], "gone_at_most": 1}
        return things(logged, refers=refers, limits={"batch_rows": batch_rows})
    if kind == "log":
        topic = {"kind": "kafka", "url": "${X}", "topic": "t", "marker": {"kind": "log"}}
        return things(topic, refers=refers, limits={"batch_rows": batch_rows})
    if kind == "scan":
        source = {
            "kind": "sql",
            "url": "${X}",
            "table": "t",
            "key": ["key"],
            "marker": {"kind": "scan"},
            "gone_at_most": 1,
        }
        return things(source, refers=refers, limits={"batch_rows": batch_rows})
    table = {"table": "t", "key": ["key"], "late_s" if is_time else "late_rows": late, "settle_s": settle_s}
    source = {"kind": kind, "url": "${X}", "deleted": {"column": "gone", "values": [True]},
              "marker": {"column": "at", "kind": "time" if is_time else "sequence"}, **(table if kind == "sql" else {})}  # fmt: skip
    return things(source, refers=refers, limits={"batch_rows": batch_rows})


@cache
def subscription(some_rows: bool) -> SubscriptionFile:
    """Give a subscription with two fields, without the key, of all rows or some."""
    grant = Grant.model_validate({
        "dataset": "mem.things", "purpose": {"en": "x", "vi": "x"}, "legal_basis": "x", "fields": ("value", "number"),
        "rows": {"value": ("good", "mended")} if some_rows else {}, "starts": date(2020, 1, 1),
    })  # fmt: skip
    return SubscriptionFile.model_validate({
        "subscription": 1, "subscriber": SUBSCRIBER, "title": {"en": "x", "vi": "x"}, "grants": (grant,),
    })  # fmt: skip


@dataclass(kw_only=True)
class DrawnRules(FakeRules):
    """Fails as `FakeRules` does, or as a whole, as a validator does."""

    simulation: Simulation
    chance: float

    def judge(self, frame: Columns) -> list[Failure]:
        """Judge every row, or fail as a validator does."""
        self.simulation.step("rules")
        if self.simulation.fails() or (
            self.simulation.hostile and self.simulation.rng.random() < self.chance
        ):
            raise ValidatorFailed("validator.failed", "an expectation raised")
        return super().judge(frame)


class MemoryAdapters(Adapters):
    """Every port over the in-memory servers of the present seed."""

    def __init__(self, rules: DrawnRules) -> None:
        super().__init__(SimpleNamespace(secret=lambda name: "secret"))  # type: ignore[arg-type]
        self._drawn = rules

    @contextmanager
    def connection(self, role: str) -> Iterator[Any]:
        """Give a session of the in-memory database."""
        with closing(_now[-1].database.connect(self.settings, role)) as session:
            yield session

    @contextmanager
    def writer(self, stem: str) -> Iterator[BlockWriter]:
        """Give a writer to the in-memory broker."""
        with closing(MemoryWriter(_now[-1].broker, f"raw.{stem}")) as writer:
            yield writer

    @contextmanager
    def reader(self, stem: str, lane: int) -> Iterator[BlockReader]:
        """Give a reader of the in-memory broker."""
        with closing(MemoryReader(_now[-1].broker, f"raw.{stem}", lane)) as reader:
            yield reader

    @contextmanager
    def raw_lanes(self, stem: str, lanes: int) -> Iterator[RawLanes]:
        """Give the in-memory topic to who takes up a loss."""
        yield MemoryLanes(_now[-1].broker, f"raw.{stem}", lanes)

    @contextmanager
    def publisher(self, topic: str, lane: int) -> Iterator[LanePublisher]:
        """Give a publisher to the in-memory broker."""
        with closing(MemoryPublisher(_now[-1].broker, topic, lane)) as publisher:
            yield publisher

    def source(self, connector: Connector, *, stays_open: bool = False) -> Source:
        """Give the source of the present seed."""
        return _now[-1].source  # type: ignore[return-value]

    def rules(self, connector: Connector) -> Rules:
        """Give the rules that were drawn."""
        return self._drawn

    def refuse_resting(self, connection: Any, stem: str) -> None:
        """Let no source rest."""

    def refuse_redeclared(self, connector: Connector) -> None:
        """None changes its declaration here."""

    def is_prepared(self, stem: str) -> bool:
        """Let each dataset be prepared."""
        return True

    def heartbeat(self, stem: str, shown: Any) -> AbstractContextManager[None]:
        """Write none: nobody watches."""
        return nullcontext()

    def paused(self, stem: str) -> dict[str, str]:
        """Give none: no person pauses anything."""
        return {}

    def stopped(self, connector: Connector) -> str | None:
        """Give None: the drawn datasets stop nothing."""
        return None

    def terms_on_record(self, connection: Any, recipient: str, grant: Grant) -> dict[int, Grant]:
        """Let any terms be on record, and none before them."""
        return {}

    def registered_ids(self, connection: Any, subject: str, schemas: Any) -> list[int]:
        """Give the one id for each."""
        return [1] * len(schemas)

    def schema_id(self, connection: Any, subject: str, schema: str) -> int:
        """Give the one id."""
        return 1

    def pseudonym_secret(self, connection: Any) -> str:
        """Give the one secret."""
        return self.settings.secret("hub.pseudonyms")


class SimulatedHub(wiring.Hub):
    """The real hub with one connector and one subscription, without files."""

    def __init__(self, connector: Connector, file: SubscriptionFile, rules: DrawnRules) -> None:
        self.adapters = MemoryAdapters(rules)
        self.settings = self.adapters.settings
        self.connectors = {connector.stem: connector}
        self.subscriptions = [file]
        self.broken = []
        self._settle = lambda adapters, connection, connector: None  # no contract changes here

    def judge_lane(self, stem: str, lane: int, history: History) -> None:
        """Judge a lane as a stream's worker does, which keeps for share what was committed."""
        with (
            self.open_judge(stem, onward=history.add) as (stage, store),
            self.adapters.reader(stem, lane) as reader,
        ):
            if self._own_judge(store, stem, lane, reader.end()):
                stage.lane(reader, lane, Judged())

    def share_lane(self, stem: str, lane: int, history: History) -> None:
        """Share a lane again and again, beside who judges it, from what is kept of it."""
        for _ in range(PASSES):
            for one in self.sharable(self.connectors[stem])[0]:
                self._share_lane(one, lane, history, Shared())


@dataclass
class Servers:
    """What stands behind the adapters at present."""

    simulation: Simulation
    database: database.Database
    broker: Broker
    source: Table


_now: list[Servers] = []


def _at_present(make: Callable[[Servers], Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: make(_now[-1])(*args, **kwargs)


def _everywhere(original: Any) -> list[tuple[Any, str]]:
    """Give each module of pophub that imported a function by name."""
    found = [
        (module, name) for key, module in list(sys.modules.items()) if key.startswith("pophub")
        for name, value in vars(module).items() if value is original
    ]  # fmt: skip
    assert found
    return found


@contextmanager
def plugged_in() -> Iterator[None]:
    """Let passages be steps and clocks be the simulation's, for as many seeds as one likes."""
    with_step = _at_present(lambda s: s.simulation.step)
    clock = SimpleNamespace(
        sleep=_at_present(lambda s: s.simulation.sleep),
        monotonic=_at_present(lambda s: s.simulation.monotonic),
    )
    by_name = [(failpoints.reach, with_step)]
    from . import broker  # its own passages, too

    sleepers = [
        m
        for m, name in _everywhere(time)
        if name == "time" and m.__name__.startswith(("pophub.wiring", "pophub.stages", "pophub.stores"))
    ]
    places: list[tuple[Any, str, Any]] = [(module, "time", clock) for module in sleepers]
    places += [(module, name, fake) for original, fake in by_name for module, name in _everywhere(original)]
    places.append((broker, "reach", with_step))
    with ExitStack() as stack:
        stack.enter_context(statements_answered())
        for module, name, fake in places:
            stack.enter_context(patch.object(module, name, fake))
        yield


@contextmanager
def statements_answered() -> Iterator[None]:
    """Let the stores work over sessions of the in-memory database, whichever is given to them."""
    by_name = [
        (postgres.copy_columns, cursor.copy_columns),
        (postgres.execute_values, cursor.execute_values),
        (deadline.deadline, lambda *_: nullcontext()),
    ]
    with ExitStack() as stack:
        for original, fake in by_name:
            for module, name in _everywhere(original):
                stack.enter_context(patch.object(module, name, fake))
        yield


@contextmanager
def present(servers: Servers, sizes: dict[str, int]) -> Iterator[None]:
    """Let the adapters stand for these servers; stretches are of the sizes given."""
    places = [
        (judge, "MICRO_ROWS"),
        (replay, "MICRO_ROWS"),
        (share, "TRANSACTION_ROWS"),
        (ledger_store, "CHUNK"),
        (hub_log, "BLOCK_ROWS"),
        (history, "MOST_BYTES"),
    ]
    before = [getattr(module, name) for module, name in places]
    _now.append(servers)
    for module, name in places:
        setattr(module, name, sizes[name])
    try:
        yield
    finally:
        _now.pop()
        for (module, name), value in zip(places, before, strict=True):
            setattr(module, name, value)
