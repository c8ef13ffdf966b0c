"""figures, pack: what the commands take; the work is in `pophub/commands/figures.py` and its neighbour `pack.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pophub.commands.arguments import DoneBy
from pophub.commands.output import JSON, errors_told

EXAMPLES = """Examples:

pophub figures

pophub figures tasks --by agency --as-of 2024-12-31

pophub figures sharing --by quarter --json

pophub figures --wanted
"""


def figures(
    name: Annotated[
        str | None, typer.Argument(help="Figure, such as tasks; all are listed when left out.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="What the rows stand for, such as agency or month.")] = None,
    as_of: Annotated[
        str,
        typer.Option(
            help="What was exchanged by the end of a day or by a time; #NUMBER of a checkpoint, or now."
        ),
    ] = "now",
    wanted: Annotated[
        bool,
        typer.Option(
            "--wanted", help="Compare what the reports say with what is found; exit 1 where it differs."
        ),
    ] = False,
    json: bool = JSON,
) -> None:
    """Count what the reports are made of from accepted records, as of a signed checkpoint; no figure names a person."""
    from pophub.commands.figures import compared, listed, told

    with errors_told(json):
        if wanted:
            compared(name, json)
        elif name is None:
            listed(json)
        else:
            told(name, by, as_of, json)


PACK = """Examples:

pophub pack --month 2025-01

pophub pack --month 2025-01 --agency laocai --out laocai-2025-01
"""


def pack(
    month: Annotated[str, typer.Option(help="Month that has ended, such as 2025-01.")],
    agency: Annotated[
        str, typer.Option(help="One agency's own pack, such as laocai; of all agencies when left out.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder to make; pack-MONTH or pack-MONTH-AGENCY when left out.")
    ] = None,
    by: DoneBy = "",
    json: bool = JSON,
) -> None:
    """Write the Working Group's monthly pack: a page with charts, a CSV of each figure, what changed, signed."""
    from pophub.commands.pack import make

    with errors_told(json):
        make(month, agency, out, by, json)


def register(root: typer.Typer) -> None:
    """Add the commands to the program."""
    root.command("figures", epilog=EXAMPLES)(figures)
    root.command("pack", epilog=PACK)(pack)
