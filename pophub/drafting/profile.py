"""What the first rows of a column show: how many are there, how many differ, what form they have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from pophub.contracts.model import CodeTable
from pophub.contracts.personal import folded, looks_a_name, sounds_personal
from pophub.domain.dates import date_parser, time_parser
from pophub.gates.personal_id import flaw
from pophub.sources.survey import Survey, SurveyedColumn

MOSTLY = 0.95  # of the values: a form that so many have is that of the column
FEW_VALUES = 12  # a column of a register that repeats these is taken for a code
ENOUGH_ROWS = 20  # below them nothing is concluded from what did not occur
DATES = ("%d/%m/%Y", "%Y-%m-%d", "%d-%m-%Y", "%d.%m.%Y", "%Y/%m/%d")
TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M")
_NAMED_TABLES = {"province": ("tinh", "province"), "sex": ("gioi_tinh", "sex", "gender", "phai")}


@dataclass(frozen=True)
class ColumnProfile:
    """A column with its first values; `values` are those that are there, each as the source gave it."""

    column: SurveyedColumn
    rows: int
    values: Sequence[Any]
    tables: Mapping[str, CodeTable]

    @property
    def nulls(self) -> int:
        """How many rows have no value."""
        return self.rows - len(self.values)

    @property
    def always_there(self) -> bool:
        """Whether no row lacks a value, by the type or by enough rows."""
        return not self.nulls and (not self.column.nullable or self.rows >= ENOUGH_ROWS)

    @property
    def unique(self) -> bool:
        """Whether enough rows were seen, and no two have one value."""
        return self.rows >= ENOUGH_ROWS and not self.nulls and len(set(map(str, self.values))) == self.rows

    @property
    def texts(self) -> list[str]:
        """The values, where all are texts; else nothing."""
        found = [value for value in self.values if isinstance(value, str)]
        return found if len(found) == len(self.values) else []

    @property
    def person(self) -> bool:
        """Whether the values are personal identification numbers; of no value, whether the name says so."""
        if self.column.kind not in ("text", "other"):
            return False
        if not self.values:
            words = folded(self.column.name)
            return any(part in words for part in ("ddcn", "cccd", "dinh_danh", "citizen_id"))
        return self._mostly(lambda text: flaw(text) is None)

    @property
    def personal(self) -> bool:
        """Whether the name sounds personal, or the values are numbers or names of people."""
        return self.person or sounds_personal(self.column.name) or self._names

    @property
    def _names(self) -> bool:
        return bool(self.texts) and self._mostly(looks_a_name)

    def form(self, forms: Sequence[str], parse: Callable[[str], Callable[[str], int]]) -> str | None:
        """Give the first form that most texts have; beside them a workbook may hold dates of its own."""
        texts = [value for value in self.values if isinstance(value, str)]
        days = sum(isinstance(value, date) for value in self.values)
        if len(texts) < 2 or len(texts) + days < len(self.values):
            return None
        least = MOSTLY * len(self.values) - days
        return next((form for form in forms if sum(map(_parses(parse(form)), texts)) >= least), None)

    @property
    def date_form(self) -> str | None:
        """The form in which the texts are dates."""
        return self.form(DATES, date_parser)

    @property
    def time_form(self) -> str | None:
        """The form in which the texts are times."""
        return self.form(TIMES, lambda form: time_parser(form, "UTC"))

    @property
    def iso_times(self) -> bool:
        """Whether the texts are times as ISO 8601 writes them, with a zone or without."""
        return self.form(("ISO",), lambda form: time_parser(None, "UTC")) is not None

    @property
    def table(self) -> str | None:
        """The code table of the project whose source side has the values, where name or values leave no doubt."""
        found = {text.strip() for text in self.texts if text.strip()}
        if len(found) < 2:
            return None
        for name, table in self.tables.items():
            known = set(table.values) - {""}
            if not table.labels.keys() <= {"true", "false"} and found <= known:
                words = folded(self.column.name)
                named = any(part in words for part in (*_NAMED_TABLES.get(name, ()), name))
                if named or not any(text.isdigit() or len(text) < 3 for text in found):
                    return name
        return None

    @property
    def few(self) -> tuple[str, ...]:
        """The values of a code, in their order; nothing where they are many, long, rare, or of a person."""
        found = sorted(set(self.texts))
        repeats = len(self.values) >= max(ENOUGH_ROWS, 3 * len(found))
        plain = all(0 < len(text) <= 40 and text == text.strip() and text.isprintable() for text in found)
        return (
            tuple(found) if repeats and plain and 2 <= len(found) <= FEW_VALUES and not self.personal else ()
        )

    @property
    def never_negative(self) -> bool:
        """Whether enough numbers were seen, and none below zero."""
        numbers = [v for v in self.values if isinstance(v, (int, float, Decimal)) and not isinstance(v, bool)]
        return len(numbers) >= ENOUGH_ROWS and len(numbers) == len(self.values) and min(numbers) >= 0

    def _mostly(self, sound: Callable[[str], bool]) -> bool:
        good = sum(isinstance(value, str) and sound(value) for value in self.values)
        return good >= MOSTLY * len(self.values)


def _parses(parse: Callable[[str], int]) -> Callable[[str], bool]:
    def sound(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, TypeError, OverflowError):
            return False
        return True

    return sound


def profiles(survey: Survey, tables: Mapping[str, CodeTable]) -> dict[str, ColumnProfile]:
    """Give the profile of each column, by its name; `tables` are those of codes that may be found in it."""
    found = {}
    for column in survey.columns:
        values = survey.rows.get(column.name, [])
        there = [value for value in values if value is not None and value != ""]
        found[column.name] = ColumnProfile(column, len(values), there, tables)
    return found
