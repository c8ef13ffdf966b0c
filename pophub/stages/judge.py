"""judge: read a lane of raw, judge it by the gates, decide, and commit verdicts and state.

Atomic step: one PostgreSQL transaction per micro-batch. The lane row is locked first, FOR UPDATE,
in lane order; verdicts, heads, history, population database, quarantine, reconciliation and the
lane row's compare-and-set follow. Nothing else decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps

from pophub import avro
from pophub.contracts.model import Connector
from pophub.domain.decide import Verdicts
from pophub.domain.digests import lane_of
from pophub.domain.errors import PromiseBroken, TransientError
from pophub.domain.record import FROM_QUARANTINE, Columns, Origin, Stretch, Versions
from pophub.ports import BlockReader, Mapper, Rules, VerdictStore
from pophub.process.failpoints import reach
from pophub.stages.claims import decide_with_claims
from pophub.stages.hub_columns import contradictions, hub_columns
from pophub.stages.read_block import add_block, add_poison, fields_read
from pophub.stages.remap import remapped
from pophub.stages.write import STATES, write

MICRO_ROWS = 5_000  # bounds memory; Great Expectations' fixed cost a frame is spread thin from here on
MICRO_BYTES = 8 << 20  # of raw blocks; as columns, digests and payloads they take some ten times as much
TRIES = 8


@dataclass
class Judged:
    """What one judge did: first verdicts by state, how many of the duplicates had a newer marker
    over the head's content, and how many waiting versions were judged again."""

    read: int = 0
    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    replayed: int = 0
    renewed: int = 0

    def add(self, verdicts: Verdicts) -> None:
        """Count the verdicts of a micro-batch."""
        self.read += len(verdicts.first)
        self.renewed += len(verdicts.renewed)
        for state in STATES:
            self.states[state] += verdicts.first.count(state)  # type: ignore[arg-type]


Commit = Callable[["Judge", Versions, Origin], Verdicts]


def again_after_deadlock(commit: Commit) -> Commit:
    """Do a micro-batch's transaction again as a whole after it met another one."""

    @wraps(commit)
    def until_done(judge: Judge, versions: Versions, origin: Origin) -> Verdicts:
        mapped = {row: list(found) for row, found in versions.failures.items()}
        for tries in range(1, TRIES + 1):
            try:
                return commit(judge, versions, origin)
            except TransientError as error:
                if error.code != "postgres.deadlock" or tries == TRIES:
                    raise
            time.sleep(0.1 * tries)
            versions.failures = {row: list(found) for row, found in mapped.items()}
        raise AssertionError("the last try gives or raises")

    return until_done


@dataclass
class Judge:
    """Judges the lanes of one connector; one object a process.

    `onward` is told the history that a micro-batch appended, once it is committed.
    """

    connector: Connector
    mapper: Mapper
    rules: Rules
    store: VerdictStore
    onward: Callable[[Columns], None] | None = None

    @cached_property
    def kept(self) -> frozenset[str]:
        """The fields that judging reads behind mapping."""
        return fields_read(self.connector, self.rules)

    def lane(self, reader: BlockReader, lane: int, judged: Judged) -> None:
        """Judge one lane up to the end that is seen at the start.

        Errors: `raw.rewound` where the lane ends before what was judged of it: what was written there
        since would be passed over until the lane is as long again.
        """
        at = self.store.lane(lane)
        end = reader.end()
        if at.raw_offset > end:
            raise self._rewound(lane, at.raw_offset, end)
        for versions, upto in self._micro_batches(reader.read(at.raw_offset, end), at.raw_offset):
            judged.add(self._commit(versions, Stretch(lane, at.raw_offset, upto)))
            at.raw_offset = upto

    def _rewound(self, lane: int, judged: int, end: int) -> PromiseBroken:
        return PromiseBroken(
            "raw.rewound",
            f"the lane ends at offset {end}, and was judged to {judged}",
            where=f"raw.{self.connector.stem}, lane {lane}",
            remedy="restore the topic and the database to one time (docs/deploy.md), or take the loss up: "
            f"`pophub position take-loss {self.connector.stem}`; nothing of it is judged until then",
        )

    def waiting(self, judged: Judged) -> None:
        """Judge again the quarantined versions of which all that they wait for is there by now."""
        after = 0
        while rows := self.store.waiting(after, MICRO_ROWS):
            after = rows[-1][0]
            versions, _ = remapped(self.connector, self.mapper, rows, self.store.repairs)
            judged.replayed += self.replayed(versions).first.count("shared")

    def replayed(self, versions: Versions) -> Verdicts:
        """Judge a micro-batch of quarantined versions, mapped anew."""
        return self._commit(versions, FROM_QUARANTINE)

    @again_after_deadlock
    def _commit(self, versions: Versions, origin: Origin) -> Verdicts:
        """Lock, read, judge by the rules, decide, write, commit.

        The rules work under the lane's lock: what they read is read once and stays true. Nobody but a
        replay of the same lane waits for them, at most for the rules' deadline.
        """
        with self.store.transaction() as decision:
            lanes = decision.lock(self._lanes(versions, origin))
            if isinstance(origin, Stretch):
                decision.move_raw(*origin)
            accepted = decision.accepted(versions)
            hub = hub_columns(self.connector, versions, accepted)
            self.apply_rules(versions, hub)
            reach("judge.judged")
            verdicts = decide_with_claims(self.connector, versions, accepted, decision)
            history = write(self.connector, versions, verdicts, decision, lanes, origin)
            reach("judge.written")
        reach("judge.committed")
        if self.onward and history:
            self.onward(history)
        return verdicts

    def apply_rules(self, versions: Versions, hub: Columns) -> None:
        """Judge by the suite what mapping could read, and add what failed."""
        frame = versions.columns | hub
        chosen = [row for row, whole in enumerate(versions.whole) if whole]
        if len(chosen) < len(versions):
            frame = {name: [values[row] for row in chosen] for name, values in frame.items()}
        found = self.rules.judge(frame) if chosen else []
        if len(chosen) < len(versions):
            found = [replace(failure, row=chosen[failure.row]) for failure in found]
        versions.fail(found)
        versions.fail(contradictions(hub))

    def _lanes(self, versions: Versions, origin: Origin) -> list[int]:
        lanes = {
            lane_of(key, self.connector.file.lanes)
            for key, whole in zip(versions.keys, versions.whole, strict=True)
            if whole
        }
        return sorted(lanes | ({origin.lane} if isinstance(origin, Stretch) else set()))

    def _micro_batches(
        self, messages: Iterator[tuple[int, bytes]], start: int
    ) -> Iterator[tuple[Versions, int]]:
        """Gather messages to micro-batches; give each with the offset behind it."""
        versions, upto, size = Versions({}), start, 0
        for offset, data in messages:
            try:
                block = avro.decode_block(data)
            except avro.BadBlock as bad:
                add_poison(versions, self.connector, offset, data, bad.code, self._clock(), self.kept)
            else:
                add_block(versions, self.connector, self.mapper, offset, block, self.kept)
            upto = offset + 1
            size += len(data)
            if len(versions) >= MICRO_ROWS or size >= MICRO_BYTES:
                yield versions, upto
                versions, size = Versions({}), 0
        if len(versions):
            yield versions, upto

    def _clock(self) -> int:
        with self.store.transaction() as decision:
            return decision.now_us()
