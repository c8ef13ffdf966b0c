"""A source's worker: the extract stage again and again, connection, position and source kept open.

It has the dataset for one step at a time, so that an extract of the DAGs gets its turn between two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import cast

from pophub.contracts.model import Connector
from pophub.contracts.source_model import SourceFile
from pophub.domain.errors import ContractBreach, PophubError
from pophub.domain.places import LogPart
from pophub.domain.record import Columns
from pophub.kafka import RawWriter
from pophub.live.circuit import refuse_resting
from pophub.live.heartbeat import beat
from pophub.live.state import Outcome
from pophub.ports import (
    BlockWriter,
    DropFile,
    FolderSource,
    LogSource,
    OpenSource,
    OpenWalSource,
    Source,
    WalStretch,
)
from pophub.settings import Settings
from pophub.stages.extract import Extract, Extracted
from pophub.stages.refused import refusal
from pophub.stores.slot import is_followed
from pophub.streaming.kept import KeptOpen
from pophub.streaming.sent import Sent, StepPlaceStore, StepSlotStore, StepStore
from pophub.streaming.standing import Standing
from pophub.streaming.turn import Turn, TurnOver
from pophub.wiring import Hub

TURN_S = 10.0  # then the other sources of the process have theirs
BEAT_S = 10.0  # how often a source that answers gets a heartbeat
LOG_S = 1.0  # how often a log is looked at in which nothing comes
LATE_S = 30.0  # how often rows that commit late are looked for
LATE_MOST_S = 60.0  # even where that look takes long
LATE_PART = 50  # at most a fiftieth of the time goes there


class SourceWorker:
    """Extracts one connector, a bounded step at each call; `sent` is called behind each batch in raw."""

    def __init__(
        self, hub: Hub, stem: str, *, turn: Turn | None = None, standing: Standing | None = None,
        sent: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._hub = hub
        self._connector = hub.connector(stem)
        self._turn = turn or Turn()
        self._run = f"stream {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        self._sent = Sent()
        self._seen: _Seen | None = None
        self._beaten = float("-inf")
        self._rested = False
        self._stack = ExitStack()
        self._standing = standing or self._stack.enter_context(closing(Standing(hub.settings)))
        kept = KeptSource(hub.settings, self._connector, self._turn, sent, self._sent)
        self._kept = self._stack.enter_context(closing(kept))

    @property
    def follows(self) -> bool:
        """Whether what is committed comes by itself: then it may be asked for as often as one likes."""
        return self._kept.follows

    def step(self) -> Extracted:
        """Extract up to the end that is seen now, or that of the turn.

        Errors: those of `Hub.extract`.
        """
        stem = self._connector.stem
        marker = self._connector.file.source.marker.kind
        if "" in self._standing.paused(stem):
            self._kept.let_go()
            return Extracted()
        if marker == "scan" or self._kept.rests(stem):
            return Extracted()  # a scan is no small step: the dataset's DAG makes it
        if not self._rested:
            with self._kept.connection("pophub_extract") as connection:
                refuse_resting(connection, stem)
            self._kept.refuse_redeclared(self._connector)
            self._rested = True
        self._turn.begin(TURN_S)
        kinds: dict[str, type[StepStore]] = {"wal": StepSlotStore, "log": StepPlaceStore}
        step_store = partial(kinds.get(marker, StepStore), sent=self._sent)
        with self._hub.open_extract(stem, self._run, at_once=True, take=step_store, adapters=self._kept) as (
            stage,
            store,
        ):
            self._extract(stage, store)
        if stage.done.refused:
            raise refusal(stage.done.refused, {})
        return stage.done

    def _extract(self, stage: Extract, store: StepStore) -> None:
        well = False
        try:
            with self._told(stage.done), suppress(TurnOver):
                self._kept.begin(stage.done)
                stage.run()
            well = True
        finally:
            with suppress(PophubError):  # the caller drops the connection then, and with it the lock
                store.leave(well=well)

    @contextmanager
    def _told(self, done: Extracted) -> Iterator[None]:
        """Write a heartbeat now and then, and with each error of the source."""
        seen = self._seen = self._seen or _Seen()
        try:
            yield
        except PophubError as error:
            seen.add(done)
            outcome: Outcome = "refused" if isinstance(error, ContractBreach) else "unreachable"
            if error.code.startswith("source."):
                with suppress(PophubError):
                    self._beat(outcome, error.code, seen)
            raise
        seen.add(done)
        if time.monotonic() - self._beaten > BEAT_S:
            self._beat("reached", "", seen)
            self._beaten, seen.rows = time.monotonic(), 0

    def _beat(self, outcome: Outcome, code: str, seen: _Seen) -> None:
        with self._kept.connection("pophub_extract") as connection:
            beat(connection, self._connector.stem, outcome, code, seen)

    def close(self) -> None:
        """End the clients."""
        self._stack.close()


class KeptSource(KeptOpen):
    """The session, the writer and the table of one source, kept from step to step."""

    def __init__(
        self, settings: Settings, connector: Connector, turn: Turn, sent: Callable[[], None], known: Sent
    ) -> None:
        super().__init__(settings)
        self._turn = turn
        writer = LateWriter(settings, f"raw.{connector.stem}", sent)
        self._writer = self._stack.enter_context(closing(writer))
        source = connector.file.source
        self._table: StreamedTable | None = None
        self._log: StreamedLog | StreamedTopic | None = None
        if source.marker.kind == "wal":
            log = cast(OpenWalSource, super().source(connector, stays_open=True))
            self._stack.callback(log.end)
            self._log = StreamedLog(log, source.look_s, turn)
        elif source.reads == "log":
            topic = cast(LogSource, super().source(connector, stays_open=True))
            self._log = StreamedTopic(self._stack.enter_context(closing(topic)), turn)
        elif source.reads == "table":
            table = cast(OpenSource, super().source(connector, stays_open=True))
            self._table = StreamedTable(self._stack.enter_context(closing(table)), source, turn, known)

    def begin(self, done: Extracted) -> None:
        """Tell the table what this step did so far: it reads on until something was sent."""
        if self._table is not None:
            self._table.done = done

    def rests(self, stem: str) -> bool:
        """Tell whether a log is not to be read now: its next look is not due, or a snapshot has to come first."""
        if not isinstance(self._log, StreamedLog):
            return False
        if not self._log.due():
            return True
        with self.connection("pophub_extract") as connection:
            return not is_followed(connection, stem)

    @property
    def follows(self) -> bool:
        """Whether what is committed comes by itself, and to ask for it costs nothing."""
        return isinstance(self._log, StreamedLog) and self._log.follows

    def let_go(self) -> None:
        """End a session that nobody reads for now: the source would wait for its answers."""
        if isinstance(self._log, StreamedLog):
            self._log.end()

    @contextmanager
    def writer(self, stem: str) -> Iterator[BlockWriter]:
        """Lend the writer."""
        yield self._writer

    def source(self, connector: Connector, *, stays_open: bool = False) -> Source:
        """Lend the table or its log, or give the folder for as long as the turn lasts."""
        lent = self._log or self._table
        return lent or _Folder(cast(FolderSource, super().source(connector)), self._turn)


class LateWriter(RawWriter):
    """A `RawWriter` that connects with the first block: most sources have nothing new most of the time."""

    def __init__(self, settings: Settings, topic: str, sent: Callable[[], None]) -> None:
        self._late = settings, topic
        self._sent = sent
        self._open = False

    def send(self, blocks: Iterable[tuple[int, bytes]]) -> bool:
        """Send blocks as `RawWriter` does."""
        if not self._open:
            super().__init__(*self._late)
            self._open = True
        refused = super().send(blocks)
        self._sent()
        return refused

    def close(self) -> None:
        """End the client, if there is one."""
        if self._open:
            super().close()


class _Seen:
    """What a source showed since the last heartbeat."""

    def __init__(self) -> None:
        self.rows = 0
        self._newest: int | None = None

    def add(self, done: Extracted) -> None:
        self.rows += done.rows
        self._newest = max((at for at in (self._newest, done.newest) if at is not None), default=None)

    @property
    def newest(self) -> int | None:
        return self._newest


class StreamedTable:
    """A table read behind its position, and now and then from as far back as rows may commit late.

    Such a look begins where the last one had its position, so that no row is older than the window
    when it is looked for: exactly what an extract sees that runs as rarely.
    """

    def __init__(self, table: OpenSource, source: SourceFile, turn: Turn, sent: Sent) -> None:
        self._table = table
        self._look_s, self._next_look = source.look_s, float("-inf")
        self._turn = turn
        self._window = source.window
        self._sent = sent
        self._due = float("-inf")
        self.done = Extracted()

    @property
    def ordered(self) -> bool:
        return self._table.ordered

    def columns(self) -> tuple[str, ...]:
        return self._table.columns()

    def read(self, from_marker: int | None, chunk_rows: int) -> Iterator[Columns]:
        if self._look_s:
            if time.monotonic() < self._next_look:
                return
            yield from self._whole(from_marker, chunk_rows)
            self._next_look = time.monotonic() + self._look_s
            return
        if from_marker is None or not self._window:
            yield from self._turn.taken(self._table.read(from_marker, chunk_rows), self._sent_some)
            return
        position, begun = from_marker + self._window, time.monotonic()
        if begun < self._due:
            yield from self._turn.taken(self._table.read(position, chunk_rows), self._sent_some)
            return
        before = self._sent.again_from
        self._sent.again_from = from_marker if before is None else min(before, from_marker)
        yield from self._whole(self._sent.again_from, chunk_rows)
        took_s = time.monotonic() - begun
        self._sent.again_from = from_marker
        self._due = begun + took_s + min(LATE_MOST_S, max(LATE_S, LATE_PART * took_s))

    def _whole(self, from_marker: int | None, chunk_rows: int) -> Iterator[Columns]:
        """Read to the end, however long the turn was to be."""
        for columns in self._table.read(from_marker, chunk_rows):
            if self._turn.stopping:
                return
            yield columns

    def _sent_some(self) -> bool:
        """Tell whether the position has moved: many rows under one marker are read again from the first."""
        return self.done.batches > 0


class StreamedLog:
    """A table's log that is looked at now and then, or as soon as something comes, and read as long as the turn lasts."""

    def __init__(self, log: OpenWalSource, look_s: int, turn: Turn) -> None:
        self._log = log
        self._look_s, self._next_look = look_s or LOG_S, float("-inf")
        self._turn = turn
        self._whole = False  # whether what was read last ends behind whole transactions
        self.slot, self.ordered = log.slot, log.ordered
        self.state, self.confirm, self.close, self.end = log.state, log.confirm, log.close, log.end
        self.columns, self.read, self.begin, self.begun = log.columns, log.read, log.begin, log.begun

    @property
    def follows(self) -> bool:
        return self._log.follows

    def due(self) -> bool:
        """Tell whether something came, or it is time to look; count from now to the next time."""
        now, due = time.monotonic(), self._next_look
        self._next_look = now + self._look_s if now >= due else due
        return now >= due or self._log.arrived()

    def changes(self, base: int, after: int, upto: int, chunk_rows: int) -> Iterator[WalStretch]:
        for stretch in self._turn.taken(
            self._log.changes(base, after, upto, chunk_rows), lambda: self._whole
        ):
            self._whole = stretch.upto is not None
            yield stretch


