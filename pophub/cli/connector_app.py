"""The commands `connector`."""

from __future__ import annotations

from typing import Annotated

import typer

from pophub.commands.output import JSON, errors_told

app = typer.Typer()
connector = typer.Typer(help="What agencies share: check, score and list connectors.", no_args_is_help=True)
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


@connector.command("list", epilog="Example: pophub connector list --json")
def connector_list(json: bool = JSON) -> None:
    """List the connectors."""
    from pophub.commands.connectors import show

    with errors_told(json):
        show(json)
