"""Hold each figure against the schemas: it runs over empty tables before it ever runs over records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from pophub.contracts.flaws import Flaws
from pophub.contracts.load import connector_paths, stem_at
from pophub.contracts.model import Connector
from pophub.contracts.strict_yaml import Place
from pophub.contracts.suite import nearest, refuse
from pophub.domain.errors import ConfigError
from pophub.figures.accepted import schema_of
from pophub.figures.declared import Figure, load_figures, load_words
from pophub.figures.engine import PARAMETERS, Engine, FigureNeeds
from pophub.figures.run import HUB_TABLES, FigureAsked, parameters

ANY_DAY = date(2024, 12, 31)


def check_figures(project: Path, connectors: Sequence[Connector]) -> list[ConfigError]:
    """Find everything that is wrong with a project's figures, with file and line.

    A figure that reads a dataset whose connector is broken waits for that to be mended.
    """
    figures, errors = load_figures(project)
    try:
        load_words(project)
    except ConfigError as error:
        errors += [error, *error.others]
    if not figures:
        return errors
    known = {one.stem: schema_of(one, one.contract.fields) for one in connectors} | HUB_TABLES
    broken = {stem_at(path) for path in connector_paths(project)} - known.keys()
    names = [*known, *{name for schema in known.values() for name in schema.names}]
    with Engine() as engine:
        for table, schema in known.items():
            engine.take(table, schema, ())
        for figure in figures:
            try:
                needs = engine.needs(figure)
                if not needs.tables & broken:
                    _check(engine, figure, needs, names)
            except ConfigError as error:
                errors += [error, *error.others]
    return errors


def _check(engine: Engine, figure: Figure, needs: FigureNeeds, names: list[str]) -> None:
    """Run a figure once for each thing that its rows may stand for."""
    file, document = figure.file, figure.document
    if odd := needs.parameters - PARAMETERS:
        what = f"there is no parameter ${min(odd)}: a figure has $by and $day"
        raise refuse("figure.parameter", what, document.where())
    if bool(file.by) != ("by" in needs.parameters):
        what = "by is declared and $by is not used" if file.by else "$by is used and by is not declared"
        raise refuse("figure.parameter", what, document.where("by"))
    columns: tuple[str, ...] = ()
    for by in file.by or (None,):
        columns = engine.ask(figure, parameters(engine, FigureAsked(figure, by), ANY_DAY), names).columns
    if len(set(columns)) < len(columns):
        raise refuse("figure.sql", "two of its columns have the same name", document.where())
    flaws = Flaws()
    named: dict[Place, str] = {("chart",): file.chart}
    named |= {("target", "column"): file.target.column} if file.target else {}
    named |= {("wanted", at, "column"): one.column for at, one in enumerate(file.wanted)}
    for place, name in named.items():
        if name not in columns:
            what = f"the figure has no column {name}{nearest(name, columns)}"
            flaws.add(refuse("config.value", what, document.where(*place)))
    flaws.tell()
