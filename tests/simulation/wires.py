"""The real composition root over the in-memory servers: `Hub` itself, with other adapters plugged in."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from fake_rules import FakeRules, things

from pophub import postgres, wiring
from pophub.contracts.model import Connector, Grant, SubscriptionFile
from pophub.domain.errors import ValidatorFailed
from pophub.domain.record import Columns, Failure
from pophub.postgres import connection
from pophub.process import failpoints
from pophub.stages import judge, replay, share
from pophub.stores import share as ledger_store

from . import cursor, database, statements_flow, statements_judge, statements_replay
from .broker import Broker, MemoryPublisher, MemoryReader, MemoryWriter
from .scheduler import Simulation
from .source import Table

TWINS = (statements_flow, statements_judge, statements_replay)  # each names its statements at its import
SUBSCRIBER = "portal"


@cache
def drawn_things(kind: str, is_time: bool, late_s: int, settle_s: int, batch_rows: int) -> Connector:
    """Give the made-up dataset with a source of this kind: sql or files."""
    table = {"table": "t", "key": ["key"], "late_s": late_s, "settle_s": settle_s}
    source = {"kind": kind, "url": "${X}", "deleted": {"column": "gone", "values": [True]},
              "marker": {"column": "at", "kind": "time" if is_time else "sequence"}, **(table if kind == "sql" else {})}  # fmt: skip
    return things(source, limits={"batch_rows": batch_rows})


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


class SimulatedHub(wiring.Hub):
    """The real hub with one connector and one subscription, without files."""

    def __init__(self, connector: Connector, file: SubscriptionFile, rules: DrawnRules) -> None:
        self.settings: Any = SimpleNamespace(secret=lambda name: "secret")
        self.connectors = {connector.stem: connector}
        self.subscriptions = [file]
        self.broken = []
        self._rules: Any = {connector.stem: rules}


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
    """Plug the in-memory servers in, for as many seeds as one likes."""
    with_step = _at_present(lambda s: s.simulation.step)
    clock = SimpleNamespace(
        sleep=_at_present(lambda s: s.simulation.sleep),
        monotonic=_at_present(lambda s: s.simulation.monotonic),
    )
    adapters: list[tuple[Any, str, Any]] = [
        (wiring, "connect", _at_present(lambda s: s.database.connect)),
        (wiring, "RawWriter", _at_present(lambda s: lambda _, topic: MemoryWriter(s.broker, topic))),
        (
            wiring,
            "RawReader",
            _at_present(lambda s: lambda _, topic, lane: MemoryReader(s.broker, topic, lane)),
        ),
        (
            wiring,
            "Publisher",
            _at_present(lambda s: lambda _, topic, lane: MemoryPublisher(s.broker, topic, lane)),
        ),
        (wiring, "open_source", _at_present(lambda s: lambda *_: s.source)),
        (wiring, "GreatExpectationsRules", lambda connector: None),
        (wiring, "heartbeat", lambda *_: nullcontext()),
        (wiring, "paused", lambda *_: {}),
        (wiring, "refuse_resting", lambda *_: None),
        (wiring, "stops_sharing", lambda *_: None),
        (wiring, "preparation", SimpleNamespace(schema_id=lambda *_: 1)),
    ]
    by_name = [(failpoints.reach, with_step)]
    from . import broker  # its own passages, too

    sleepers = [
        m
        for m, name in _everywhere(time)
        if name == "time" and m.__name__.startswith(("pophub.wiring", "pophub.stages"))
    ]
    adapters += [(module, "time", clock) for module in sleepers]
    adapters += [(module, name, fake) for original, fake in by_name for module, name in _everywhere(original)]
    adapters.append((broker, "reach", with_step))
    with ExitStack() as stack:
        stack.enter_context(statements_answered())
        for module, name, fake in adapters:
            stack.enter_context(patch.object(module, name, fake))
        yield


@contextmanager
def statements_answered() -> Iterator[None]:
    """Let the stores work over sessions of the in-memory database, whichever is given to them."""
    by_name = [
        (postgres.copy_columns, cursor.copy_columns),
        (postgres.execute_values, cursor.execute_values),
        (connection.deadline, lambda *_: nullcontext()),
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
