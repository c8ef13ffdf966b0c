"""What a rule is told, held against what its columns hold: nothing that fails at judging passes here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pophub.contracts.anchored import escape_of
from pophub.contracts.arguments import Argument, Shape

HELD = {
    "string": "text",
    "int": "number",
    "long": "number",
    "double": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp-micros": "time",
    "bytes": "byte string",
    "decimal": "decimal",
}
"""Type in the schema: what a column of it holds."""
_PYTHON: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "date": (int,),  # days since 1970
    "time": (int,),  # microseconds since 1970, UTC
    "byte string": (),  # none can be written in a suite
    "decimal": (int,),  # a fraction of a suite is a float, which is seldom exact
}
_BOUNDS = (("least", "most"), ("min_value", "max_value"))
Holds = Callable[[str], str]


class Flaw(NamedTuple):
    """A kwarg that the expectation cannot work with: its name, the code, what is wrong."""

    kwarg: str
    code: str
    what: str


def flaws_of(shape: Shape, kwargs: Mapping[str, Any], holds: Holds) -> Iterator[Flaw]:
    """Give what the expectation cannot work with; `holds` tells what a known column holds."""
    for one in shape.arguments:
        value = kwargs.get(one.name)
        if value is None:
            if one.name in kwargs and one.default is not None:
                yield Flaw(one.name, "config.type", f"{one.name} is null: leave it out for {one.default}")
            continue
        if one.kind == "column":
            yield from _column(one, str(value), kwargs, holds)
        elif what := _value(one, value):
            yield Flaw(one.name, "suite.regex" if one.kind == "pattern" else "config.type", what)
        elif one.kind in ("value", "values"):
            yield from _bounds_type(one, value, holds(str(kwargs["column"])))
    for least, most in _BOUNDS:
        if {least, most} <= {one.name for one in shape.arguments}:
            yield from _range(least, most, kwargs, shape)


def _column(one: Argument, name: str, kwargs: Mapping[str, Any], holds: Holds) -> Iterator[Flaw]:
    held = holds(name)
    if one.held and held not in one.held:
        yield Flaw(one.name, "config.type", f"{name} holds a {held}, not a {' or '.join(one.held)}")
    elif one.like:
        other = one.like.format_map(dict(kwargs))
        if holds(other) != held:
            yield Flaw(one.name, "config.type", f"{name} holds a {held}, but {other} a {holds(other)}")


def _value(one: Argument, value: Any) -> str | None:
    """Say what is wrong with a value by itself."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if one.kind == "flag" and not isinstance(value, bool):
        return f"{one.name} is not true or false"
    if one.kind == "number" and not (whole or isinstance(value, float)):
        return f"{one.name} is not a number"
    if one.kind in ("days", "length") and not (whole and value >= 0):
        return f"{one.name} is not a whole number from 0 on"
    if one.kind == "values" and not (isinstance(value, list) and value):
        return f"{one.name} is not a list of values"
    return _pattern(value) if one.kind == "pattern" else None


def _pattern(value: Any) -> str | None:
    try:
        re.compile(str(value))
    except re.error as error:
        return f"the pattern cannot be read: {error.msg}"
    return escape_of(str(value))


def _bounds_type(one: Argument, value: Any, held: str) -> Iterator[Flaw]:
    """Find a value of another kind than the column: no record could agree with it."""
    wanted = _PYTHON[held]
    for single in value if one.kind == "values" else [value]:
        if not isinstance(single, wanted) or (isinstance(single, bool) and bool not in wanted):
            yield Flaw(one.name, "config.type", f"{one.name} has {single!r}, but the column holds a {held}")


def _range(least: str, most: str, kwargs: Mapping[str, Any], shape: Shape) -> Iterator[Flaw]:
    low, high = kwargs.get(least), kwargs.get(most)
    others = (one.name for one in shape.arguments if one.kind == "column" and one.like)
    if low is None and high is None and not any(map(kwargs.get, others)):
        yield Flaw("", "config.missing", f"neither {least} nor {most} is there")
    elif low is not None and high is not None and type(low) is type(high) and low > high:
        yield Flaw(most, "config.range", f"{most} is below {least}")