class StreamedTopic:
    """A log that is read as long as the turn lasts: behind each part its place is kept."""

    def __init__(self, log: LogSource, turn: Turn) -> None:
        self._log = log
        self._turn = turn
        self.ends, self.columns, self.read, self.close = log.ends, log.columns, log.read, log.close

    def follow(
        self, generation: int, places: Mapping[int, int], end: Mapping[int, int], chunk_rows: int
    ) -> Iterator[LogPart]:
        return self._turn.taken(self._log.follow(generation, places, end, chunk_rows))


class _Folder:
    """A drop folder whose files are taken as long as the turn lasts."""

    def __init__(self, folder: FolderSource, turn: Turn) -> None:
        self._folder = folder
        self._turn = turn

    def files(self, taken: Sequence[str]) -> Iterator[DropFile]:
        return self._turn.taken(self._folder.files(taken))

    def bad(self) -> Sequence[PophubError]:
        return self._folder.bad()

    def left_out(self) -> Sequence[str]:
        return self._folder.left_out()

    def no_longer_bad(self, names: Sequence[str]) -> dict[str, str]:
        return self._folder.no_longer_bad(names)

    def read(self, file: DropFile, chunk_rows: int) -> Iterator[Columns]:
        for columns in self._folder.read(file, chunk_rows):
            if self._turn.stopping:
                raise TurnOver  # the file is taken as a whole: the next stream begins it anew
            yield columns
