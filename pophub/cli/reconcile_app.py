"""The commands reconcile and population; what they do is imported when they are called."""

from __future__ import annotations

from typing import Annotated

import typer

from pophub.commands.arguments import DoneBy
from pophub.commands.output import JSON, errors_told

app = typer.Typer()
population = typer.Typer(help="The population database: rebuild, history.", no_args_is_help=True)
app.add_typer(population, name="population")
YES = typer.Option(False, "--yes", help="Do it; without it, only say what would be done.")


RECONCILE = """Examples:

pophub reconcile mps.citizens --deep

pophub reconcile --between portal.parties laocai.parties

pophub reconcile --between portal.parties laocai.parties --reason "letter 12" --by Lan
"""


@app.command("reconcile", epilog=RECONCILE)
def reconcile(
    stem: Annotated[
        str | None, typer.Argument(help="Dataset, such as mps.citizens; none with --between.")
    ] = None,
    between: Annotated[
        tuple[str, str], typer.Option(help="Two datasets that hold the same things: names who differs.")
    ] = ("", ""),
    reason: Annotated[
        str, typer.Option(help="With --between, why you need to see keys and values; it is kept. Needs --by.")
    ] = "",
    deep: Annotated[
        bool, typer.Option("--deep", help="Derive also each subscriber's messages again, byte for byte.")
    ] = False,
    mend: Annotated[
        bool,
        typer.Option(
            "--mend", help="Bring in rows that came later than declared; fill again what others look up."
        ),
    ] = False,
    yes: bool = YES,
    by: DoneBy = "",
    json: bool = JSON,
) -> None:
    """Compare source, history, topics, population database and ledgers; name each record that differs."""
    from pophub.commands.between import between as compare_two
    from pophub.commands.reconcile import reconcile as compare

    with errors_told(json):
        if any(between):
            compare_two(stem, between, reason, by, json)
            return
        compare(stem, deep=deep, mend=mend, yes=yes, by=by, as_json=json)


@population.command("rebuild", epilog="Example: pophub population rebuild --into rebuilt --yes")
def rebuild(
    into: Annotated[str, typer.Option(help="The fresh schema to rebuild into.")],
    yes: bool = YES,
    json: bool = JSON,
) -> None:
    """Rebuild heads, citizens and identities from the shared topics alone; compare with the live ones."""
    from pophub.commands.reconcile import rebuild as build

    with errors_told(json):
        build(into, yes=yes, as_json=json)


@population.command("as-of", epilog="Example: pophub population as-of 2024-12-31 --stem mps.citizens")
def as_of(
    at: Annotated[str, typer.Argument(help="Time of exchange: a day (its end) or a time.")],
    key: Annotated[str | None, typer.Argument(help="One key; counts alone when left out.")] = None,
    stem: Annotated[str, typer.Option(help="Dataset.")] = "mps.citizens",
    known: Annotated[
        str | None, typer.Option("--known", help="As the hub knew it at this time; now when left out.")
    ] = None,
    json: bool = JSON,
) -> None:
    """Read a dataset's history as of any time."""
    from pophub.commands.reconcile import as_of as show

    with errors_told(json):
        show(at, key, stem=stem, known=known, as_json=json)


USAGE = """Examples:

pophub usage 001090000001

pophub usage 0101234573 --stem mof.taxpayers
"""


@app.command("usage", epilog=USAGE)
def usage(
    key: Annotated[
        str,
        typer.Argument(
            help="A citizen's number, an organisation's tax code, any other key, or an event id. As an argument it stays in the shell's history."
        ),
    ],
    stem: Annotated[str | None, typer.Option(help="Only this dataset.")] = None,
    json: bool = JSON,
) -> None:
    """Tell what became of each version of a record, and who was given it, when and why."""
    from pophub.commands.usage import usage as tell

    with errors_told(json):
        tell(key, stem, json)
