"""The command of the stages without end."""

from __future__ import annotations

from typing import Annotated

import typer

from pophub.commands.output import errors_told

app = typer.Typer()


@app.command(epilog="Example: pophub stream mps.citizens --stages extract,judge,share")
def stream(
    stems: Annotated[
        list[str] | None, typer.Argument(metavar="[STEM]...", help="Datasets; all when left out.")
    ] = None,
    lanes: Annotated[str, typer.Option(help="Lanes, such as 0,1; all when left out.")] = "",
    stages: Annotated[str, typer.Option(help="Stages.")] = "extract,judge,share",
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes for sources, and as many for lanes; two for each processor."),
    ] = None,
) -> None:
    """Run extract, judge and share without end, beside or instead of the DAGs; Ctrl-C ends at a commit."""
    from pophub.commands.stream import run

    with errors_told():
        run(stems or [], lanes, stages, workers)
