"""The command backfill: read a source's past again."""

from __future__ import annotations

from typing import Annotated

import typer

from pophub.commands.output import JSON, answer, errors_told, print_json, talk

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
    json: bool = JSON,
) -> None:
    """Read a source's past again, from a marker up to the position; one that was cut off goes on."""
    with errors_told(json):
        _backfill(stem, since, until, yes=yes, as_json=json)


def _backfill(stem: str, since: str | None, until: str | None, *, yes: bool, as_json: bool) -> None:
    from pophub.commands.reconcile import moment
    from pophub.wiring import open_hub

    with open_hub() as hub:
        counted = hub.connector(stem).file.source.marker.kind == "sequence"

        def marker(text: str | None) -> int | None:
            if text is None or (counted and text.isascii() and text.isdigit()):
                return None if text is None else int(text)
            return int(moment(text).timestamp() * 1_000_000)

        bounds = marker(since), marker(until)
        if not yes:
            talk.print(  # standard output is the document's, where one was asked for
                f"would read {stem} again up to its position and send it to raw; add --yes", markup=False
            )
            return
        done = hub.backfill(stem, "by hand", *bounds)
    if as_json:
        print_json(done)
    else:
        resumed = ", going on where it was cut off" if done["resumed"] else ""
        answer.print(f"sent {done['rows']:,} rows to raw{resumed}; next: pophub run {stem}", markup=False)
