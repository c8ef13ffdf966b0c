"""How a change marker is bounded and ordered in SQL, for each way a source may hold it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, func, literal, or_, type_coerce
from sqlalchemy.sql.elements import ColumnClause
from sqlalchemy.types import Date, DateTime, TypeEngine

from pophub.contracts.model import Marker
from pophub.domain.dates import EPOCH

_FIRST_US = -62_135_000_000_000_000  # in the year 1, so that any zone can hold it
ISO = "%Y-%m-%d %H:%M:%S"
_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "f": 6}
_DIRECTIVE = re.compile(r"%(.)|([^%])", re.DOTALL)


@dataclass(frozen=True)
class Fixed:
    """A time format of fixed width: where each part stands, biggest part first."""

    like: str
    parts: tuple[tuple[str, int, int], ...]

    def text(self, moment: datetime) -> str:
        """Write the moment with its biggest part first, as `order` orders the column."""
        year = f"{moment.year:04d}"  # strftime does not pad years before 1000
        parts = (year if name == "Y" else moment.strftime(f"%{name}") for name, _, _ in self.parts)
        return "".join(parts)


def fixed(text_format: str) -> Fixed | None:
    """Read a strptime format; None where a part has no fixed width or repeats."""
    like, at, found = "", 1, {}
    for match in _DIRECTIVE.finditer(text_format):
        name, sign = match.groups()
        if sign is not None or name == "%":
            sign = sign or name
            like += "_" if sign in "%_\\" else sign
            at += 1
            continue
        if name not in _WIDTHS or name in found:
            return None
        found[name] = (name, at, _WIDTHS[name])
        like += "_" * _WIDTHS[name]
        at += _WIDTHS[name]
    parts = tuple(found[name] for name in _WIDTHS if name in found)
    whole = tuple(_WIDTHS)[: len(parts)] == tuple(found_part[0] for found_part in parts)
    return Fixed(like + "%", parts) if parts and whole else None


@dataclass(frozen=True)
class MarkerColumn:
    """The marker's column with its type at the source.

    Shape: `bound` may let rows below the bound through (text that is not of the declared form,
    parts of a second), never the reverse; a row without a marker always passes.
    """

    marker: Marker
    column: ColumnClause[Any]
    type: TypeEngine[Any]
    dialect: str

    def bound(self, from_marker: int) -> ColumnElement[bool] | None:
        """Give the condition for markers from `from_marker` on; None: the source is read whole."""
        absent = self.column.is_(None)
        if self.marker.kind == "sequence":
            return or_(self.column >= literal(from_marker), absent)
        moment = EPOCH + timedelta(microseconds=max(from_marker, _FIRST_US))
        local = moment.astimezone(ZoneInfo(self.marker.time_zone))
        if not self._is_text():
            return or_(self.column >= self._native(moment, local), absent)
        form = self._form()
        if form is None:
            return None
        text = type_coerce(self.column, String)
        other = text.not_like(form.like)
        return or_(self._ordered(form) >= literal(form.text(local)), absent, other)

    def order(self) -> list[ColumnElement[Any]]:
        """Give what the rows are ordered by, before the key; rows without a marker come last."""
        column: ColumnElement[Any] = self.column
        if self.marker.kind == "time" and self._is_text():
            form = self._form()
            if form is None:
                return []
            column = self._ordered(form)
        return [self.column.is_(None), column.asc()]

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
        return literal(local.replace(tzinfo=None), DateTime(timezone=False))

    def _ordered(self, form: Fixed) -> ColumnElement[Any]:
        text = type_coerce(self.column, String)
        pieces = [func.substr(text, at, width, type_=String) for _, at, width in form.parts]
        whole: ColumnElement[Any] = pieces[0]
        for piece in pieces[1:]:
            whole = whole.concat(piece)
        return whole.collate("C") if self.dialect == "postgresql" else whole
