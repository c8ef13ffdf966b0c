"""How a change marker is bounded and ordered in SQL, for each way a source may hold it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, and_, func, literal, not_, or_, type_coerce
from sqlalchemy.sql.elements import ColumnClause
from sqlalchemy.types import Date, DateTime, TypeEngine

from pophub.contracts.source_model import Marker
from pophub.domain.dates import EPOCH, time_parser
from pophub.sources.mysql_values import is_moment

_FIRST_US = -62_135_000_000_000_000  # in the year 1, so that any zone can hold it
ISO = "%Y-%m-%d %H:%M:%S"
_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "f": 6}
_BOUNDS = {"m": ("01", "12"), "d": ("01", "31"), "H": ("00", "23"), "M": ("00", "59"), "S": ("00", "59")}
_DIRECTIVE = re.compile(r"%(.)|([^%])", re.DOTALL)


@dataclass(frozen=True)
class Fixed:
    """A time format of fixed width: where each part stands, biggest part first."""

    like: str
    parts: tuple[tuple[str, int, int], ...]
    signs: tuple[str, ...]  # a directive for each part, each other sign as itself

    @property
    def width(self) -> int:
        """Give how many signs a text of this form has."""
        return sum(_WIDTHS.get(sign[1:], 1) if len(sign) > 1 else 1 for sign in self.signs)

    def pattern(self, digit: str, escape: Callable[[str], str]) -> str:
        """Write the form in a language of patterns that has one for a digit."""
        return "".join(digit * _WIDTHS[s[1:]] if len(s) > 1 else escape(s) for s in self.signs)

    def text(self, moment: datetime) -> str:
        """Write the moment with its biggest part first, as `order` orders the column."""
        year = f"{moment.year:04d}"  # strftime does not pad years before 1000
        parts = (year if name == "Y" else moment.strftime(f"%{name}") for name, _, _ in self.parts)
        return "".join(parts)


def fixed(text_format: str) -> Fixed | None:
    """Read a strptime format; None where a part has no fixed width or repeats."""
    like, at, found = "", 1, {}
    signs: list[str] = []
    for match in _DIRECTIVE.finditer(text_format):
        name, sign = match.groups()
        if sign is not None or name == "%":
            sign = sign or name
            signs.append(sign)
            like += "_" if sign in "%_\\" else sign
            at += 1
            continue
        if name not in _WIDTHS or name in found:
            return None
        found[name] = (name, at, _WIDTHS[name])
        signs.append(f"%{name}")
        like += "_" * _WIDTHS[name]
        at += _WIDTHS[name]
    parts = tuple(found[name] for name in _WIDTHS if name in found)
    whole = tuple(_WIDTHS)[: len(parts)] == tuple(found_part[0] for found_part in parts)
    return Fixed(like, parts, tuple(signs)) if parts and whole else None


@dataclass(frozen=True)
class MarkerColumn:
    """The marker's column with its type at the source.

    Where times are text, only those of exactly the one form that is declared (or ISO without a zone) can
    be compared and ordered as text. All others are `odd`: they are read whole, and compared as times.
    Shape: `bound` may let rows below the bound through (parts of a second, which `not_below` finds),
    never the reverse; a row without a marker always passes.
    """

    marker: Marker
    column: ColumnClause[Any]
    type: TypeEngine[Any]
    dialect: str

    def bound(self, from_marker: int | None) -> ColumnElement[bool] | None:
        """Give the condition for markers from `from_marker` on that are not odd; None: all rows."""
        absent = self.column.is_(None)
        if self._is_text_of_time():
            form = self._form()
            return absent if form is None else or_(self._from(from_marker, form), absent)
        if from_marker is None:
            return None
        if self.marker.kind == "sequence":
            return or_(self.column >= literal(from_marker), absent)
        return or_(self.column >= self._native(*self._moments(from_marker)), absent)

    def odd(self) -> ColumnElement[bool] | None:
        """Give the condition for markers that have no order in SQL; None where there cannot be any."""
        if not self._is_text_of_time():
            return None
        form = self._form()
        if form is None:
            return self.column.is_not(None)
        return not_(self._plain(form))

    def order(self) -> list[ColumnElement[Any]]:
        """Give what the rows that are not odd are ordered by, before the key; those without a marker come last."""
        absent = self.column.is_(None)
        if not self._is_text_of_time():
            return [absent, self.column.asc()]
        form = self._form()
        if form is None:
            return []
        parts = [self._collated(type_coerce(self.column, String))] if self.marker.format is None else []
        return [absent, self._ordered(form), *parts]  # of a second, which stand last

    def not_below(self, value: Any, from_marker: int | None) -> bool:
        """Say whether a marker in text is one from `from_marker` on, or none that can be read."""
        if from_marker is None or not isinstance(value, str):
            return True
        try:
            return self._read(value) >= from_marker
        except (ValueError, OverflowError):
            return True

    @cached_property
    def _read(self) -> Callable[[str], int]:
        return time_parser(self.marker.format, self.marker.time_zone)

    def _moments(self, from_marker: int) -> tuple[datetime, datetime]:
        moment = EPOCH + timedelta(microseconds=max(from_marker, _FIRST_US))
        return moment, moment.astimezone(ZoneInfo(self.marker.time_zone))

    def _from(self, from_marker: int | None, form: Fixed) -> ColumnElement[bool]:
        plain = self._plain(form)
        if from_marker is None:
            return plain
        return and_(plain, self._ordered(form) >= literal(form.text(self._moments(from_marker)[1])))

    def _plain(self, form: Fixed) -> ColumnElement[bool]:
        """Say that a text is of the form: its digits where they belong, and each part within its bounds."""
        text = type_coerce(self.column, String)
        within = [
            func.substr(text, at, width, type_=String).between(*_BOUNDS[name])
            for name, at, width in form.parts
            if name in _BOUNDS
        ]
        return and_(self._shaped(text, form), *within)

    def _shaped(self, text: ColumnElement[Any], form: Fixed) -> ColumnElement[bool]:
        fraction = self.marker.format is None
        if self.dialect == "postgresql":
            end = r"(\.[0-9]{1,6})?$" if fraction else "$"
            return text.op("~", is_comparison=True)(f"^{form.pattern('[0-9]', re.escape)}{end}")
        if self.dialect == "sqlite":
            pattern = form.pattern("[0-9]", lambda sign: f"[{sign}]" if sign in "*?[" else sign)
            rest = func.substr(text, form.width + 1, type_=String)
            digits = func.substr(text, form.width + 2, type_=String)
            glob = rest.op("GLOB", is_comparison=True)
            part = and_(
                glob(".[0-9]*"),
                not_(digits.op("GLOB", is_comparison=True)("*[^0-9]*")),
                func.length(digits) <= 6,
            )
            whole = text.op("GLOB", is_comparison=True)(pattern + "*")
            return and_(whole, or_(rest == "", part) if fraction else rest == "")
        return or_(text.like(form.like), text.like(form.like + ".%")) if fraction else text.like(form.like)

    def _is_text_of_time(self) -> bool:
        return self.marker.kind == "time" and self._is_text()

    def _is_text(self) -> bool:
        if self.marker.format is not None or self.dialect == "sqlite":
            return True
        return not isinstance(self.type, Date | DateTime)

    def _form(self) -> Fixed | None:
        return fixed(self.marker.format or ISO)

    def _native(self, moment: datetime, local: datetime) -> ColumnElement[Any]:
        if isinstance(self.type, Date):
            return literal(local.date())
        if getattr(self.type, "timezone", False):
            return literal(moment, DateTime(timezone=True))
        if is_moment(self.type, self.dialect):
            return literal(moment.replace(tzinfo=None), DateTime(timezone=False))
        return literal(local.replace(tzinfo=None), DateTime(timezone=False))

    def _ordered(self, form: Fixed) -> ColumnElement[Any]:
        text = type_coerce(self.column, String)
        pieces = [func.substr(text, at, width, type_=String) for _, at, width in form.parts]
        whole: ColumnElement[Any] = pieces[0]
        for piece in pieces[1:]:
            whole = whole.concat(piece)
        return self._collated(whole)

    def _collated(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return text.collate("C") if self.dialect == "postgresql" else text
