"""Kafka in memory: logs with transaction markers, fencing, group offsets, answers that are lost.

The three clients have the faces of `pophub.kafka`'s; what they promise is proven on the real
broker by the integration tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pophub.domain.errors import PromiseBroken, TransientError
from pophub.ports import Message, Position
from pophub.process.failpoints import reach

from .scheduler import Simulation

Partition = tuple[str, int]
NO_BLOCK = b"no block"  # how a stranger's message starts
UNWELCOME = b"unwelcome"  # a record with this text is one that the broker refuses


class Entry(NamedTuple):
    """A record in a log: of which transaction, None outside any."""

    transaction: int | None
    message: Any


@dataclass
class Transactional:
    """What the coordinator knows of a transactional id."""

    epoch: int = 0
    number: int | None = None
    offset: tuple[Partition, Position] | None = None


@dataclass
class Broker:
    """The broker. Shape: a log's control records (markers) take an offset and are None."""

    simulation: Simulation
    logs: dict[Partition, list[Entry | None]] = field(default_factory=lambda: defaultdict(list))
    offsets: dict[Partition, Position] = field(default_factory=dict)
    ids: dict[str, Transactional] = field(default_factory=lambda: defaultdict(Transactional))
    outcome: dict[int, bool] = field(default_factory=dict)
    delayed: list[Callable[[], Any]] = field(default_factory=list)
    starts: dict[Partition, int] = field(default_factory=dict)  # offsets before which messages were removed
    _numbers: int = 0

    def new_number(self) -> int:
        """Number a transaction."""
        self._numbers += 1
        return self._numbers

    def end(self, name: str, epoch: int, commit: bool) -> bool:
        """Commit or abort the open transaction of a transactional id; false where it is fenced."""
        known = self.ids[name]
        if known.epoch != epoch:
            return False
        if known.number is not None:
            self.outcome[known.number] = commit
            for log in self.logs.values():
                if any(e is not None and e.transaction == known.number for e in log):
                    log.append(None)
            if commit and known.offset:
                self.offsets[known.offset[0]] = known.offset[1]
            self.simulation.tell(f"{name} {'committed' if commit else 'aborted'}")
        known.number, known.offset = None, None
        return True

    def append(self, partition: Partition, message: Any, transaction: int | None = None) -> None:
        """Append a record."""
        self.logs[partition].append(Entry(transaction, message))

    def committed(self, topic: str, lane: int) -> list[Message]:
        """Read as an outside consumer with read_committed does: up to the first open transaction."""
        found = []
        for entry in self.logs.get((topic, lane), ()):
            if entry is None:
                continue
            if entry.transaction is not None:
                if entry.transaction not in self.outcome:
                    break
                if not self.outcome[entry.transaction]:
                    continue
            found.append(entry.message)
        return found

    def raw(self, lane: int, topic: str) -> list[bytes]:
        """Give the values of a lane of raw by offset."""
        return [entry.message for entry in self.logs.get((topic, lane), ()) if entry is not None]


def unreachable(where: str) -> TransientError:
    """Give the error of a broker that did not answer."""
    return TransientError(
        "kafka.unreachable", "the broker did not do what it was asked for (KafkaTimeoutError)", where=where
    )


def fenced(where: str) -> TransientError:
    """Give the error of a publisher whose transactional id another one took over."""
    return TransientError("kafka.fenced", "another publisher took this lane over", where=where)


class MemoryWriter:
    """`RawWriter`: a request whose answer is lost may have arrived, or arrive later, in order."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self.broker, self.topic = broker, topic

    def send(self, blocks: Iterable[tuple[int, bytes]]) -> bool:
        """Send (lane, block) pairs; true where one is refused, and any of the others may be written."""
        simulation = self.broker.simulation
        whole = list(blocks)
        refused = any(UNWELCOME in value for _, value in whole)
        for number, (lane, value) in enumerate(whole):
            simulation.step(f"raw write, lane {lane}")
            if UNWELCOME in value or (refused and simulation.rng.random() < 0.5):
                continue
            fate = simulation.fate()
            if fate == "failed":
                raise unreachable(self.topic)
            if fate == "delayed":
                rest = whole[number : number + simulation.rng.randint(1, len(whole))]
                self.broker.delayed += [lambda at=at, v=v: self._append(at, v) for at, v in rest]
                simulation.die()
            self._append(lane, value)
            if fate == "lost":
                raise unreachable(self.topic)
            if fate == "killed":
                simulation.die()
        return refused

    def _append(self, lane: int, value: bytes) -> None:
        self.broker.append((self.topic, lane), value)

    def close(self) -> None:
        """End the client."""


class MemoryReader:
    """`RawReader` of one lane."""

    def __init__(self, broker: Broker, topic: str, lane: int) -> None:
        self.broker, self.partition = broker, (topic, lane)

    def end(self) -> int:
        """Give the offset after the last message."""
        self._ask("raw end")
        return len(self.broker.logs[self.partition])

    def read(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Give (offset, bytes) from `start` up to before `end`."""
        for offset in range(start, end):
            self._ask("raw read")
            log = self.broker.logs[self.partition]
            if not self.broker.starts.get(self.partition, 0) <= offset < len(log):
                raise PromiseBroken(
                    "raw.gap", "messages are no longer on the topic", where=f"{self.partition}"
                )
            entry = log[offset]
            assert entry is not None
            yield offset, entry.message

    def _ask(self, what: str) -> None:
        self.broker.simulation.step(what)
        if self.broker.simulation.fails():
            raise unreachable(f"{self.partition}")

    def close(self) -> None:
        """End the client."""


