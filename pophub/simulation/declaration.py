"""An agency's dataset as a declaration: what the YAML of `agencies/<agency>/<dataset>.yaml` may say.

The simulation alone reads it; docs/simulation.md tells its keys with an example.
"""

from __future__ import annotations

import re
from datetime import date
from datetime import date as date_
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from pophub.contracts.patterns import STEM
from pophub.contracts.refusals import read_model
from pophub.contracts.source_model import Model, Name
from pophub.contracts.strict_yaml import load_document
from pophub.domain.errors import ConfigError

Value = bool | int | str | None
"""What a cell of a source holds; None is an empty one."""
FOLDER = Path(__file__).parent / "agencies"
DefectName = Literal[
    "missing", "words", "other_form", "negative", "unknown", "before", "future", "hidden",
    "id", "unknown_person", "other_name", "other_birth", "tax_code", "tax_code_digit", "unknown_reference", "not_taken",
    "unknown_organisation", "other_organisation", "divided",
]  # fmt: skip
FROM_VALUE = frozenset({"hidden", "id", "unknown_person", "other_name", "other_birth", "spelling", "spaces"})
"""What begins from the value that a cell has: an empty one cannot be spoilt so."""
DEFECT_CODE = r"^(contract|correct|sufficient|clean|live)\.[a-z_.]+$"
NearMiss = Literal["spelling", "spaces", "zero", "same_day"]
KINDS = (
    "code",
    "text",
    "person",
    "organisation",
    "date",
    "amount",
    "flag",
    "reference",
    "take",
    "since",
    "unit",
)


class SourceShape(Model):
    """Where the rows are: a journal in PostgreSQL, SQLite or behind an API, files, a topic, or a table by its log."""

    kind: Literal["postgres", "sqlite", "api", "csv", "xlsx", "jsonl", "kafka", "cdc"]
    name: str = Field(description="schema and table, table, topic, or how the files' names begin")
    key: str = Field(description="the column that names the thing of which a row is a version")
    changed: str = Field(description="the column with the time of the change")
    format: str | None = Field(None, description="strftime format of that time; none: it is a time")
    number: str = Field(
        "stt", description="for tables: the column that numbers the rows, written by the source"
    )
    sequence: bool = Field(False, description="true: the hub reads by that number, not by the time")
    gone: str | None = Field(None, description="the column, a yes or no, that marks what vanished")
    term: Literal[1, 2, 3, 4, 6, 12] = Field(
        1,
        description="for files: the months whose changes come in one, the newest first, so that most come late",
    )

    @property
    def files(self) -> bool:
        """Tell whether it is a drop folder."""
        return self.kind in ("csv", "xlsx", "jsonl")

    @property
    def in_postgres(self) -> bool:
        """Tell whether it is a table of PostgreSQL."""
        return self.kind in ("postgres", "cdc")

    @property
    def in_place(self) -> bool:
        """Tell whether a row is changed where it stands, so that its last version alone can be read as a row."""
        return self.kind == "cdc"

    @property
    def in_sqlite(self) -> bool:
        """Tell whether its rows are in a file of SQLite: read there, or by the API before it."""
        return self.kind in ("sqlite", "api")

    @property
    def numbered(self) -> bool:
        """Tell whether it is a table whose rows have a number."""
        return self.kind == "postgres" or self.in_sqlite


class DayAfter(Model):
    """A day so many days after another column's, or after the day of the change."""

    after: str | None = None
    days: tuple[int, int] = (0, 0)


class Flag(Model):
    """A yes or no; `share` of the rows say yes."""

    yes: Value = True
    no: Value = False
    share: float = Field(0.5, ge=0, le=1)


class RefersTo(Model):
    """The key of a row of another declared dataset, one that stands as the row says in `where`."""

    to: str = Field(pattern=STEM)
    where: dict[str, Value] = Field(default_factory=dict)


class TakenFrom(Model):
    """What a referenced row holds in another column at the time of the change."""

    by: str
    column: str


