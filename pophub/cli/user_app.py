"""The commands user add, list and remove: people with a login of their own."""

from __future__ import annotations

from typing import Annotated

import typer

from pophub.commands.arguments import DoneBy
from pophub.commands.output import JSON, errors_told

app = typer.Typer()
user = typer.Typer(
    help="People with a login of their own: for the pages, and to propose and approve repairs.",
    no_args_is_help=True,
)
app.add_typer(user, name="user")
Name = Annotated[str, typer.Argument(help="Name of one person; letters, digits and . _ -")]
Role = Annotated[str, typer.Option(help="viewer sees pages, operator acts, auditor sees who revealed what.")]


@user.command("add", epilog="Example: pophub user add Lan")
def add(name: Name, role: Role = "operator", by: DoneBy = "", json: bool = JSON) -> None:
    """Add a user; the password is made, printed this once, and kept as a hash."""
    from pophub.commands import users as work

    with errors_told(json):
        work.add(name, role, by, json)


@user.command("list", epilog="Example: pophub user list --json")
def show(everyone: Annotated[bool, typer.Option("--all", help="Removed ones too.")] = False,
         json: bool = JSON) -> None:  # fmt: skip
    """List the users: who added them, and when."""
    from pophub.commands import users as work

    with errors_told(json):
        work.show(everyone, json)


@user.command("remove", epilog="Example: pophub user remove Lan")
def remove(name: Name, by: DoneBy = "", json: bool = JSON) -> None:
    """End a user's login; what the user proposed and approved stays."""
    from pophub.commands import users as work

    with errors_told(json):
        work.remove(name, by, json)
