"""The commands obstacle file, answer and list: what agencies raise from below."""

from __future__ import annotations

from typing import Annotated

import typer

from pophub.commands.arguments import ByUser
from pophub.commands.output import JSON, errors_told

app = typer.Typer()
obstacle = typer.Typer(
    help="What agencies raise from below: disputes of rejections, and obstacles; filed, answered, counted.",
    no_args_is_help=True,
)
app.add_typer(obstacle, name="obstacle")
FILE = """Examples:

pophub obstacle file laocai --kind funding --owner mof --what "no money for the archive" --by Lan

pophub obstacle file laocai --version 41 --what "the fee was lowered on that day" --by Lan
"""
ANSWER = 'Example: pophub obstacle answer 3 --outcome upheld --answer "the rule is mended" --by Minh'


@obstacle.command("file", epilog=FILE)
def file(agency: Annotated[str, typer.Argument(help="Agency that files it, such as laocai.")],
         what: Annotated[str, typer.Option(help="What stands in the way; no number of a person.")], by: ByUser,
         version: Annotated[int | None, typer.Option(help="Rejected version that is disputed, as quarantine list numbers it.")] = None,
         kind: Annotated[str, typer.Option(help="legal_basis, funding, technical, people or other; of a dispute it is not asked for.")] = "other",
         owner: Annotated[str, typer.Option(help="Agency that is to answer, or hub: those who keep the hub.")] = "hub",
         json: bool = JSON) -> None:  # fmt: skip
    """File an obstacle of an agency, or dispute the rejection of one of its records."""
    from pophub.commands import obstacle as work

    with errors_told(json):
        work.file(agency, what, by, version, kind, owner, json)


@obstacle.command("answer", epilog=ANSWER)
def answer(number: Annotated[int, typer.Argument(help="Obstacle, as listed.")],
           outcome: Annotated[str, typer.Option(help="upheld: the agency is right; or declined.")],
           answer: Annotated[str, typer.Option(help="The answer; no number of a person.")], by: ByUser,
           json: bool = JSON) -> None:  # fmt: skip
    """Answer an obstacle that another person filed."""
    from pophub.commands import obstacle as work

    with errors_told(json):
        work.answer_one(number, outcome, answer, by, json)


@obstacle.command("list", epilog="Example: pophub obstacle list --agency laocai --all")
def show(agency: Annotated[str | None, typer.Option(help="Agency; all when left out.")] = None,
         everything: Annotated[bool, typer.Option("--all", help="Answered ones too.")] = False,
         json: bool = JSON) -> None:  # fmt: skip
    """List open obstacles, the oldest first: age, owner, who filed them."""
    from pophub.commands import obstacle as work

    with errors_told(json):
        work.show(agency, everything, json)
