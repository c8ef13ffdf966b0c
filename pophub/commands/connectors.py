"""connector check and list."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from pophub.commands.choices import demand
from pophub.commands.output import answer, print_json, print_table, talk, tell
from pophub.contracts.load import connector_paths, load_all, stem_at
from pophub.domain.errors import ConfigError, PophubError
from pophub.figures.declared import figure_paths
from pophub.scoring.examine import examine
from pophub.scoring.findings import ASKS, WORTH, Scored, ScoreFinding
from pophub.settings import Settings


def check(stem: str | None, as_json: bool, sources: bool = True) -> None:
    """Tell every finding and the score of each connector; exit 2 where something must be mended."""
    settings = Settings.load()
    scores, others = examine(settings, stem, sources=sources)
    if stem is not None:
        demand("connector", stem, [one.stem for one in scores] or _stems(settings), "config.unknown_stem")
    if figure_paths(settings.project):
        from pophub.figures.check import check_figures  # DuckDB, which few commands need

        others += check_figures(settings.project, load_all(settings.project)[0])
    compared = _against_hub(settings, scores)
    wrong = [*others, *(found for one in scores for found in one.errors)]
    if as_json:
        print_json(
            {
                "findings": _findings(scores, others),
                "connectors": _scores(scores),
            }
        )
    else:
        _show_scores(scores, others, one=stem is not None, on=talk if wrong else answer)
        if not wrong:
            whole = "all connectors, schemas, suites and subscriptions are sound"
            answer.print(whole if stem is None else f"{stem} is sound, with schema, suite and samples")
            named = stem or "STEM"
            talk.print(f"next: `pophub connector try {named}`, `pophub run {named}` or a DAG run")
        if not compared:
            talk.print("the hub does not run: not compared with what it has read before")
    if wrong:
        raise typer.Exit(2)


def _stems(settings: Settings) -> list[str]:
    return [stem_at(path) for path in connector_paths(settings.project)]


def _told(error: PophubError) -> dict[str, Any]:
    return {
        "level": "error",
        "code": error.code,
        "what": error.what,
        "where": error.where,
        "remedy": error.remedy,
    }


def _findings(scores: list[Scored], others: list[ConfigError]) -> list[dict[str, Any]]:
    """Give all findings: errors first, those of connectors before what may follow from them elsewhere."""
    found = [{"stem": one.stem, **finding._asdict()} for one in scores for finding in one.findings]
    found += [_told(error) for error in others]
    return sorted(found, key=lambda one: one["level"] != "error")


def _scores(scores: list[Scored]) -> list[dict[str, Any]]:
    return [
        {"stem": one.stem, "score": one.score, "points": one.points, "unseen": sorted(one.unseen)}
        for one in scores
    ]


def _show_scores(scores: list[Scored], others: list[ConfigError], *, one: bool, on: Console) -> None:
    for scored in scores:
        for found in sorted(scored.findings, key=lambda found: found.level != "error"):
            _show_finding(found)
    for error in others:
        tell(error)
    if one:
        print_table(
            f"{scores[0].stem}: {scores[0].score} of 100",
            ("points", "", "of", "asked"),
            _bars(scores[0]),
            on=on,
        )
    else:
        names = ("connector", "score", *WORTH)
        rows = [(s.stem, s.score, *_shown_points(s)) for s in scores]
        print_table("Scores, of 100", names, rows, on=on)


def _shown_points(scored: Scored) -> list[Any]:
    return ["not seen" if part in scored.unseen else points for part, points in scored.points.items()]


def _bars(scored: Scored) -> list[tuple[Any, ...]]:
    return [
        (
            points,
            _bar(points, WORTH[part]),
            WORTH[part],
            ASKS[part] + ", not looked at" * (part in scored.unseen),
        )
        for part, points in scored.points.items()
    ]


def _bar(points: int, of: int) -> str:
    full = round(10 * points / of)
    return "█" * full + "░" * (10 - full)


def _show_finding(found: ScoreFinding) -> None:
    colour = "bold red" if found.level == "error" else "yellow"
    talk.print(f"[{colour}]{found.level}[/] [bold]{found.code}[/]: {escape(found.what)}", markup=True)
    talk.print(f"  where: {found.where}", markup=False)
    if found.remedy:
        talk.print(f"  next:  {found.remedy}", markup=False)


def _against_hub(settings: Settings, scores: list[Scored]) -> bool:
    """Find connectors that would read their source by something else than before; False where no hub runs."""
    from pophub.postgres import connect
    from pophub.stores.reading import Reading, known, redeclared

    if not (settings.home / "endpoints.json").exists() and "POPHUB_POSTGRES_HOST" not in os.environ:
        return False
    connectors = {one.stem: one for one in load_all(settings.project)[0]}
    try:
        with closing(connect(settings, "pophub_read")) as connection:
            for scored in scores:
                if scored.stem not in connectors:
                    continue
                before = known(connection, scored.stem)
                now = Reading.declared(connectors[scored.stem])
                if before is not None and before != now:
                    scored.err(redeclared(scored.stem, before, now), "versions")
    except PophubError:
        return False
    return True


def show(as_json: bool) -> None:
    """List connectors with what they read and by how many rules they are judged."""
    connectors, errors = load_all(Settings.load().project)
    rows = [
        (
            c.stem,
            c.file.title.en,
            c.file.source.kind,
            len(c.contract.fields),
            len(c.contract.rules),
            c.file.owner.name,
        )
        for c in connectors
    ]
    names = ("stem", "title", "source", "fields", "rules", "owner")
    if as_json:
        print_json({"connectors": [dict(zip(names, row, strict=True)) for row in rows]})
    else:
        print_table("Connectors", names, rows)
    for error in errors:
        tell(error)
