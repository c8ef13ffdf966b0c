"""A topic that Debezium or Kafka Connect fills, read partition by partition, offset by offset.

The place of a change is its offset, under the number of the topic's generation: a topic that was made anew
begins at 0 again, and what it brings is newer than all before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pophub.contracts.kafka_source import KafkaSource
from pophub.domain.places import LogEnds, LogPart
from pophub.domain.record import MESSAGE, Columns
from pophub.kafka import ForeignTopic, TopicMessage
from pophub.sources.changes import WHOLE, Change, as_columns
from pophub.sources.connect_rows import (
    BROKEN,
    KEY,
    UNPARSABLE,
    FlatRow,
    Messages,
    MessageTold,
    RowReader,
    inner,
)
from pophub.sources.connect_times import whole

OFFSETS = 40  # bits of a place: more messages than a partition ever has
HELD_BYTES = 16 << 20  # of messages that are turned into rows together
_UNSET = FlatRow({}, {})


class Topic:
    """The topic of a connector (`ports.LogSource`)."""

    def __init__(
        self, source: KafkaSource, client: ForeignTopic, messages: Messages,
        *, columns: Sequence[str], key: Sequence[str], stays_open: bool = False,
    ) -> None:  # fmt: skip
        self._source = source
        self._client = client
        self._declared = tuple(columns)
        self._reader = MessageReader(source, messages, tuple(columns), tuple(key))
        self._stays_open = stays_open

    def ends(self) -> LogEnds:
        """Look at the topic as it stands.

        Errors: those of `ForeignTopic.ends`.
        """
        return self._client.ends()

    def follow(
        self, generation: int, places: Mapping[int, int], end: Mapping[int, int], chunk_rows: int
    ) -> Iterator[LogPart]:
        """Give what stands from a place of each partition up to its end, in parts.

        Errors: those of `ForeignTopic.read`; the registry's.
        """
        try:
            for partition in sorted(places):
                start, stop = places[partition], end[partition]
                if start < stop:
                    yield from self._partition(generation, partition, start, stop, chunk_rows)
        finally:
            if not self._stays_open:
                self.close()

    def columns(self) -> tuple[str, ...]:
        """Give the columns that the connector declares; what messages have is seen where they are read."""
        return self._declared

    def read(self, from_marker: int | None, chunk_rows: int) -> Iterator[Columns]:
        """Give all that the topic holds now, as of its first generation; `from_marker` is None."""
        found = self.ends()
        for part in self.follow(0, found.first, found.end, chunk_rows):
            if part.offsets:
                yield part.columns

    def close(self) -> None:
        """End the client."""
        self._client.close()

    def _partition(
        self, generation: int, partition: int, start: int, end: int, chunk_rows: int
    ) -> Iterator[LogPart]:
        self._reader.begin()
        for messages, upto in _gathered(self._client.read(partition, start, end), chunk_rows):
            found = [self._reader.change(one, generation << OFFSETS) for one in messages]
            if messages:
                yield from self._parts(partition, messages, found, chunk_rows)
            if not messages or messages[-1].offset + 1 < upto:
                yield LogPart(partition, [], upto, {})

    def _parts(
        self, partition: int, messages: Sequence[TopicMessage], found: Sequence[Change | None], most: int
    ) -> Iterator[LogPart]:
        """Cut changes where their columns become others, and at a bound."""
        cuts = [0]
        names: tuple[str, ...] | None = None
        for at, change in enumerate(found):
            own = change.names if change else None
            if (own and names and own != names) or at - cuts[-1] >= most:
                cuts.append(at)
                names = own
            names = own or names
        for start, stop in zip(cuts, [*cuts[1:], len(found)], strict=True):
            pairs = zip(messages[start:stop], found[start:stop], strict=True)
            told = [(message.offset, change) for message, change in pairs if change]
            columns, of = as_columns([change for _, change in told], self._declared)
            columns[MESSAGE] = [
                f"{partition}:{told[at][0]}" if WHOLE in told[at][1].flaws else None for at in of
            ]
            yield LogPart(partition, [told[at][0] for at in of], messages[stop - 1].offset + 1, columns)


class MessageReader:
    """Reads messages of one topic as changes of rows."""

    def __init__(
        self, source: KafkaSource, messages: Messages, columns: Sequence[str], key: Sequence[str]
    ) -> None:
        self._enveloped = source.envelope == "debezium"
        self._refuses_absent = source.absent == "refuse"
        self._messages = messages
        self._rows = RowReader()
        self._columns = columns
        self._key = key
        self._deleted: bytes | None = None  # key of the message before, where it says that a row was deleted

    def begin(self) -> None:
        """Begin with messages that do not follow those before."""
        self._deleted = None

    def change(self, message: TopicMessage, base: int) -> Change | None:
        """Read a message; None for the empty one behind a delete, which says it again.

        Errors: the registry's; whatever else is wrong with a message is a flaw of its change.
        """
        place = base + message.offset
        deleted, self._deleted = self._deleted, None
        try:
            told = MessageTold(None, None) if message.value is None else self._messages.read(message.value)
            if told.value is None:
                if deleted is not None and deleted == message.key:
                    return None
                return Change(place, message.time_us, gone=self._keyed(self._of_key(message)))
            if not self._enveloped:
                return self._plain(message, told, place)
            return self._enveloped_change(message, told, place)
        except BROKEN:
            return Change.unread(place, message.time_us, UNPARSABLE)

    def _plain(self, message: TopicMessage, told: MessageTold, place: int) -> Change:
        row = self._rows.row(told.schema, told.value)
        key = self._of_key(message)
        whole = FlatRow(key.values | row.values, row.flaws)
        return Change(place, message.time_us, row=whole.values, flaws=self._flaws(whole))

    def _enveloped_change(self, message: TopicMessage, told: MessageTold, place: int) -> Change:
        value = told.value
        if not isinstance(value, Mapping) or not isinstance(value.get("op"), str):
            raise ValueError("no envelope")
        when = _changed_us(value) or message.time_us
        if value["op"] not in ("c", "u", "r", "d"):
            return Change.unread(place, when, "contract.message.operation")
        before = self._part(told, "before")
        if value["op"] == "d":
            self._deleted = message.key
            return Change(place, when, gone=self._keyed(before, self._of_key(message)))
        row = self._part(told, "after")
        if not row.values:
            raise ValueError("no row")
        for name, code in list(row.flaws.items()):
            if code == "contract.value.unavailable" and before.values.get(name) is not None:
                row.values[name] = before.values[name]  # it did not change, and the row before was sent
                del row.flaws[name]
        if value["op"] != "u":
            return Change(place, when, row=row.values, flaws=self._flaws(row))
        old, new = self._keyed(before), self._keyed(row)
        other = old != new and None not in old.values()
        flaws = self._untold(before, self._of_key(message)) | self._flaws(row)
        return Change(place, when, old if other else None, row.values, flaws)

    def _untold(self, before: FlatRow, key: FlatRow) -> dict[str, str]:
        """Give a flaw for each column of the contract's key of which nobody tells what it was before.

        A row before is whole where it has the message's key. Without one, what is in that key did not change:
        else the row would have come as a delete and a new one.
        """
        if before.values and all(before.values.get(name, "") is not None for name in key.values):
            return {}
        return {name: "contract.key.untold" for name in self._key if name not in key.values}

    def _part(self, told: MessageTold, name: str) -> FlatRow:
        value = told.value.get(name)
        return _UNSET if value is None else self._rows.row(inner(told.schema, name), value)

    def _of_key(self, message: TopicMessage) -> FlatRow:
        """Give the columns of a message's key; one that is no row is one column."""
        if message.key is None:
            return _UNSET
        try:
            told = self._messages.read(message.key)
        except BROKEN:
            return (
                FlatRow({KEY: message.key.decode("utf-8", "replace")}, {})
                if message.key.isascii()
                else _UNSET
            )
        if isinstance(told.value, Mapping):
            return self._rows.row(told.schema, told.value)
        return FlatRow({KEY: told.value}, {}) if isinstance(told.value, str | int) else _UNSET

    def _keyed(self, *rows: FlatRow) -> dict[str, Any]:
        """Give the key's columns, each of the first row that has it."""
        return {
            name: next((row.values[name] for row in rows if row.values.get(name) is not None), None)
            for name in self._key
        }

    def _flaws(self, row: FlatRow) -> dict[str, str]:
        if not self._refuses_absent:
            return row.flaws
        missing = dict.fromkeys(
            (name for name in self._columns if name not in row.values), "contract.field.missing"
        )
        return row.flaws | missing


def _gathered(
    found: Iterator[tuple[list[TopicMessage], int]], most: int
) -> Iterator[tuple[list[TopicMessage], int]]:
    """Give messages together until they are many, or large, with the offset behind them."""
    held: list[TopicMessage] = []
    size, upto = 0, -1
    for messages, upto in found:
        held += messages
        size += sum(len(one.value or b"") for one in messages)
        if len(held) >= most or size >= HELD_BYTES:
            yield held, upto
            held, size = [], 0
    if upto >= 0:
        yield held, upto


def _changed_us(value: Mapping[str, Any]) -> int | None:
    """Give when a change was made at its source, microseconds UTC, as its envelope says."""
    for place in (value.get("source"), value):
        if isinstance(place, Mapping):
            for name, unit in (("ts_us", 1), ("ts_ms", 1000)):
                found: Any = place.get(name)
                if whole(found) and 0 < found * unit < 1 << 62:
                    return int(found) * unit
    return None
