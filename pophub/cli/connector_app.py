"""The commands `connector`."""

from __future__ import annotations

from typing import Annotated

import typer

from pophub.cli.arguments import Stem
from pophub.commands.arguments import DoneBy
from pophub.commands.output import JSON, errors_told

app = typer.Typer()
connector = typer.Typer(
    help="What agencies share: draft, try, check, score and list connectors.", no_args_is_help=True
)
app.add_typer(connector, name="connector")


@connector.command("check", epilog="Example: pophub connector check mps.citizens")
def connector_check(
    stem: Annotated[str | None, typer.Argument(help="Dataset; all when left out.")] = None,
    sources: Annotated[
        bool, typer.Option("--sources/--no-sources", help="Ask the sources themselves too.")
    ] = True,
    json: bool = JSON,
) -> None:
    """Cross-check connectors, schemas, suites, samples and subscriptions, and score each connector 0 to 100."""
    from pophub.commands.connectors import check

    with errors_told(json):
        check(stem, json, sources)


@connector.command("try", epilog="Example: pophub connector try moet.schools --rows 200")
def connector_try(
    stem: Stem,
    rows: Annotated[int, typer.Option(min=1, max=50_000, help="Read at most so many rows.")] = 1_000,
    since: Annotated[
        str | None, typer.Option(help="Read a table from this day or time of the marker on.")
    ] = None,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Show values of personal fields too.")
    ] = False,
    json: bool = JSON,
) -> None:
    """Read real rows, map and judge them, and show what a run would share and quarantine; nothing is shared or written."""
    from pophub.commands.trying import try_rows

    with errors_told(json):
        try_rows(stem, rows, since, show_values, json)


@connector.command("impact", epilog="Example: pophub connector impact moet.schools --last 5000")
def connector_impact(
    stem: Stem,
    last: Annotated[int, typer.Option(min=1, max=20_000, help="Look at so many accepted records.")] = 1_000,
    acknowledge: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Let it take what it takes from subscribers, from this day on."),
    ] = None,
    by: DoneBy = "",
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Show values of personal fields too.")
    ] = False,
    json: bool = JSON,
) -> None:
    """Hold changed files against what was accepted: which records would fail now, which subscribers lose what."""
    from pophub.commands.impact import show_impact

    with errors_told(json):
        show_impact(stem, last, acknowledge, by, show_values, json)


@connector.command(
    "new", epilog="Example: pophub connector new moet.schools --from POPHUB_SOURCE_MOET_URL --table truong"
)
def connector_new(
    name: Annotated[
        str, typer.Argument(help="Agency and dataset, such as moet.schools; with --all the agency.")
    ],
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="Variable that holds the address; an address without a password; a folder; https://HOST/PATH of an API; "
            "kafka://HOST:PORT/TOPIC.",
        ),
    ],
    table: Annotated[
        str | None,
        typer.Option(
            help="Table or view, with its schema; a topic; of a folder a pattern of names; of an API the path of its list."
        ),
    ] = None,
    like: Annotated[
        str | None, typer.Option(help="Take owner, promise and names from this connector.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Columns of the key, by commas.")] = None,
    marker: Annotated[
        str | None,
        typer.Option(
            help="Column that tells when a row was changed last; scan: there is none, all rows are read each time; "
            "wal: each change is read from PostgreSQL's log."
        ),
    ] = None,
    pages: Annotated[
        str | None,
        typer.Option(
            help="How an API's next page is asked for, as in a connector's file, where its answers do not prove it: "
            "{kind: number, parameter: page}; none: there is one page."
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Draft a connector for each table.")] = False,
    json: bool = JSON,
) -> None:
    """Look at a source and draft connector, schema, suite and samples, each guess with its reason; nothing is overwritten."""
    from pophub.commands.drafting import new

    with errors_told(json):
        new(name, source, table, like, key, marker, pages, every, json)


@connector.command("list", epilog="Example: pophub connector list --json")
def connector_list(json: bool = JSON) -> None:
    """List the connectors."""
    from pophub.commands.connectors import show

    with errors_told(json):
        show(json)
