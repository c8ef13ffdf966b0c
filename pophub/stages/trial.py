"""A trial: rows of a source mapped and judged as a run would, and nothing sent, decided or kept.

The functions are those of the run itself: blocks as extract makes them, `add_block`, the rules, `decide`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

from pophub import avro
from pophub.contracts.model import Connector
from pophub.domain.decide import Verdicts, decide
from pophub.domain.errors import PromiseBroken
from pophub.domain.history import Lane
from pophub.domain.record import Accepted, Columns, Failure, Versions
from pophub.domain.rows import Rows
from pophub.ports import Mapper, Rules, VerdictTransaction
from pophub.stages.batching import stub_large
from pophub.stages.claims import REASON, batch_of
from pophub.stages.hub_columns import hub_columns
from pophub.stages.judge import Judge
from pophub.stages.read_block import add_block, block_of, fields_read

US = 1_000_000


class ReadOnlyStore:
    """A store that tells what a hub knows, and refuses everything else.

    `known` gives the accepted state that versions meet.
    """

    def __init__(self, known: Callable[[Versions], Accepted]) -> None:
        self._known = known

    def accepted(self, versions: Versions) -> Accepted:
        """Give the accepted state that these versions meet."""
        return self._known(versions)

    def transaction(self) -> AbstractContextManager[VerdictTransaction]:
        """Refuse: a trial decides nothing."""
        self._refuse()

    def lane(self, lane: int) -> Lane:
        """Refuse: a trial reads no lane."""
        self._refuse()

    def waiting(self, after: int, most: int) -> list[tuple[Any, ...]]:
        """Refuse: a trial judges nothing again."""
        self._refuse()

    def repairs(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Refuse: a trial repairs nothing."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise PromiseBroken("trial.writes", "a trial asked for more than to read", remedy="report it")


def nothing_known(versions: Versions) -> Accepted:
    """Give the accepted state of a hub that has never seen anything."""
    return Accepted({}, {}, {}, {})


@dataclass(frozen=True)
class Tried:
    """What a run would make of some rows.

    Shape: `waiting` counts rows left out since their marker has not settled. Units: seconds of this process.
    """

    versions: Versions
    verdicts: Verdicts
    waiting: int
    read_s: float
    judge_s: float

    def failed(self, row: int) -> list[Failure]:
        """Give what keeps a version back; nothing for one that is not quarantined."""
        return self.versions.failures.get(row, []) if self.verdicts.first[row] == "quarantined" else []

    def sent(self, row: int) -> dict[str, Any]:
        """Give a version as the source sent it."""
        raw = self.versions.raw[row]
        if isinstance(raw, bytes):
            return {}
        data, at = raw
        return {name: values[at] for name, values in block_of(data).columns.items()}


@dataclass
class Trial:
    """Tries rows of one connector; `now_us` is when they would be exchanged."""

    connector: Connector
    mapper: Mapper
    rules: Rules
    known: Callable[[Versions], Accepted]
    now_us: int

    def run(self, chunks: Iterable[Columns], most: int) -> Tried:
        """Map and judge at most so many rows, and say what would become of them."""
        versions, begun = Versions({}), time.perf_counter()
        read, waiting = list(_at_most(chunks, most)), 0
        read_s = time.perf_counter() - begun
        for columns in read:
            rows = Rows.of(columns, self.mapper)
            settled = self._settled(rows)
            waiting += len(rows) - len(settled)
            if settled:
                self._add(versions, rows.take(settled))
        verdicts = self._judged(versions)
        return Tried(versions, verdicts, waiting, read_s, time.perf_counter() - begun - read_s)

    def _settled(self, rows: Rows) -> list[int]:
        source = self.connector.file.source
        if source.marker.kind != "time" or not source.settling_s:
            return list(range(len(rows)))
        from_us = self.now_us - source.settling_s * US
        return [i for i, m in enumerate(rows.markers) if m is None or not from_us < m <= self.now_us]

    def _add(self, versions: Versions, rows: Rows) -> None:
        whole = stub_large(rows, self.connector)
        version = self.connector.contract.version
        block = avro.encode_block(avro.Block(0, self.now_us, version, len(whole), whole.columns))
        add_block(
            versions,
            self.connector,
            self.mapper,
            0,
            avro.decode_block(block),
            fields_read(self.connector, self.rules),
        )

    def _judged(self, versions: Versions) -> Verdicts:
        if not len(versions):
            return Verdicts([], [])
        store = ReadOnlyStore(self.known)
        accepted = store.accepted(versions)
        hub = hub_columns(self.connector, versions, accepted)
        Judge(self.connector, self.mapper, self.rules, store).apply_rules(versions, hub)
        batch = batch_of(self.connector, versions)
        verdicts = decide(batch, accepted.heads, accepted.quarantine, accepted.claims)
        taken = [Failure(row, "clean", "clean.key.duplicate", name, REASON) for row, name in verdicts.taken]
        versions.fail(taken)
        return verdicts


def _at_most(chunks: Iterable[Columns], most: int) -> Iterator[Columns]:
    """Give chunks until so many rows are there, the last one cut."""
    for columns in chunks:
        if most <= 0:
            return
        yield {name: list(islice(values, most)) for name, values in columns.items()}
        most -= len(next(iter(columns.values()), ()))
