"""catalogue: what the command takes; the work is in `pophub/commands/catalogue.py`."""

from __future__ import annotations

from typing import Annotated

import typer

from pophub.commands.output import JSON, errors_told

EXAMPLES = """Examples:

pophub catalogue --find "hoa don"

pophub catalogue mps.citizens
"""


def catalogue(
    stem: Annotated[
        str | None, typer.Argument(help="Dataset, such as mps.citizens; all are listed when left out.")
    ] = None,
    find: Annotated[
        str,
        typer.Option(
            help="Words of a title, a field, its meaning, a recipient or a figure; tone marks may be left out."
        ),
    ] = "",
    json: bool = JSON,
) -> None:
    """Tell what each dataset has and promises: fields, a sample of made-up values, freshness, recipients, figures."""
    from pophub.commands.catalogue import catalogue as tell

    with errors_told(json):
        tell(stem, find, json)


def register(root: typer.Typer) -> None:
    """Add the command to the program."""
    root.command("catalogue", epilog=EXAMPLES)(catalogue)
