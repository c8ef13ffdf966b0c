"""The command backfill: read a source's past again."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from pophub.commands.arguments import DoneBy
from pophub.commands.output import JSON, answer, errors_told, print_json, talk

if TYPE_CHECKING:
    from pophub.settings import Settings

app = typer.Typer()


@app.command("backfill", epilog="Example: pophub backfill mps.citizens --since 2024-01-01T00:00 --yes")
def backfill(
    stem: Annotated[str, typer.Argument(help="Dataset, such as mps.citizens.")],
    since: Annotated[
        str | None,
        typer.Option(help="Time (or number) of change to begin at; the source's first when left out."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Where to end; the position when left out.")] = None,
    yes: bool = typer.Option(False, "--yes", help="Do it; without it, only say what would be done."),
    by: DoneBy = "",
    json: bool = JSON,
) -> None:
    """Read a source's past again, from a marker up to the position; one that was cut off goes on."""
    from pophub.commands.who import acting

    with errors_told(json):
        _backfill(stem, since, until, acting(by) if yes else "", as_json=json)


def _backfill(stem: str, since: str | None, until: str | None, by: str, *, as_json: bool) -> None:
    from pophub.commands.reconcile import moment
    from pophub.wiring import open_hub

    with open_hub() as hub:
        counted = hub.table(stem).file.source.marker.kind == "sequence"

        def marker(text: str | None) -> int | None:
            if text is None or (counted and text.isascii() and text.isdigit()):
                return None if text is None else int(text)
            return int(moment(text).timestamp() * 1_000_000)

        bounds = marker(since), marker(until)
        if not by:
            said = _foreseen(hub.settings, stem)
            talk.print(f"{said}; add --yes", markup=False)  # standard output is the document's
            return
        done = hub.backfill(stem, "by hand", *bounds, by)
    if as_json:
        print_json(done | {"by": by})
    else:
        resumed = ", going on where it was cut off" if done["resumed"] else ""
        answer.print(
            f"sent {done['rows']:,} rows to raw, by {by}{resumed}; next: pophub run {stem}", markup=False
        )


def _foreseen(settings: Settings, stem: str) -> str:
    """Say what a backfill would do.

    Errors: `backfill.nothing`.
    """
    from pophub.commands.quarantine_access import when
    from pophub.postgres import connect
    from pophub.stores.backfill import standing

    with closing(connect(settings, "pophub_read")) as connection:
        cut_off = standing(connection, stem)
    if cut_off is None:
        return f"would read {stem} again up to its position and send it to raw"
    began = when(cut_off.begun_at)
    by = f" by {', '.join(cut_off.by)}" if cut_off.by else ""
    return f"would go on with the backfill of {stem} begun {began}{by}, cut off after {cut_off.rows:,} rows"