class Filling(Model):
    """How a column is filled: one of the kinds; its defects and near misses come from the catalogue."""

    code: str | None = Field(None, description="a text with {serial}, {year}, {month} and other columns")
    text: str | tuple[Value, ...] | dict[str, int] | None = Field(
        None, description="a text as in code, one of a list, or one of these with weights"
    )
    person: Literal["id", "name", "birth_date"] | None = None
    organisation: Literal["tax_code", "name", "representative"] | None = None
    unit: Literal["province", "commune"] | None = None
    date: DayAfter | None = None
    amount: tuple[int, int, int] | None = Field(None, description="least, most, step")
    flag: Flag | None = None
    reference: RefersTo | None = None
    take: TakenFrom | None = None
    since: dict[date_, Value] | None = Field(None, description="what stands there from which day on")
    empty: float = Field(0, ge=0, le=1, description="share of the rows in which it is empty")
    format: str = Field("%Y-%m-%d", description="strftime format of a day")
    defects: tuple[DefectName, ...] = ()
    near: tuple[NearMiss, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        found = [name for name in KINDS if getattr(self, name) is not None]
        if len(found) != 1:
            raise ValueError(f"a column is one of {', '.join(KINDS)}, not {' and '.join(found) or 'none'}")
        if {"before", "same_day"} & {*self.defects, *self.near} and not (self.date and self.date.after):
            raise ValueError("before and same_day are for a date that comes after another")
        if "not_taken" in self.defects and not self.take:
            raise ValueError("not_taken is for what a row takes from the one that it refers to")
        if self.empty and self.from_value:
            raise ValueError("a column that may be empty has no value to begin from")
        return self

    @property
    def from_value(self) -> bool:
        """Tell whether a defect or near miss of it begins from the value that stands there."""
        return bool(FROM_VALUE & {*self.defects, *self.near})

    @property
    def kind(self) -> str:
        """Name the kind that it is of."""
        return next(name for name in KINDS if getattr(self, name) is not None)


class When(Model):
    """When rows are written: on a day, or in any of some months of a year."""

    day: date | None = None
    year: int | None = Field(None, ge=2022, le=2024)
    months: tuple[int, int] = (1, 12)

    @model_validator(mode="after")
    def _when(self) -> Self:
        if (self.day is None) == (self.year is None) and not getattr(self, "after_days", None):
            raise ValueError("say either day or year")
        if self.year == 2022 and self.months != (12, 12):
            raise ValueError("of 2022 there is December alone, the opening stock")
        return self


class LaterChange(When):
    """What becomes of a part of the rows later: other values, some drawn anew, or they vanish."""

    of: int | None = Field(None, ge=1, description="so many of them, the first; none: a share")
    share: float = Field(1, ge=0, le=1)
    after_days: tuple[int, int] | None = Field(None, description="instead of a time of its own")
    set: dict[str, Value] = Field(default_factory=dict)
    anew: tuple[str, ...] = ()
    vanish: bool = False
    label: str = Field("", description="what is odd about the changed rows, such as a near miss")
    wrong: str | None = Field(
        None, pattern=DEFECT_CODE, description="the changed rows are defective: the code that must find them"
    )


class Cohort(When):
    """Rows of one kind: how many, when, what is special of them, and what becomes of them."""

    count: int = Field(1, ge=1)
    scaled: bool = Field(False, description="true: the number grows and falls with --scale")
    set: dict[str, Value] = Field(default_factory=dict)
    organisations: Literal["companies", "stopped", "households"] | None = Field(
        None, description="instead of count: a row for each of these organisations of the cast"
    )
    people: Literal["dying"] | None = Field(
        None, description="instead of count: a row for each of these people of the cast"
    )
    each: tuple[dict[str, Value], ...] = Field((), description="instead of count: a row for each")
    columns: dict[str, Filling] = Field(default_factory=dict, description="columns filled otherwise here")
    then: tuple[LaterChange, ...] = ()
    label: str = Field("", description="what is odd about these rows, such as a near miss")
    wrong: str | None = Field(
        None, pattern=DEFECT_CODE, description="these rows are defective: the code that must find them"
    )


class OwnDefect(Model):
    """A defect that no column of its kind has: values that do not go together."""

    code: str = Field(pattern=DEFECT_CODE)
    label: str
    set: dict[str, Value]


class Declaration(Model):
    """A simulated dataset."""

    simulation: Literal[1]
    agency: Name
    dataset: Name
    source: SourceShape
    columns: dict[str, Filling]
    rows: tuple[Cohort, ...]
    defects: tuple[OwnDefect, ...] = ()
    contradiction: dict[str, Value] = Field(
        default_factory=dict,
        max_length=1,
        description="a column, and what it says in a second row of one time; a sequence has no such row",
    )
    changing: tuple[str, ...] = Field(
        (), description="for cdc: columns drawn anew in rows that a round of today changes where they stand"
    )
    corrected: int = Field(2, ge=0, description="so many rows that come wrong first and right later")
    dirty: int = Field(1, ge=1, description="so many times a year each defect comes")
    stale_days: int = Field(60, ge=1, description="so old are rows that are read too late")
    yearly: bool = Field(
        False, description="true: a run reads a year, as of those who need it; else one reads all"
    )
    today: int = Field(
        0, ge=0, le=100, description="so many rows in each round of today; none: kept by hand, at rest"
    )

    @field_validator("columns", mode="before")
    @classmethod
    def _each_column(cls, columns: Any) -> Any:
        """Take a name with {a,b} in it for a column each."""
        if not isinstance(columns, dict):
            return columns
        found: dict[str, Any] = {}
        for pattern, filling in columns.items():
            for name in _names(str(pattern)):
                if name in found:
                    raise ValueError(f"the column {name} stands twice")
                found[name] = filling
        return found

    @model_validator(mode="after")
    def _at_rest(self) -> Self:
        if self.yearly and self.today:
            raise ValueError("what is read a year at a time is at rest from then on")
        return self

    @model_validator(mode="after")
    def _asked_since(self) -> Self:
        if self.source.kind == "api" and self.source.format is not None:
            raise ValueError("an API is asked for what changed since a time: it has no format of its own")
        return self

    @model_validator(mode="after")
    def _plain_names(self) -> Self:
        """Let columns of PostgreSQL have plain names, as most agencies' have: rows are copied by them."""
        if bool(self.changing) != self.source.in_place:
            raise ValueError("changing is for a table by its log, which has no other changes")
        odd = [name for name in self.columns if not (name.isascii() and name.isidentifier())]
        if self.source.in_postgres and odd:
            raise ValueError(f"a column of PostgreSQL has a plain name, not {odd[0]}")
        return self

    @property
    def stem(self) -> str:
        """Give the name of the dataset."""
        return f"{self.agency}.{self.dataset}"

    @property
    def people(self) -> bool:
        """Tell whether its rows name people."""
        return any(column.person for column in self.columns.values())

    @property
    def referred(self) -> set[str]:
        """Name the datasets that its rows refer to."""
        return {column.reference.to for column in self.columns.values() if column.reference}


def _names(pattern: str) -> list[str]:
    """Give each name that a pattern with {a,b} in it stands for; a plain name is itself."""
    before, listed, after = re.fullmatch(r"([^{}]*)(?:\{([^{}]+)\})?(.*)", pattern, re.S).groups()  # type: ignore[union-attr]
    return [f"{before}{one.strip()}{after}" for one in listed.split(",")] if listed else [pattern]


def read_declaration(path: Path) -> Declaration:
    """Read one declaration. Errors: ConfigError with file and line."""
    return read_model(Declaration, load_document(path, FOLDER.parent))


@cache
def declarations() -> tuple[Declaration, ...]:
    """Read those of this package."""
    return in_order([read_declaration(path) for path in sorted(FOLDER.glob("*/*.yaml"))])


def in_order(waiting: list[Declaration]) -> tuple[Declaration, ...]:
    """Sort: what others refer to comes before them. Errors: ConfigError where that cannot be."""
    waiting, ordered = list(waiting), list[Declaration]()
    while waiting:
        known = {one.stem for one in ordered}
        ready = next((one for one in waiting if one.referred <= known), None)
        if ready is None:
            names = ", ".join(one.stem for one in waiting)
            raise ConfigError(
                "config.unknown_stem",
                f"{names}: what they refer to is not declared, or refers to them",
                where=str(FOLDER.name),
                remedy="declare it, or take the reference out",
            )
        waiting.remove(ready)
        ordered.append(ready)
    return tuple(ordered)
