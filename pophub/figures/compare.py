"""What the reports say, beside what the hub finds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import NamedTuple

from pophub.contracts.model import Connector
from pophub.domain.dates import HO_CHI_MINH
from pophub.figures.declared import Figure, ReportedNumber
from pophub.figures.engine import FigureRows
from pophub.figures.run import FigureAsked, answer
from pophub.ledger.checkpoint import Checkpoint
from pophub.settings import Settings


class ComparedNumber(NamedTuple):
    """A number of a report and what was found; None where the figure has no such row."""

    figure: str
    row: str
    column: str
    as_of: date | None
    wanted: float
    found: float | None
    equal: bool


def compare(
    settings: Settings,
    connectors: Sequence[Connector],
    figures: Sequence[Figure],
    checkpoint: Checkpoint,
    now: datetime,
) -> list[ComparedNumber]:
    """Compare each number that the figures want, in the order of the figures."""
    found: dict[tuple[date | None, str, str | None], FigureRows] = {}
    for day in sorted({one.as_of for figure in figures for one in figure.file.wanted}, key=str):
        asked = _asked(figures, day)
        as_of = now if day is None else datetime.combine(day, time.max, HO_CHI_MINH)
        answers = answer(settings, connectors, asked, checkpoint, as_of)
        found |= {(day, one.figure.name, one.by): given for one, given in zip(asked, answers, strict=True)}
    return [
        _compared(figure, one, found[one.as_of, figure.name, figure.by(one.by)])
        for figure in figures
        for one in figure.file.wanted
    ]


def _asked(figures: Sequence[Figure], day: date | None) -> list[FigureAsked]:
    """Give what is to be asked for a day, each once."""
    asked = {
        (figure.name, figure.by(one.by)): FigureAsked(figure, figure.by(one.by))
        for figure in figures
        for one in figure.file.wanted
        if one.as_of == day
    }
    return list(asked.values())


def _compared(figure: Figure, wanted: ReportedNumber, found: FigureRows) -> ComparedNumber:
    at = found.columns.index(wanted.column)
    values = [row[at] for row in found.rows if str(row[0]) == wanted.row]
    value = None if not values or values[0] is None else float(values[0])
    return ComparedNumber(
        figure.name, wanted.row, wanted.column, wanted.as_of, wanted.value, value, value == wanted.value
    )
