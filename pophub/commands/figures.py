"""figures: list them, answer one, compare all with what the reports say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import typer

from pophub.commands.choices import demand
from pophub.commands.moments import checkpoint_of, moment_of
from pophub.commands.output import answer, print_json, print_table, talk, tell
from pophub.contracts.load import load_all
from pophub.contracts.model import Connector
from pophub.domain.dates import HO_CHI_MINH
from pophub.figures import run
from pophub.figures.compare import ComparedNumber, compare
from pophub.figures.declared import Figure, figure_paths, load_figures
from pophub.figures.engine import FigureRows
from pophub.ledger.checkpoint import Checkpoint
from pophub.ledger.periods import moment
from pophub.settings import Settings

BAR = 30


def listed(as_json: bool) -> None:
    """List the figures of the project."""
    figures, errors = load_figures(Settings.load().project)
    if as_json:
        found = [
            {"figure": one.name, **one.file.model_dump(include={"title", "unit", "source", "by"})}
            for one in figures
        ]
        print_json({"figures": found})
    else:
        rows = [(one.name, one.file.title.en, one.file.title.vi, ", ".join(one.file.by)) for one in figures]
        print_table("Figures", ("figure", "title", "tên", "by"), rows, empty="none is declared")
    for error in errors:
        tell(error, as_json)
    if errors:
        raise typer.Exit(2)


def told(name: str, by: str | None, as_of: str, as_json: bool) -> None:
    """Answer one figure."""
    settings = Settings.load()
    figure = _figure(settings, name)
    if by is not None:
        demand(f"way to count {name} by", by, figure.file.by)
    connectors = load_all(settings.project)[0]
    checkpoint = _checkpoint(settings, as_of)
    at = moment_of(as_of, checkpoint)
    (found,) = run.answer(settings, connectors, [run.FigureAsked(figure, by)], checkpoint, at)
    if as_json:
        print_json(_document(figure, figure.by(by), found, checkpoint, at))
    else:
        _show(figure, figure.by(by), found, checkpoint, at)


def compared(name: str | None, as_json: bool) -> None:
    """Compare what the reports say with what is found."""
    settings = Settings.load()
    figures = [_figure(settings, name)] if name else load_figures(settings.project)[0]
    rows = compare_now(settings, figures, checkpoint_of(settings, "now"))
    if as_json:
        print_json({"wanted": [row._asdict() for row in rows]})
    else:
        print_wanted(rows)
    if not all(row.equal for row in rows):
        raise typer.Exit(1)


def compare_now(
    settings: Settings, figures: Sequence[Figure], checkpoint: Checkpoint
) -> list[ComparedNumber]:
    """Compare over all connectors of the project."""
    connectors: list[Connector] = load_all(settings.project)[0]
    return compare(settings, connectors, figures, checkpoint, datetime.now(UTC))


def print_wanted(rows: Sequence[ComparedNumber]) -> None:
    """Print what the reports say beside what is found."""
    shown = [
        (row.figure, row.row, row.column, row.as_of or "now", _number(row.wanted), _number(row.found),
         "equal" if row.equal else "DIFFERS")
        for row in rows
    ]  # fmt: skip
    columns = ("figure", "of", "", "as of", "wanted", "found", "")
    print_table("Figures of the reports: wanted and found", columns, shown, empty="none is declared")


def _checkpoint(settings: Settings, as_of: str) -> Checkpoint:
    """Give the checkpoint that is named; of a day or a time all that is there now, as it is signed now."""
    return checkpoint_of(settings, as_of if isinstance(moment(as_of), int) else "now")


def _figure(settings: Settings, name: str) -> Figure:
    """Give a figure by its name.

    Errors: `cli.choice` where no file declares it; what is wrong with its file.
    """
    demand("figure", name, [path.stem for path in figure_paths(settings.project)])
    figures, errors = load_figures(settings.project)
    for figure in figures:
        if figure.name == name:
            return figure
    raise next(error for error in errors if f"/{name}.sql" in error.where)


def _document(
    figure: Figure, by: str | None, found: FigureRows, checkpoint: Checkpoint, at: datetime
) -> dict[str, Any]:
    return {
        "figure": figure.name,
        **figure.file.model_dump(include={"title", "unit", "source", "target"}),
        "by": by,
        "as_of": at.isoformat(),
        "checkpoint": checkpoint.as_json(),
        "rows": [dict(zip(found.columns, map(_plain, row), strict=True)) for row in found.rows],
    }


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _show(figure: Figure, by: str | None, found: FigureRows, checkpoint: Checkpoint, at: datetime) -> None:
    """Print a figure as a table with bars, and what it stands on."""
    file, chart = figure.file, found.columns.index(figure.file.chart)
    values = [float(row[chart] or 0) for row in found.rows]
    most = max([*values, 0]) or 1
    target = None if file.target is None else found.columns.index(file.target.column)
    rows = [
        (
            *(_number(value) for value in row),
            "█" * round(BAR * max(value, 0) / most),
            *_reached(file.target, row, target),
        )
        for row, value in zip(found.rows, values, strict=True)
    ]
    names = (
        by or found.columns[0],
        *found.columns[1:],
        file.unit.en,
        *(() if target is None else ("reached",)),
    )
    print_table(f"{file.title.en} · {file.title.vi}", [name.replace("_", " ") for name in names], rows)
    if file.target is not None:
        answer.print(
            f"target: {file.target.column} of {file.target.at_least:g} by {file.target.due}", markup=False
        )
    answer.print(
        f"as of {at.astimezone(HO_CHI_MINH):%Y-%m-%d %H:%M}, checkpoint {checkpoint.id} signed "
        f"{checkpoint.at:%Y-%m-%d %H:%M:%S} UTC",
        markup=False,
    )
    talk.print(f"source: {file.source.en}", markup=False)


def _reached(target: Any, row: tuple[Any, ...], at: int | None) -> tuple[str, ...]:
    if at is None:
        return ()
    return ("yes" if row[at] is not None and float(row[at]) >= target.at_least else "no",)


def _number(value: Any) -> Any:
    """Write a number for a table: whole ones without a point.

    >>> _number(690.0), _number(57.04), _number(None)
    (690, 57.04, None)
    """
    if isinstance(value, float | Decimal):
        return int(value) if value == int(value) else float(value)
    return value
