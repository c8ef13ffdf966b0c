"""The commands position show, pass-gap, reset and take-loss: where judge stands on raw, and what is missing there."""

from __future__ import annotations

import typer

from pophub.cli.arguments import Stem
from pophub.commands.arguments import ByUser, DoneBy
from pophub.commands.output import JSON, answer, errors_told, print_json

app = typer.Typer()
position = typer.Typer(
    help="Where judge stands on raw, and offsets that retention took before it.", no_args_is_help=True
)
app.add_typer(position, name="position")


@position.command("show", epilog="Example: pophub position show mps.citizens")
def show(stem: Stem, json: bool = JSON) -> None:
    """Tell the gaps of a dataset: offsets of raw that are gone and were never judged."""
    with errors_told(json):
        _told(stem, "", json, dry=True)


@position.command("pass-gap", epilog="Example: pophub position pass-gap mps.citizens --by Lan --yes")
def pass_gap(
    stem: Stem,
    by: ByUser,
    yes: bool = typer.Option(False, "--yes", help="Do it; without it, only say what would be done."),
    json: bool = JSON,
) -> None:
    """Let judge go on behind a gap; `pophub backfill` brings what was lost there."""
    with errors_told(json):
        from pophub.commands.who import acting

        _told(stem, acting(by) if yes else "", json, dry=not yes)


@position.command("reset", epilog="Example: pophub position reset mps.citizens")
def reset(
    stem: Stem,
    by: DoneBy = "",
    yes: bool = typer.Option(False, "--yes", help="Do it; without it, only say what it means."),
    json: bool = JSON,
) -> None:
    """Take a changed table, marker or key, and read the source from its first row again."""
    from pophub.commands.position_reset import reset as change

    with errors_told(json):
        change(stem, by, json, dry=not yes)


@position.command(
    "take-loss", epilog='Example: pophub position take-loss mps.citizens --by Lan --why "disk 2 died" --yes'
)
def take_loss(
    stem: Stem,
    by: DoneBy = "",
    why: str = typer.Option("", "--why", help="What happened to the topic; kept with your name."),
    yes: bool = typer.Option(False, "--yes", help="Do it; without it, only say what is lost."),
    json: bool = JSON,
) -> None:
    """Let judge go on behind what raw lost, and the source send again what was not judged of it."""
    from pophub.commands.position_loss import take_loss as take

    with errors_told(json):
        take(stem, by, why, json, dry=not yes)


def _told(stem: str, by: str, as_json: bool, *, dry: bool) -> None:
    from pophub.wiring import open_hub

    with open_hub() as hub:
        gaps = hub.pass_gaps(stem, by, dry=dry)
    if as_json:
        print_json({"stem": stem, "gaps": [gap._asdict() for gap in gaps]})
        return
    for gap in gaps:
        verb = "lacks" if dry else "passed over"
        answer.print(
            f"raw.{stem}, lane {gap.lane}: {verb} offsets {gap.start} to {gap.end - 1}", markup=False
        )
    if not gaps:
        answer.print(f"raw.{stem}: no gap", markup=False)
    elif dry:
        answer.print(f"next: pophub position pass-gap {stem} --by NAME --yes", markup=False)
    else:
        answer.print(f"next: pophub backfill {stem} --yes", markup=False)
