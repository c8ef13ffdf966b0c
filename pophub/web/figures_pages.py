"""What the reports count: each declared figure with its chart, its target, its source, as of a signed statement."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from pophub.contracts.load import load_all
from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.errors import ConfigError
from pophub.domain.vietnamese import sort_key
from pophub.figures.declared import Figure, ReportedNumber, load_figures, load_words
from pophub.settings import Settings
from pophub.web.counts import Counts, Figures
from pophub.web.figures_at_work import FigureCounted, FiguresAtWork, FigureStand, stand
from pophub.web.layout import PageMaker
from pophub.web.ledger_pages import SIGNED
from pophub.web.missing import NotThere
from pophub.web.visitors import needs
from pophub.web.words import Language, language, number

if TYPE_CHECKING:
    from pophub.figures.engine import FigureRows

PACKS = """
select pack, to_char(month, 'YYYY-MM') as month, agency, recipient, checkpoint, encode(digest, 'hex') as digest, made_by, made_at
from ledger.pack order by pack desc limit 24
"""
MOST_BARS = 40
"""Rows that a chart draws; the table has them all."""


class FigureBar(NamedTuple):
    """A bar of a chart: what it stands for, its value, and how long it is, 0 to 1."""

    name: str
    value: Any
    share: float


def router(settings: Settings, counts: Counts, pages: PageMaker) -> APIRouter:
    """Make the routes."""
    routes, project, work = (
        APIRouter(default_response_class=HTMLResponse),
        settings.project,
        FiguresAtWork(settings),
    )

    @routes.get("/figures")
    @needs("see")
    def listed(request: Request) -> HTMLResponse:
        lang, signed = language(request), counts.figures((SIGNED, PACKS))
        figures, errors = load_figures(project)
        figures.sort(key=lambda one: sort_key(one.file.title.model_dump()[lang]))
        return pages.render(
            request, "figures.html", told=[signed], figures=figures, errors=errors, signed=signed.rows[0],
            packs=signed.rows[1], said=_said(project, lang),
        )  # fmt: skip

    @routes.get("/figures/{name}")
    @needs("see")
    def one(request: Request, name: str, by: str = "", as_of: str = "") -> HTMLResponse:
        figures = {one.name: one for one in load_figures(project)[0]}
        if name not in figures:
            raise NotThere("no_figure", name, [("figures", one) for one in sorted(figures)])
        figure, signed = figures[name], counts.figures((SIGNED,))
        by = by if by in figure.file.by else next(iter(figure.file.by), "")
        counted, on, told, problem = FigureCounted(None), None, [signed], None
        try:
            found: Figures = counts.found(("figure", as_of), partial(stand, as_of))
            told, on = [signed, found], found.rows[0]
            counted = work.ask(figure, by or None, on, load_all(project)[0], request.state.visitor.name)
        except ConfigError as error:
            problem = error
        return pages.render(
            request, "figure.html", told=told, figure=figure, by=by, as_of=as_of, on=on, signed=signed.rows[0],
            rows=counted.rows, problem=problem or counted.error, bars=bars(figure, counted.rows),
            wanted=wanted(figure, by, on, counted.rows), reached=partial(reached, figure),
            v=lambda value: written(value, language(request)), said=_said(project, language(request)),
        )  # fmt: skip

    return routes


def _said(project: Path, lang: Language) -> Callable[[Any], Any]:
    """Give what columns, rows and ways to count are called in a language; a name that has no words is itself."""
    try:
        words = load_words(project)
    except ConfigError:  # which `connector check` tells
        words = {}
    return lambda name: words[name].model_dump()[lang] if isinstance(name, str) and name in words else name


def bars(figure: Figure, found: FigureRows | None) -> list[FigureBar]:
    """Give what the chart draws: the declared column of the first rows."""
    if found is None or figure.file.chart not in found.columns:
        return []
    at = found.columns.index(figure.file.chart)
    values = [(str(row[0]), row[at], max(float(row[at] or 0), 0.0)) for row in found.rows[:MOST_BARS]]
    most = max((length for _, _, length in values), default=0) or 1
    return [FigureBar(name, value, length / most) for name, value, length in values]


def reached(figure: Figure, found: FigureRows, row: tuple[Any, ...]) -> bool | None:
    """Tell whether a row reaches the target; None where the figure has none."""
    target = figure.file.target
    if target is None or target.column not in found.columns:
        return None
    value = row[found.columns.index(target.column)]
    return value is not None and float(value) >= target.at_least


def wanted(
    figure: Figure, by: str, on: FigureStand | None, found: FigureRows | None
) -> list[tuple[ReportedNumber, Any]]:
    """Give the numbers of the reports, each with what was found where this page counts just that."""
    day = on.at.astimezone(HO_CHI_MINH).date() if on else None
    told: list[tuple[ReportedNumber, Any]] = []
    for one in figure.file.wanted:
        same = found is not None and (figure.by(one.by) or "") == by and one.as_of == day
        told.append((one, _cell(found, one) if same and found else None))
    return told


def _cell(found: FigureRows, one: ReportedNumber) -> Any:
    at = found.columns.index(one.column)
    return next((row[at] for row in found.rows if str(row[0]) == one.row), None)


def written(value: Any, lang: Language) -> str:
    """Write a value of a figure as a reader of a language does.

    >>> [written(value, "vi") for value in (1797, Decimal("68.70"), 30.0, None, date(2024, 2, 29), "laocai")]
    ['1.797', '68,7', '30', '–', '29/02/2024', 'laocai']
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "✓" if value else "–"
    if isinstance(value, int):
        return number(value, lang)
    if isinstance(value, float | Decimal):
        whole, _, rest = f"{value:.10f}".rstrip("0").rstrip(".").partition(".")
        signed = "-" if whole.startswith("-") else ""
        text = signed + number(abs(int(whole)), lang)
        return f"{text}{',' if lang == 'vi' else '.'}{rest}" if rest else text
    if isinstance(value, datetime | date):
        return value.strftime("%d/%m/%Y")
    return str(value)
