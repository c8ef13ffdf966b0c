"""The commands `live` and `alert`."""

from __future__ import annotations

from typing import Annotated

import typer

from pophub.commands.arguments import ByUser
from pophub.commands.output import JSON, errors_told

app = typer.Typer()
alert = typer.Typer(help="What is wrong, told once: list, close, look now.", no_args_is_help=True)
app.add_typer(alert, name="alert")


@app.command(epilog="Example: pophub live --json")
def live(json: bool = JSON) -> None:
    """Show the state of each source: alive, frozen, clock_wrong, offline, catching_up, held, silent, unknown."""
    from pophub.commands.live import live as show

    with errors_told(json):
        show(json)


@alert.command("list", epilog="Example: pophub alert list --all")
def alert_list(
    all_: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = 20,
    json: bool = JSON,
) -> None:
    """List open alerts, the newest first."""
    from pophub.commands.live import alert_list as show

    with errors_told(json):
        show(all_, limit, json)


@alert.command("close", epilog="Example: pophub alert close 12 --by Lan --yes")
def alert_close(
    number: Annotated[int, typer.Argument(help="Number of `pophub alert list`.")],
    by: ByUser,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; otherwise only say what would happen.")] = False,
) -> None:
    """Close an alert by hand: it opens again only after its cause was gone and came back."""
    from pophub.commands.live import alert_close as close

    with errors_told():
        close(number, by, yes)


@alert.command("watch", epilog="Example: pophub alert watch")
def alert_watch(json: bool = JSON) -> None:
    """Look once, as the DAG pophub_live does every five minutes: open, close and tell alerts."""
    from pophub.commands.live import alert_watch as watch

    with errors_told(json):
        watch(json)
