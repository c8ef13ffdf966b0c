"""What the first rows of a column show: how many are there, how many differ, what form they have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from pophub.contracts.model import CodeTable
from pophub.contracts.personal import folded, looks_a_name, sounds_personal
from pophub.domain.dates import date_parser, time_parser
from pophub.domain.legacy_fonts import legacy_share
from pophub.gates.personal_id import flaw
from pophub.gates.spreadsheet import has_lost_digits
from pophub.sources.survey import Survey, SurveyedColumn

MOSTLY = 0.95  # of the values: a form that so many have is that of the column
LINE_ENDS = frozenset("\r\n\t")
MAINLY = 0.8  # of texts that are all dates: a form that so many have is meant, the others are defects
LEGACY = 0.2  # of the words with Vietnamese letters: so many in an old font, and the column is in it
FEW_VALUES = 12  # a column of a register that repeats these is taken for a code
ENOUGH_ROWS = 20  # below them nothing is concluded from what did not occur
DATES = ("%d/%m/%Y", "%Y-%m-%d", "%d-%m-%Y", "%d.%m.%Y", "%Y/%m/%d")
TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M")
_DATED = re.compile(
    r"(?:[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{2}|[0-9]{4})|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2})(?:[ T].*)?\Z"
)
_YEAR = re.compile(r"(?:1[89]|20)[0-9]{2}\Z")
_GROUPED = re.compile(
    r"[+-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?|[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+,[0-9]+)\Z"
)
_COUNT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z")
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
        return self.person or sounds_personal(self.column.name) or self.names

    @property
    def names(self) -> bool:
        """Whether the values are names of people."""
        return bool(self.texts) and self._mostly(looks_a_name)

    @cached_property
    def legacy(self) -> bool:
        """Whether the texts, or the column's name, are in TCVN3 or VNI, the encodings before Unicode."""
        return legacy_share((*self.texts, self.column.name)) >= LEGACY

    @cached_property
    def dated(self) -> bool:
        """Whether the texts are dates, in whatever form; some may be years alone."""
        texts = [text.strip() for text in self.texts]
        days = sum(_DATED.match(text) is not None for text in texts)
        years = sum(_YEAR.match(text) is not None for text in texts)
        return len(texts) >= 2 and days >= len(texts) / 2 and days + years >= MOSTLY * len(texts)

    @property
    def lost(self) -> bool:
        """Whether there are numbers that a spreadsheet has cut."""
        return any(map(has_lost_digits, self.values))

    @property
    def lines(self) -> bool:
        """Whether more than a few texts span lines."""
        spanning = sum(not LINE_ENDS.isdisjoint(text.strip()) for text in self.texts)
        return spanning > (1 - MOSTLY) * len(self.values)

    @property
    def counts(self) -> bool:
        """Whether enough texts were seen, all of them whole numbers that lose no zero as such."""
        return len(self.texts) >= ENOUGH_ROWS and all(_COUNT.match(text.strip()) for text in self.texts)

    @property
    def grouped(self) -> bool:
        """Whether the texts are numbers with dots or commas, which a number's field would refuse or take for others."""
        texts = [text.strip() for text in self.texts]
        marked = sum(_GROUPED.match(text) is not None for text in texts)
        plain = sum(_COUNT.match(text) is not None for text in texts)
        return (
            len(texts) >= ENOUGH_ROWS and marked >= len(texts) / 4 and marked + plain >= MOSTLY * len(texts)
        )

    def form(
        self,
        forms: Sequence[str],
        parse: Callable[[str], Callable[[str], int]],
        most: float = MOSTLY,
    ) -> str | None:
        """Give the first form that most texts have; beside them a workbook may hold dates of its own."""
        texts = [value for value in self.values if isinstance(value, str)]
        days = sum(isinstance(value, date) for value in self.values)
        if len(texts) < 2 or len(texts) + days < len(self.values):
            return None
        least = most * len(self.values) - days
        return next((form for form in forms if sum(map(_parses(parse(form)), texts)) >= least), None)

    @property
    def date_form(self) -> str | None:
        """The form in which the texts are dates; of dates in several forms the one that nearly all have."""
        return self.form(DATES, date_parser, MAINLY if self.dated else MOSTLY)

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
        there = [whole for text in self.texts if (whole := composed(text))]
        found = set(there)
        if len(found) < 2:
            return None
        words = folded(self.column.name)
        for name, table in self.tables.items():
            known = set(table.values) - {""}
            if table.labels.keys() <= {"true", "false"}:
                continue
            named = any(part in words for part in (*_NAMED_TABLES.get(name, ()), name))
            if named and sum(text in known for text in there) >= MOSTLY * len(there):
                return name
            if found <= known and not any(text.isdigit() or len(text) < 3 for text in found):
                return name
        return None

    @property
    def strange(self) -> bool:
        """Whether some texts are not of the code table that nearly all are of."""
        known = set(self.tables[self.table].values) if self.table is not None else set()
        return not {composed(text) for text in self.texts} - {""} <= known

    @property
    def few(self) -> tuple[str, ...]:
        """The values of a code as a contract has them, in their order; nothing where they are many, long, rare, or of a person."""
        found = sorted(set(map(composed, self.texts)))
        repeats = len(self.values) >= max(ENOUGH_ROWS, 3 * len(found))
        plain = all(0 < len(text) <= 40 and text.isprintable() for text in found)
        plain = plain and all(text == text.strip() for text in self.texts)
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


def composed(text: str) -> str:
    """Give a text as a field that is trimmed has it: white space off the ends, letters and their marks together."""
    return unicodedata.normalize("NFC", text.strip())


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
