"""What a topic shows before anything is declared: its newest schema, its key, its first rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from pophub.contracts.kafka_source import KafkaSource
from pophub.domain.errors import ConfigError
from pophub.domain.record import Columns
from pophub.kafka import ForeignTopic, TopicMessage
from pophub.settings import Settings
from pophub.sources.connect_rows import BROKEN, FlatRow, Messages, MessageTold, RowReader, inner, leaves
from pophub.sources.connect_values import Schema
from pophub.sources.open_topic import broker_access, schemas_of
from pophub.sources.survey import HeldKind, Survey, SurveyedColumn, SurveyedForm, held_by

_KINDS: dict[str, HeldKind] = {
    "int8": "integer", "int16": "integer", "int32": "integer", "int64": "integer", "float": "double",
    "float32": "double", "double": "double", "float64": "double", "boolean": "boolean", "string": "text",
    "bytes": "bytes",
}  # fmt: skip
_NAMED: dict[str, HeldKind] = {
    "org.apache.kafka.connect.data.Decimal": "decimal", "io.debezium.data.VariableScaleDecimal": "decimal",
    "org.apache.kafka.connect.data.Date": "date", "io.debezium.time.Date": "date",
    "org.apache.kafka.connect.data.Timestamp": "time", "io.debezium.time.Timestamp": "time",
    "io.debezium.time.MicroTimestamp": "time", "io.debezium.time.NanoTimestamp": "time",
    "io.debezium.time.ZonedTimestamp": "time", "io.debezium.time.IsoTimestamp": "time",
    "io.debezium.time.IsoDate": "date",
}  # fmt: skip
_PRINTED = {"io.debezium.data.Enum", "io.debezium.data.Uuid"}  # texts that are short and mean themselves


def survey_topic(
    source: KafkaSource, url: str, settings: Settings, rows: int, where: str
) -> tuple[Survey, SurveyedForm]:
    """Look at a topic; give what it shows, and how its messages are written, as a connector declares it.

    Errors: those of `ForeignTopic`; `connector.from` where no message has a row.
    """
    messages = Messages(schemas_of(source, settings, where))
    looked = _Looked(messages)
    with closing(ForeignTopic(broker_access(source, url, settings, where), source.topic, where)) as topic:
        for message in _first(topic, rows):
            looked.at(message)
    if not looked.rows:
        raise ConfigError(
            "connector.from", "no message of the topic holds a row that can be read", where=source.topic,
            remedy="ask the agency for a snapshot; where messages are in Avro, set the registry's variable",
        )  # fmt: skip
    names = tuple(looked.columns)
    found: Columns = {name: [row.values.get(name) for row in looked.rows] for name in names}
    columns = tuple(looked.columns[name] or _by_values(name, found[name]) for name in names)
    key = tuple(name for name in looked.key if name in looked.columns)
    form = SurveyedForm({"envelope": "debezium" if looked.enveloped else "none"}, {}, [])
    return Survey(source.topic, columns, found, key), form


def _first(topic: ForeignTopic, rows: int) -> Iterator[TopicMessage]:
    """Give some messages of each partition: the first ones, no more than so many of all."""
    ends = topic.ends()
    there = {one: (low, ends.end[one]) for one, low in ends.first.items() if low < ends.end[one]}
    for partition, (low, high) in there.items():
        for messages, _ in topic.read(partition, low, min(high, low + max(1, rows // len(there)))):
            yield from messages


class _Looked:
    """What some messages showed."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._reader = RowReader()
        self.enveloped = False
        self.key: tuple[str, ...] = ()
        self.columns: dict[str, SurveyedColumn | None] = {}
        self.rows: list[FlatRow] = []

    def at(self, message: TopicMessage) -> None:
        """Look at a message; one that cannot be read shows nothing."""
        if message.value is None:
            return
        try:
            told = self._messages.read(message.value)
            if told.value is None:
                return
            self.enveloped = isinstance(told.value.get("op"), str) and "after" in told.value
            if self.enveloped:
                told = MessageTold(inner(told.schema, "after"), told.value["after"])
            if told.value is None:
                return
            row = self._reader.row(told.schema, told.value)
            if message.key is not None:
                self.key = self._keys(message.key) or self.key
        except BROKEN:
            return
        self.rows.append(row)
        shown = {} if told.schema is None else {one.name: one for one in _columns(told.schema)}
        self.columns |= {name: shown.get(name) for name in row.values}

    def _keys(self, key: bytes) -> tuple[str, ...]:
        found = self._messages.read(key).value
        return tuple(found) if isinstance(found, Mapping) else ()


def _columns(schema: Schema) -> Iterator[SurveyedColumn]:
    for path, one in leaves(schema):
        named, kind = str(one.get("name") or ""), str(one.get("type"))
        held: HeldKind = _NAMED.get(named) or (
            "text" if named in _PRINTED else "other" if named else _KINDS.get(kind, "other")
        )
        told = one.get("parameters") or {}
        digits, scale = (_number(told.get(part)) for part in ("connect.decimal.precision", "scale"))
        yield SurveyedColumn(
            ".".join(path),
            named or kind,
            held,
            one.get("optional") is not False,
            digits,
            scale if digits else 0,
        )


def _number(text: Any) -> int:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else 0


def _by_values(name: str, values: list[Any]) -> SurveyedColumn:
    """Tell what a column of JSON without a schema holds, by its values."""
    return SurveyedColumn(name, "JSON", held_by(values), True)
