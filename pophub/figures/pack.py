"""The Working Group's monthly pack: each figure as of the month's end, beside the end of the month before.

A pack of one agency holds that agency's rows and nothing of another: the rows of the figures that stand for
agencies, and the figures that tell of it alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from pophub.contracts.model import Connector
from pophub.contracts.suite import refuse
from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.errors import ConfigError
from pophub.figures.declared import Figure
from pophub.figures.engine import FigureRows
from pophub.figures.run import FigureAsked, answer
from pophub.ledger.checkpoint import Checkpoint
from pophub.ledger.periods import months_of, span_of
from pophub.settings import Settings


class NumberChanged(NamedTuple):
    """A number that is another than a month before; None where the row was, or is, not there."""

    row: str
    column: str
    before: Any
    now: Any


@dataclass(frozen=True)
class PackTable:
    """A figure in one way to count it. Shape: `before` are the rows a month before, of the same columns."""

    figure: Figure
    by: str | None
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    before: list[tuple[Any, ...]]

    @property
    def name(self) -> str:
        """Name the table as its file is named."""
        return f"{self.figure.name}.{self.by}" if self.by else self.figure.name

    def changes(self) -> Iterator[NumberChanged]:
        """Give what differs from a month before, row by row, in the order of the rows; what is gone at the end."""
        earlier = {row[0]: row for row in self.before}
        for row in self.rows:
            yield from self._changes(row[0], earlier.pop(row[0], None), row)
        for name, row in earlier.items():
            yield from self._changes(name, row, None)

    def _changes(
        self, name: Any, before: tuple[Any, ...] | None, now: tuple[Any, ...] | None
    ) -> Iterator[NumberChanged]:
        for at, column in enumerate(self.columns[1:], start=1):
            was, is_now = before and before[at], now and now[at]
            if was != is_now and (_is_number(was) or _is_number(is_now)):
                yield NumberChanged(str(name), column, was, is_now)


@dataclass(frozen=True)
class Pack:
    """A month's pack before it is written. Shape: `agency` empty for all agencies."""

    month: str
    agency: str
    checkpoint: Checkpoint
    tables: list[PackTable]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def month_end(month: str, now: datetime) -> datetime:
    """Give the last moment of a month that has ended.

    >>> month_end("2025-01", datetime(2025, 2, 1, tzinfo=UTC)).isoformat()
    '2025-01-31T23:59:59.999999+07:00'

    Errors: `cli.period` for what is no month; `pack.month` for one that has not ended.
    """
    months = months_of(month)
    if len(months) != 1:
        raise ConfigError("cli.period", f"a pack is of one month, not of {month}", remedy="such as 2025-01")
    last = span_of(months)[1] - timedelta(days=1)
    end = _end_of(last)
    if end >= now:
        raise ConfigError(
            "pack.month", "the month has not ended", where=month, remedy="make its pack from the first day of the next"
        )  # fmt: skip
    return end


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time.max, HO_CHI_MINH)


def gather(
    settings: Settings,
    connectors: Sequence[Connector],
    figures: Sequence[Figure],
    checkpoint: Checkpoint,
    month: str,
    agency: str = "",
) -> Pack:
    """Count each figure in each way, as of the month's end and of the end of the month before.

    Errors: those of `month_end` and of `answer`; `pack.agency` where no figure has anything of the agency.
    """
    end = month_end(month, datetime.now(UTC))
    before = _end_of(end.date().replace(day=1) - timedelta(days=1))
    asked = list(_asked(figures, agency))
    now_rows, before_rows = (answer(settings, connectors, asked, checkpoint, at) for at in (end, before))
    tables = [
        PackTable(one.figure, one.by, now.columns, _own(one, now, agency), _own(one, was, agency))
        for one, now, was in zip(asked, now_rows, before_rows, strict=True)
    ]
    if agency and not any(table.rows for table in tables):
        raise refuse("pack.agency", "no figure has anything of this agency by then", f"{agency}, {month}")
    return Pack(month, agency, checkpoint, tables)


def _asked(figures: Sequence[Figure], agency: str) -> Iterator[FigureAsked]:
    """Give every way to count every figure; of one agency only where the figure says which rows are its own."""
    for figure in figures:
        own = figure.file.own
        if agency and (own is None or (own.agency is not None and own.agency != agency)):
            continue
        ways = (own.by,) if agency and own and own.by else figure.file.by or (None,)
        for by in ways:
            yield FigureAsked(figure, by)


def _own(asked: FigureAsked, found: FigureRows, agency: str) -> list[tuple[Any, ...]]:
    """Give the rows that the pack may hold."""
    own = asked.figure.file.own
    if agency and own is not None and own.by is not None:
        return [row for row in found.rows if row[0] == agency]
    return found.rows