class MemoryLanes:
    """`RawTopic`: what is removed is read no more."""

    def __init__(self, broker: Broker, topic: str, lanes: int) -> None:
        self.broker, self.topic, self.lanes = broker, topic, lanes

    def ends(self) -> dict[int, int]:
        """Give the ends."""
        self._ask("raw ends")
        return {lane: len(self.broker.logs[self.topic, lane]) for lane in range(self.lanes)}

    def make(self) -> None:
        """Nothing: the topic is there."""
        self._ask("raw make")

    def end(self, lane: int) -> int:
        """Give a lane's end."""
        self._ask("raw end")
        return len(self.broker.logs[self.topic, lane])

    def read(self, lane: int, upto: int) -> Iterator[bytes]:
        """Give what stands before an offset."""
        for offset in range(self.broker.starts.get((self.topic, lane), 0), upto):
            self._ask("raw read")
            entry = self.broker.logs[self.topic, lane][offset]
            assert entry is not None
            yield entry.message

    def append(self, lane: int, messages: Sequence[bytes]) -> None:
        """Write messages; a client that dies meanwhile may have written the first of them."""
        self._ask("raw append")
        for message in messages:
            self.broker.append((self.topic, lane), message)
            self.broker.simulation.step("raw appended")

    def forget(self, lane: int, upto: int) -> None:
        """Remove what stands before an offset."""
        self._ask("raw forget")
        self.broker.starts[self.topic, lane] = upto

    def _ask(self, what: str) -> None:
        self.broker.simulation.step(what)
        if self.broker.simulation.fails():
            raise unreachable(self.topic)


class MemoryPublisher:
    """`Publisher`: a transaction that stays open holds readers up until the next one fences it."""

    def __init__(self, broker: Broker, topic: str, lane: int) -> None:
        self.broker, self.partition = broker, (topic, lane)
        self.name = f"pophub.share.{topic}.{lane}"
        self._ask("init_transactions")
        known = broker.ids[self.name]
        broker.end(self.name, known.epoch, False)
        known.epoch += 1
        self.epoch = known.epoch

    def position(self) -> Position:
        """Read the committed position; refused while a transaction holds one back."""
        self._ask("committed position")
        if self.broker.ids[self.name].offset is not None:
            raise unreachable(self.name)
        return self.broker.offsets.get(self.partition, Position(0, ""))

    def publish(self, messages: Sequence[Message], position: Position) -> None:
        """Publish the messages and the new position, all or nothing."""
        simulation, number = self.broker.simulation, self.broker.new_number()
        if self.broker.ids[self.name].number is not None:
            raise unreachable(self.name)  # the client refuses to begin while a transaction is open
        for message in messages:
            self._ask("produce")
            self._own().number = number
            self.broker.append(self.partition, message, number)
        reach("share.sent")
        self._ask("send_offsets_to_transaction")
        own = self._own()
        own.number, own.offset = number, (self.partition, position)
        reach("share.positioned")
        simulation.step("commit_transaction")
        fate = simulation.fate()
        if fate == "failed":
            raise unreachable(self.name)
        if fate == "delayed":
            epoch = self.epoch
            self.broker.delayed.append(lambda: self.broker.end(self.name, epoch, True))
            if simulation.rng.random() < 0.5:
                simulation.die()
            raise unreachable(self.name)
        if not self.broker.end(self.name, self.epoch, True):
            raise fenced(self.name)
        if fate == "lost":
            raise unreachable(self.name)
        if fate == "killed":
            simulation.die()

    def _own(self) -> Transactional:
        known = self.broker.ids[self.name]
        if known.epoch != self.epoch:
            raise fenced(self.name)
        return known

    def _ask(self, what: str) -> None:
        self.broker.simulation.step(what)
        if self.broker.simulation.fails():
            raise unreachable(self.name)

    def close(self) -> None:
        """End the clients; a transaction left open is resolved by the next publisher."""
