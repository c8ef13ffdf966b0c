"""growth, ledger: what the commands of the ledger take; the work is in `figures`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pophub.commands.output import JSON, errors_told
from pophub.domain.errors import ConfigError

if TYPE_CHECKING:
    from pophub.ledger.periods import By

app = typer.Typer(help="The ledger of share transactions: sign, verify, export.", no_args_is_help=True)
PERIODS, FORMATS = ("year", "quarter", "month"), ("text", "csv", "json", "svg")
AsOf = Annotated[
    str, typer.Option(help="A day (its end in Asia/Ho_Chi_Minh), a time, #NUMBER of a checkpoint, or now.")
]


def _one_of(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(
            "cli.choice",
            f"{option} takes {', '.join(choices)}, not {value}",
            remedy="see the command's --help",
        )


@app.command("verify", epilog="Example: pophub ledger verify")
def verify(json: bool = JSON) -> None:
    """Derive each lane's chain again, check the signed checkpoints, and name the first row that differs."""
    from pophub.commands.ledger import verify as derive

    with errors_told(json):
        derive(json)


@app.command("checkpoint", epilog="Example: pophub ledger checkpoint")
def checkpoint(
    show: Annotated[
        bool, typer.Option("--list", help="List the checkpoints instead of signing one.")
    ] = False,
    json: bool = JSON,
) -> None:
    """Sign the present heads of all lanes; unchanged where nothing came since the last checkpoint."""
    from pophub.commands.ledger import checkpoint as sign

    with errors_told(json):
        sign(show, json)


@app.command("replace-key", epilog="Example: pophub ledger replace-key --yes")
def replace_key(
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without it only say what would be done.")
    ] = False,
    json: bool = JSON,
) -> None:
    """Make a new key for checkpoints; one checkpoint, signed by the old key and the new one, says so."""
    from pophub.commands.ledger import replace_key as hand_on

    with errors_told(json):
        hand_on(yes, json)


@app.command("export", epilog="Example: pophub ledger export --period 2024 --out evidence-2024")
def export(
    period: Annotated[str, typer.Option(help="2024, 2024-Q2 or 2024-05.")],
    out: Annotated[Path | None, typer.Option(help="New folder; evidence-PERIOD when left out.")] = None,
    as_of: AsOf = "now",
    json: bool = JSON,
) -> None:
    """Write an evidence pack that anyone checks with the script inside it; it names no person."""
    from pophub.commands.ledger import export as write

    with errors_told(json):
        write(period, out or Path(f"evidence-{period}"), as_of, json)


def growth(
    by: Annotated[str, typer.Option(help="year, quarter or month.")] = "year",
    as_of: AsOf = "now",
    against: Annotated[
        str | None, typer.Option(help="List the rows that this later moment has in addition.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Only this dataset, such as mps.citizens.")] = None,
    agency: Annotated[str | None, typer.Option(help="Only datasets of this agency.")] = None,
    recipient: Annotated[str | None, typer.Option(help="Only this recipient, such as population.")] = None,
    format: Annotated[str, typer.Option(help="text, csv, json or svg (a chart).")] = "text",
    out: Annotated[Path | None, typer.Option(help="Write there instead of to standard output.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Rows listed by --against; 0 for all.")] = 20,
    json: bool = JSON,
) -> None:
    """Count share transactions by calendar period, from the ledger alone, as of a signed checkpoint."""
    from pophub.commands.growth import Wanted
    from pophub.commands.growth import growth as count

    with errors_told(json):
        _one_of("--by", by, PERIODS)
        _one_of("--format", format, FORMATS)
        chosen: By = by  # type: ignore[assignment]  # checked above
        shape = "json" if json else format
        count(Wanted(chosen, as_of, against, dataset, agency, recipient, shape, out, limit))


def register(root: typer.Typer) -> None:
    """Add the commands to the program."""
    root.command("growth", epilog="Example: pophub growth --by quarter --json")(growth)
    root.add_typer(app, name="ledger")
