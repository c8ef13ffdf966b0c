"""The few protocols between stages and adapters; the values that cross them are `domain.record`'s."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from pophub.domain.decide import Claim
from pophub.domain.errors import PophubError
from pophub.domain.history import AcceptedVersion, Lane, LedgerLane
from pophub.domain.places import LogEnds, LogPart, LogPlaces
from pophub.domain.record import Accepted, Columns, Failure, Mapped, Versions
from pophub.domain.rows import KeyReader, Rows


class Mapper(KeyReader, Protocol):
    """Maps raw columns to a contract; pure, column-wise."""

    def map(self, raw: Columns) -> Mapped:
        """Map every row; never raises for a bad value."""
        ...


class Rules(Protocol):
    """Judges mapped columns plus `hub_` columns by the suite of one contract."""

    columns: tuple[str, ...]
    """The columns that the rules read."""

    def judge(self, frame: Columns) -> list[Failure]:
        """Judge every row of a non-empty frame.

        Errors: `ValidatorFailed` when a column is missing, an expectation raised, fewer rows were
        judged than given, the suite is empty or the deadline passed.
        """
        ...


@dataclass(frozen=True)
class DropFile:
    """A file of a drop folder that is complete: name and SHA-256 (hex) of its content.

    `told` says how it is written where its own start proves something else than the connector declares.
    """

    name: str
    digest: str
    told: str = ""


class TableSource(Protocol):
    """A table read in the order of its change marker.

    `ordered` says so of the chunk that `read` gave last: where False (times as text in several forms),
    the chunk may be followed by older rows, and the position must not move behind it.
    """

    @property
    def ordered(self) -> bool: ...

    def columns(self) -> tuple[str, ...]:
        """Give the names of the columns as they are now at the source."""
        ...

    def read(self, from_marker: int | None, chunk_rows: int) -> Iterator[Columns]:
        """Give all rows from `from_marker` (inclusive, hub's units) on, and those without a
        usable marker, ordered by marker and key, in chunks.
        """
        ...


class OpenSource(TableSource, Protocol):
    """A table whose connection stays open between two reads."""

    def close(self) -> None:
        """End the connection."""
        ...


class WalStretch(NamedTuple):
    """Changes that follow one another in a source's log.

    Shape: `columns` are rows, deleted ones with `_gone` true; `header` the table's columns. `upto`: the marker
    behind the last of these transactions, None within one. `emptied`: the marker under which the table was
    emptied; what the same transaction puts in again follows, up to the stretch that has an `upto`.
    """

    columns: Columns
    header: tuple[str, ...]
    upto: int | None
    emptied: int | None = None


class SlotState(NamedTuple):
    """How a source's log stands.

    Shape: `origin` names the server, table and publication that the log is of; `place` is the log's end now;
    `lost` says why what followed the slot cannot be told any more, None where it can; `kept` bytes are kept
    for the slot.
    """

    origin: str
    place: int
    confirmed: int | None
    kept: int | None
    lost: str | None


class Followed(NamedTuple):
    """What the hub knows of a source's log: by which slot and of which origin it is, what is added to a place
    to be a marker, whether a whole snapshot is followed, whether a run is reading it, or was cut off while it
    did, and the marker up to which it was taken.
    """

    slot: str
    origin: str
    base: int
    state: str
    reading: bool
    marker: int | None


@runtime_checkable
class WalSource(TableSource, Protocol):
    """A table that is read as a whole once, and from then on through its server's log."""

    @property
    def slot(self) -> str:
        """The name of the slot at the source."""
        ...

    def state(self, own: str | None) -> SlotState:
        """Look at the source and its slot; nothing is made there. `own` is a slot that this hub made before.

        Errors: `source.wal_level`, `source.replication_right`, `source.publication`,
        `source.replica_identity`, `source.slot_taken`.
        """
        ...

    def begin(self, own: str | None) -> int:
        """Make the slot anew and drop the hub's `own`; `read` gives the table as it was at the place given."""
        ...

    def begun(self) -> None:
        """End the snapshot: `read` gives the table as it is."""
        ...

    def changes(self, base: int, after: int, upto: int, chunk_rows: int) -> Iterator[WalStretch]:
        """Give what was committed behind the marker `after`, to the end that is `upto` now.

        A marker is a place in the log and `base`.
        """
        ...

    def confirm(self, place: int) -> None:
        """Let the source forget its log before a place."""
        ...

    def close(self) -> None:
        """End the session."""
        ...


class OpenWalSource(WalSource, Protocol):
    """A log whose session may stay open between two looks: what `close` leaves open, `end` ends."""

    @property
    def follows(self) -> bool:
        """Whether the session is open behind what was read."""
        ...

    def arrived(self) -> bool:
        """Tell whether the source has sent something since."""
        ...

    def end(self) -> None:
        """End the session."""
        ...


class LogSource(Protocol):
    """A log of changes, whose order is that of its offsets, a partition on its own."""

    def ends(self) -> LogEnds:
        """Look at the log as it stands."""
        ...

    def follow(
        self, generation: int, places: Mapping[int, int], end: Mapping[int, int], chunk_rows: int
    ) -> Iterator[LogPart]:
        """Give what stands from a place of each partition up to its end, in parts."""
        ...

    def columns(self) -> tuple[str, ...]:
        """Give the columns that the connector declares."""
        ...

    def read(self, from_marker: int | None, chunk_rows: int) -> Iterator[Columns]:
        """Give all that the log holds now, in chunks, with no word of how far it was read before."""
        ...

    def close(self) -> None:
        """End the client."""
        ...


class FolderSource(Protocol):
    """A drop folder whose files are each taken once."""

    def files(self, taken: Sequence[str]) -> Iterator[DropFile]:
        """Give complete files whose digest is not among `taken`, oldest name first."""
        ...

    def bad(self) -> Sequence[PophubError]:
        """Give what was wrong with files that `files` left out."""
        ...

    def left_out(self) -> Sequence[str]:
        """Give the names of files that nothing reads, since the declared pattern is none of theirs."""
        ...

    def no_longer_bad(self, names: Sequence[str]) -> dict[str, str]:
        """Give those of these names under which no bad file lies any more, each with why."""
        ...

    def read(self, file: DropFile, chunk_rows: int) -> Iterator[Columns]:
        """Give the file's rows in their order, in chunks. Columns of the first chunk are the header."""
        ...


Source = TableSource | FolderSource | LogSource


@dataclass(frozen=True)
class Start:
    """Where an extract begins, all times in microseconds UTC by the database's clock."""

    marker: int | None
    exchanged_us: int
    sent: set[bytes]
    ticks_us: list[int]
    now_us: int
    settled_us: int


class Message(NamedTuple):
    """One message to publish; `value` None is a tombstone."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Position(NamedTuple):
    """What the last committed transaction of a publisher wrote: sequence and metadata."""

    sequence: int
    metadata: str


Terms = Callable[[Sequence[AcceptedVersion]], list[AcceptedVersion]]
Held = Callable[[Collection[str]], set[str]]
"""Gives those of some keys that a recipient has, as of the sequence that its ledger is complete up to."""
"""Leaves out of accepted versions what a subscription does not grant."""


class BlockWriter(Protocol):
    """Writes blocks to the raw topic of one dataset."""

    def send(self, blocks: Iterable[tuple[int, bytes]]) -> bool:
        """Send (lane, block) pairs and return once each is acknowledged; True where one was refused."""
        ...

    def close(self) -> None:
        """End the client."""
        ...


class BlockReader(Protocol):
    """Reads one lane of raw."""

    def start(self) -> int:
        """Give the offset of the first message that retention left."""
        ...

    def end(self) -> int:
        """Give the offset after the last message."""
        ...

    def read(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Give (offset, bytes) from `start` up to before `end`.

        Errors: `raw.gap` where retention removed what was not judged yet.
        """
        ...

    def close(self) -> None:
        """End the client."""
        ...


class RawLanes(Protocol):
    """The raw topic of one dataset while a loss of it is taken up: nobody else writes to it."""

    def ends(self) -> dict[int, int]:
        """Give the offset after the last message of each lane; nothing of a topic that is not there."""
        ...

    def make(self) -> None:
        """Make the topic where it is not there."""
        ...

    def end(self, lane: int) -> int:
        """Give the offset after the last message of a lane."""
        ...

    def read(self, lane: int, upto: int) -> Iterator[bytes]:
        """Give the messages of a lane before an offset, from the first that is there."""
        ...

    def append(self, lane: int, messages: Sequence[bytes]) -> None:
        """Write messages to a lane, one after the other, and return once each is acknowledged."""
        ...

    def forget(self, lane: int, upto: int) -> None:
        """Remove the messages of a lane before an offset."""
        ...


class LanePublisher(Protocol):
    """Publishes one lane of one subscription; after any error it is closed, and a new one made."""

    def position(self) -> Position:
        """Read the committed position; sequence 0 before the first commit."""
        ...

    def publish(self, messages: Sequence[Message], position: Position) -> None:
        """Publish the messages and the new position, all or nothing."""
        ...

    def close(self) -> None:
        """End the client."""
        ...


@runtime_checkable
class PositionStore(Protocol):
    """What extract keeps of one dataset; one extract has it at a time."""

    def start(self) -> Start:
        """Read where this extract begins; the same answer all through one extract."""
        ...

    def files_taken(self) -> list[str]:
        """Give the digests of files taken before."""
        ...

    def stamp(self, tick_us: int | None) -> int:
        """Give `exchanged_at` of a batch: its tick, or the database's clock after the last one."""
        ...

    def opened(self, run: str, contract: int, stamp_us: int, rows: int) -> int:
        """Open a batch and give its number."""
        ...

    def moved(self, rows: Rows, marker: int | None, window: int | None, columns: Sequence[str]) -> Any:
        """Close the batch and move the position behind it, in one transaction."""
        ...

    def passed(self, marker: int, window: int) -> None:
        """Move the position behind rows that were sent, once none older can follow."""
        ...

    def closed(self, rows: Rows) -> None:
        """Close the batch and leave the position where it is."""
        ...

    def found(self, file: DropFile) -> None:
        """Keep how a file is written, for when it is taken."""
        ...

    def taken(self, name: str, digest: str, rows: int) -> None:
        """Record a file as taken."""
        ...

    def hold(self, breach: PophubError, subject: str = "") -> None:
        """Record that a batch is held; a repeated hold is one hold."""
        ...

    def release_gone(self, gone: Callable[[Sequence[str]], dict[str, str]]) -> None:
        """Release the holds of files that are no longer bad; `gone` tells which of them, and why."""
        ...

    def held_when_breached(self, subject: str) -> AbstractContextManager[None]:
        """Record a hold when the block finds a contract breach; release it when it no longer does."""
        ...


@runtime_checkable
class PlaceKeeper(PositionStore, Protocol):
    """What extract keeps of a log of changes, besides."""

    def places(self) -> LogPlaces | None:
        """Give how far the log was read; None where nothing was."""

    def begun(self, places: LogPlaces) -> None:
        """Keep where reading begins, and that nobody has to say so again."""

    def behind(self, partition: int, upto: int) -> None:
        """Say which place the next `moved` keeps: in one transaction with its batch."""

    def skipped(self, partition: int, upto: int) -> None:
        """Move a place behind messages of which nothing is sent."""


@runtime_checkable
class Scans(PositionStore, Protocol):
    """What extract keeps of a source without a change marker, besides."""

    def claim(self, run: str) -> int:
        """Begin a scan and give its number; one that is open is torn from here on."""

    def unknown(self, keys: Sequence[str], digests: Sequence[bytes]) -> list[int]:
        """Note that the scan saw these rows; give the places of those that were not sent like this last."""

    def named(self, as_sent: Mapping[str, str | None]) -> None:
        """Say of which keys something is about to be sent: until it was, the next scan sends them again."""

    def kept(self) -> None:
        """Keep what was sent of the chunk that was looked at last, once the broker has all of it."""

    def gone(self) -> tuple[int, int]:
        """Find the keys that the scan, now whole, did not see; give how many, and of how many known ones."""

    def let_go(self) -> int:
        """Give up to how many gone rows a person has let pass since the last whole scan."""

    def gone_after(self, key: str, most: int) -> list[tuple[str, str | None]]:
        """Give gone keys behind one, in their order, each with how it was sent."""

    def gone_named(self, keys: Sequence[str]) -> None:
        """Say of which keys a delete is about to be sent."""

    def gone_kept(self, keys: Sequence[str]) -> None:
        """Forget keys whose delete the broker has."""

    def newest_file(self) -> str | None:
        """Give the name of the inventory that was taken last."""

    def ended(self, state: Literal["held", "whole"], rows: int, sent: int, gone: int) -> None:
        """End the scan, which is the dataset's position from here on."""


class Slots(Scans, Protocol):
    """What extract keeps of a source that is read by its log, besides."""

    def followed(self) -> Followed | None:
        """Read what is known of the log; None before the first snapshot."""

    def begun(self, run: str, slot: str, origin: str, place: int) -> int:
        """Begin a snapshot and give its marker; a slot of this name is the hub's own from then on."""

    def told(self, place: int) -> None:
        """Keep in mind from which place on the slot of this snapshot tells all."""

    def claimed(self, followed: Followed) -> None:
        """Become the one that follows the log from here on."""

    def rested(self, marker: int) -> None:
        """Move the position to where this run read the log to its end."""

    def lost(self) -> None:
        """Note that changes passed that nobody can tell any more: a snapshot has to follow."""

    def kept_there(self, kept: int | None) -> None:
        """Note how many bytes of its log the source keeps for us."""

    def emptied(self) -> None:
        """Begin to note which keys are there: the table was emptied."""

    def seen(self, keys: Sequence[str]) -> None:
        """Note that these keys are there, since the table was emptied."""

    def about_to(self, keys: Mapping[str, tuple[int, str | None]]) -> None:
        """Say of which keys a change is about to be sent, under which marker, and how the source tells the key."""

    def took(
        self,
        rows: Rows | None,
        marker: int | None,
        columns: Sequence[str],
        contents: Mapping[str, bytes | None],
    ) -> None:
        """Keep that the broker has a stretch: close its last batch, and move the position, in one transaction."""


@runtime_checkable
class VerdictTransaction(Protocol):
    """The open transaction of one micro-batch; what is written in it stands together or not at all."""

    def lock(self, lanes: Sequence[int]) -> dict[int, Lane]:
        """Lock the lane rows in lane order and read them."""
        ...

    def now_us(self) -> int:
        """The store's clock, microseconds UTC."""
        ...

    def accepted(self, versions: Versions) -> Accepted:
        """Read the accepted state that these versions meet."""
        ...

    def move_claims(self, given_up: Sequence[Claim], claimed: Mapping[Claim, str]) -> dict[Claim, str]:
        """Write who holds which unique value; give who holds what another lane took meanwhile."""
        ...

    def append_history(self, columns: Columns) -> None:
        """Append accepted versions."""
        ...

    def move_heads(self, columns: Columns) -> None:
        """Set the heads to the newest accepted version of each key."""
        ...

    def renew(self, seen: Mapping[str, int]) -> None:
        """Keep the newest marker under which the content of a key's head came again."""
        ...

    def write_people(self, versions: Versions, accepted_rows: Sequence[int]) -> None:
        """Write the citizen's fields of which this dataset is the authority; with identity their heads, too."""
        ...

    def set_aside(self, rows: list[tuple[Any, ...]]) -> None:
        """Put failed versions into quarantine."""
        ...

    def supersede(self, ids: Sequence[int], at: datetime) -> None:
        """Mark quarantined versions that a newer accepted one has made void."""
        ...

    def replayed(self, rows: list[tuple[Any, ...]]) -> None:
        """Record what a replay made of quarantined versions."""
        ...

    def pass_over(self, rows: list[tuple[Any, ...]]) -> None:
        """Record duplicates and superseded versions."""
        ...

    def reconcile(self, rows: list[tuple[Any, ...]]) -> None:
        """Record per batch what was read and what became of it."""
        ...

    def move_lane(self, lane: Lane) -> None:
        """Write a lane's last sequence and chain head."""
        ...

    def move_raw(self, lane: int, expected: int, to: int) -> None:
        """Compare and set the raw offset.

        Errors: `judge.lane_moved`.
        """
        ...


@runtime_checkable
class VerdictStore(Protocol):
    """Judge's store: accepted state, quarantine, and the one transaction that decides."""

    def transaction(self) -> AbstractContextManager[VerdictTransaction]:
        """Open the transaction of a micro-batch: it stands at the block's end, or nothing of it."""
        ...

    def lane(self, lane: int) -> Lane:
        """Read where a lane stands; it is made on first sight."""
        ...

    def accepted(self, versions: Versions) -> Accepted:
        """Read the accepted state that these versions meet."""
        ...

    def waiting(self, after: int, most: int) -> list[tuple[Any, ...]]:
        """Give quarantined versions of which all that they wait for is there by now, oldest first."""
        ...

    def repairs(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Give the approved repairs of quarantined versions, field by field."""
        ...


@runtime_checkable
class ShareStore(Protocol):
    """Share's store: a dataset's history, and its ledger for one recipient."""

    def end(self, lane: int) -> int:
        """Give the lane's last accepted sequence."""
        ...

    def lane(self, lane: int) -> LedgerLane:
        """Read how far the ledger is complete."""
        ...

    def digest_at(self, lane: int, sequence: int) -> str | None:
        """Give the chain digest of history at a sequence, hex; None where history ends before."""
        ...

    def history(self, lane: int, after: int, upto: int) -> Sequence[AcceptedVersion]:
        """Read accepted versions after a sequence, in order."""
        ...

    def holding(self, lane: int) -> Held:
        """Begin to keep which keys the recipient has; give how to ask for some."""
        ...

    def complete(self, lane: int, upto: int, terms: Terms | None, version: int, starts_us: int) -> int:
        """Write the share transactions up to a published sequence, none without terms; give how many."""
        ...


class Outgoing(NamedTuple):
    """What a stretch of history becomes on a topic, and how many accepted versions the messages carry."""

    messages: list[Message]
    records: int


class Sharable(Protocol):
    """What share fills a topic by: a subscription, or the hub's own log."""

    @property
    def stem(self) -> str: ...

    @property
    def recipient(self) -> str:
        """Whose row of the ledger's lanes it moves."""
        ...

    @property
    def topic(self) -> str: ...

    @property
    def version(self) -> int:
        """Version of the terms."""
        ...

    def before(self, metadata: str) -> Sharable | None:
        """Give it under whose earlier terms a position was published, if it was."""
        ...

    def ready(self, store: ShareStore, lane: int) -> Sharable:
        """Give it as it stands before a lane."""
        ...

    def outgoing(self, rows: Sequence[AcceptedVersion]) -> Outgoing:
        """Turn accepted versions that follow one another into what the topic carries."""
        ...

    def complete(self, store: ShareStore, lane: int, upto: int) -> int:
        """Complete the ledger up to a published sequence; give how many share transactions were written."""
        ...
