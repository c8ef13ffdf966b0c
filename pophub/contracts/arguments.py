"""What an expectation is told: each argument written once, for suites, classes and the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

Held = Literal["text", "number", "decimal", "boolean", "date", "time", "byte string"]
Kind = Literal["column", "choice", "days", "number", "codes", "values", "value", "length", "pattern", "flag"]


class Argument(NamedTuple):
    """One kwarg of an expectation.

    Shape: `choices` are the words that a `choice` may be; `default` holds where it is not `needed`. A
    column holds one of `held` (anything where it is empty), and what the column `like` holds, with
    `{kwarg}` replaced.
    """

    name: str
    kind: Kind
    meaning: str
    needed: bool = True
    choices: tuple[str, ...] = ()
    default: Any = None
    held: tuple[Held, ...] = ()
    like: str = ""


@dataclass(frozen=True)
class Shape:
    """An expectation: what it says, what it is told, what it makes of a null.

    Shape: `hub` are the columns joined for it, with `{kwarg}` replaced; `codes` are the codes that
    rules of it stand for, that of the example first; `example` are kwargs over the example of
    docs/connector-file.md.
    """

    says: str
    arguments: tuple[Argument, ...]
    null: str
    codes: tuple[str, ...]
    example: Mapping[str, Any]
    hub: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The kwargs that name a column."""
        return self.of_kind("column")

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The kwargs that name no column."""
        return tuple(one.name for one in self.arguments if one.kind != "column")

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The kwargs that must be there."""
        return tuple(one.name for one in self.arguments if one.needed)

    @cached_property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """The kwargs that take one of a few words, with those words."""
        return {one.name: one.choices for one in self.arguments if one.kind == "choice"}

    @cached_property
    def gates(self) -> tuple[str, ...]:
        """The gates of its codes, each once."""
        return tuple(dict.fromkeys(code.partition(".")[0] for code in self.codes))

    def of_kind(self, *kinds: Kind) -> tuple[str, ...]:
        """Give the names of the arguments of some kinds."""
        return tuple(one.name for one in self.arguments if one.kind in kinds)
