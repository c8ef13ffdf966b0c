"""Messages of Kafka Connect as rows: JSON with and without a schema, Avro by the schema of a registry."""

from __future__ import annotations

import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from pophub.avro import BadForeign, ForeignSchema
from pophub.domain.record import RESERVED
from pophub.sources.connect_values import UNAVAILABLE, Schema, Unreadable, ValueReader, is_flat, reader_of
from pophub.sources.json_pages import Twice, flat, loaded

KEY = "_key"
"""The column of a message's key that is one value, not a row's columns by name."""

UNPARSABLE = "contract.message.format"
BROKEN = (
    Unreadable, Twice, BadForeign, ValueError, TypeError, KeyError, AttributeError, IndexError,
    RecursionError, ArithmeticError, struct.error,
)  # fmt: skip
"""Whatever a hostile message makes of its reading; only that message suffers."""

_KEPT = 64  # schemas, of which a topic has few at a time
_PREFIX = re.compile(rb'"payload"\s*:')
_FRAME = struct.Struct(">bI")


class MessageTold(NamedTuple):
    """What a message says: a value, and the schema that came with it, if one did."""

    schema: Schema | None
    value: Any


class FlatRow(NamedTuple):
    """The columns of a row, and the codes of those that could not be read."""

    values: dict[str, Any]
    flaws: dict[str, str]


class Messages:
    """Reads messages; `schema_of` gives the text of a registry's schema, None where there is no registry.

    JSON that begins like a message before it has the same schema, which is read once.
    """

    def __init__(self, schema_of: Callable[[int], str] | None) -> None:
        self._schema_of = schema_of
        self._foreign: OrderedDict[int, ForeignSchema | BadForeign] = OrderedDict()
        self._prefixes: OrderedDict[bytes, Schema] = OrderedDict()

    def read(self, data: bytes) -> MessageTold:
        """Read a message.

        Errors: those of `BROKEN`, whatever the message is; the registry's.
        """
        if data[:1] == b"\0":
            return self._framed(data)
        for prefix, schema in reversed(self._prefixes.items()):
            if data.startswith(prefix) and data.endswith(b"}"):
                try:
                    return MessageTold(schema, loaded(data[len(prefix) : -1]))
                except (ValueError, RecursionError):
                    break  # more than the payload follows: read as a whole
        found = loaded(data)
        if isinstance(found, dict) and found.keys() == {"schema", "payload"}:
            schema = found["schema"]
            if schema is not None and not isinstance(schema, dict):
                raise ValueError
            if schema is not None:
                self._remember(data, schema)
            return MessageTold(schema, found["payload"])
        return MessageTold(None, found)

    def _framed(self, data: bytes) -> MessageTold:
        if self._schema_of is None:
            raise ValueError("Avro, and no registry is declared")
        _, number = _FRAME.unpack_from(data)
        if number not in self._foreign:
            self._foreign[number] = _foreign(self._schema_of, number)
            while len(self._foreign) > _KEPT:
                self._foreign.popitem(last=False)
        schema = self._foreign[number]
        if isinstance(schema, BadForeign):
            raise BadForeign(str(schema))
        return MessageTold(schema.connect, schema.decode(data[_FRAME.size :]))

    def _remember(self, data: bytes, schema: Schema) -> None:
        """Keep how a message begins whose payload comes last, so that the next one's schema is known."""
        for match in _PREFIX.finditer(data):
            try:
                told = orjson.loads(data[: match.end()] + b"null}")
            except orjson.JSONDecodeError:
                continue
            if told == {"schema": schema, "payload": None}:
                self._prefixes[data[: match.end()]] = schema
                if len(self._prefixes) > _KEPT:
                    self._prefixes.popitem(last=False)
            return


def _foreign(schema_of: Callable[[int], str], number: int) -> ForeignSchema | BadForeign:
    """Give a schema, or why nothing that has it can be read: its text never changes."""
    try:
        return ForeignSchema(schema_of(number))
    except BadForeign as bad:
        return bad


class RowReader:
    """Turns values of a struct's schema, or of none, into columns."""

    def __init__(self) -> None:
        self._plans: OrderedDict[int, tuple[Schema, list[tuple[str, tuple[str, ...], ValueReader]]]] = (
            OrderedDict()
        )

    def row(self, schema: Schema | None, value: Any) -> FlatRow:
        """Give the columns of a row.

        Errors: those of `BROKEN`.
        """
        if not isinstance(value, Mapping):
            raise ValueError("no row")
        if schema is None:
            return _checked(_unschooled(value))
        values: dict[str, Any] = {}
        flaws: dict[str, str] = {}
        for name, path, read in self._plan(schema):
            found: Any = value
            for part in path:
                found = found.get(part) if isinstance(found, Mapping) else None
            try:
                values[name] = read(found)
            except Unreadable as bad:
                values[name], flaws[name] = None, bad.code
        return _checked(FlatRow(values, flaws))

    def _plan(self, schema: Schema) -> list[tuple[str, tuple[str, ...], ValueReader]]:
        kept = self._plans.get(id(schema))
        if kept is None or kept[0] is not schema:
            plan = [(".".join(path), path, reader_of(one)) for path, one in leaves(schema)]
            if len({name for name, _, _ in plan}) < len(plan):
                raise Twice
            kept = self._plans[id(schema)] = (schema, plan)
            if len(self._plans) > _KEPT:
                self._plans.popitem(last=False)
        return kept[1]


def leaves(schema: Schema, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """Give each field of a struct that is one value, with the names that lead to it."""
    for one in schema["fields"]:
        here = (*path, str(one["field"]))
        if is_flat(one):
            yield here, one
        else:
            yield from leaves(one, here)


def _unschooled(value: Mapping[str, Any]) -> FlatRow:
    """Take values as JSON has them: without a schema nobody can tell what else they stand for."""
    values = dict(flat(dict(value)))
    flaws = {name: "contract.value.unavailable" for name, found in values.items() if found == UNAVAILABLE}
    return FlatRow({name: None if name in flaws else found for name, found in values.items()}, flaws)


def _checked(row: FlatRow) -> FlatRow:
    if RESERVED & row.values.keys():
        raise ValueError("a column with a name that pophub needs itself")
    return row


def inner(schema: Schema | None, name: str) -> Schema | None:
    """Give the schema of a struct's field.

    Errors: ValueError where it has none of the name.
    """
    if schema is None:
        return None
    for one in schema["fields"]:
        if one["field"] == name:
            found: Schema = one
            return found
    raise ValueError("no such field")
