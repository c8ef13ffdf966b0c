"""Where a stage's time goes: the functions of each step are wrapped here, from outside the product.

A step's time is its own: what another step does inside it counts there. A function that is no longer
found is told, and its time then counts as the rest of its stage.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

WRAPPED: tuple[tuple[str, str, str], ...] = (
    ("extract", "read", "pophub.sources.sql:SqlTable.read"),
    ("extract", "map", "pophub.domain.rows:Rows.of"),
    ("extract", "encode", "pophub.stages.extract:Extract._blocks"),
    ("extract", "send", "pophub.kafka:RawWriter.send"),
    ("extract", "position", "pophub.stores.extract:ExtractStore.opened"),
    ("extract", "position", "pophub.stores.extract:ExtractStore.moved"),
    ("judge", "receive", "pophub.kafka:RawReader.read"),
    ("judge", "decode", "pophub.avro:decode_block"),
    ("judge", "map", "pophub.gates.mapping:ContractMapper.map"),
    ("judge", "digest", "pophub.domain.digests:row_digests"),
    ("judge", "digest", "pophub.domain.digests:content_digests"),
    ("judge", "digest", "pophub.domain.digests:event_ids"),
    ("judge", "look up", "pophub.stores.judge:JudgeStore.accepted"),
    ("judge", "look up", "pophub.stores.judge:JudgeTransaction.accepted"),
    ("judge", "judge", "pophub.gates.rules:GreatExpectationsRules.judge"),
    ("judge", "encode", "pophub.avro:encode_records"),
    ("judge", "build", "pophub.stages.read_block:add_block"),
    ("judge", "build", "pophub.stages.hub_columns:hub_columns"),
    ("judge", "build", "pophub.stages.write:write"),
    ("judge", "decide", "pophub.stages.claims:decide_with_claims"),
    ("judge", "history", "pophub.stores.judge:JudgeTransaction.append_history"),
    ("judge", "upsert", "pophub.stores.judge:JudgeTransaction.move_heads"),
    ("judge", "upsert", "pophub.stores.judge:JudgeTransaction.write_people"),
    ("judge", "upsert", "pophub.stores.judge:JudgeTransaction.move_claims"),
    ("judge", "commit", "pophub.stores.judge:JudgeStore.transaction"),
    ("share", "look up", "pophub.stores.share:LedgerStore.history"),
    ("share", "encode", "pophub.sharing.hub_log:HubLog.outgoing"),
    ("share", "project", "pophub.sharing.subscription:Subscription.outgoing"),
    ("share", "send", "pophub.kafka:Publisher.publish"),
    ("share", "ledger", "pophub.stores.share:LedgerStore.complete"),
    ("share", "connect", "pophub.kafka:Publisher.__init__"),
)
"""Stage, step, and the function whose time it is. A step named `commit` is the leaving of a context."""


@dataclass
class Taken:
    """Seconds of one step by the clock and of the process's CPU, own time alone."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    def add(self, wall_s: float, cpu_s: float) -> None:
        """Add one passage."""
        self.wall_s += wall_s
        self.cpu_s += cpu_s


@dataclass
class Collector:
    """Sums the own time of steps in one process, each thread with a stack of its own."""

    taken: dict[tuple[str, str], Taken] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    _local: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def step(self, stage: str, name: str) -> Iterator[None]:
        """Measure a block as a step of the stage that this thread is in, else of `stage`."""
        stack: list[list[Any]] = self._local.__dict__.setdefault("stack", [])
        place = (stack[0][0][0] if stack else stage, name)
        inner: list[Any] = [place, 0.0, 0.0]
        stack.append(inner)
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            stack.pop()
            if stack:
                stack[-1][1] += wall
                stack[-1][2] += cpu
            with self._lock:
                self.taken.setdefault(place, Taken()).add(wall - inner[1], cpu - inner[2])

    def install(self) -> None:
        """Wrap every function of `WRAPPED` wherever a module of pophub holds it."""
        for stage, name, path in WRAPPED:
            try:
                self._wrap(stage, name, path)
            except (ImportError, AttributeError):
                self.missing.append(path)

    def _wrap(self, stage: str, name: str, path: str) -> None:
        module, _, qualified = path.partition(":")
        holder: Any = importlib.import_module(module)
        *outer, last = qualified.split(".")
        for part in outer:
            holder = getattr(holder, part)
        found = inspect.getattr_static(holder, last)
        kind = type(found) if isinstance(found, (classmethod, staticmethod)) else None
        timed = self._timed(stage, name, found.__func__ if kind else found)
        setattr(holder, last, kind(timed) if kind else timed)
        if not outer:
            _replace_imports(found, timed)

    def _timed(self, stage: str, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def whole(*given: Any, **named: Any) -> Any:
            with self.step(stage, name):
                return function(*given, **named)

        @functools.wraps(function)
        def piecewise(*given: Any, **named: Any) -> Iterator[Any]:
            pieces = function(*given, **named)
            while True:
                with self.step(stage, name):
                    try:
                        piece = next(pieces)
                    except StopIteration:
                        return
                yield piece

        @functools.wraps(function)
        def leaving(*given: Any, **named: Any) -> Any:
            return _Leaving(function(*given, **named), self, stage, name)

        if name == "commit":
            return leaving
        return piecewise if inspect.isgeneratorfunction(function) else whole


class _Leaving:
    """A context whose exit is a step: there PostgreSQL commits."""

    def __init__(
        self, inner: AbstractContextManager[Any], collector: Collector, stage: str, name: str
    ) -> None:
        self._inner, self._collector, self._stage, self._name = inner, collector, stage, name

    def __enter__(self) -> Any:
        return self._inner.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        with self._collector.step(self._stage, self._name):
            return self._inner.__exit__(kind, error, trace)


def _replace_imports(found: Any, timed: Any) -> None:
    """Give the wrapper to the modules that imported the function by name."""
    for name, module in list(sys.modules.items()):
        if name.startswith("pophub."):
            for held in [key for key, value in vars(module).items() if value is found]:
                setattr(module, held, timed)
