"""The command line: `pophub NOUN VERB`. Exit codes: 0 done, 1 a promise broken, 2 wrong use, 3 cannot reach."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pophub.cli import (
    backfill_app,
    catalogue_app,
    connector_app,
    figures_app,
    ledger_app,
    live_app,
    obstacle_app,
    position_app,
    reconcile_app,
    stream_app,
    user_app,
)
from pophub.cli.quarantine_app import app as quarantine_app
from pophub.commands.arguments import refuse_secrets
from pophub.commands.output import JSON, errors_told, talk

app = typer.Typer(
    name="pophub",
    help="Agencies' databases to a national population database, through four gates, every share counted.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    epilog="Exit codes: 0 done, 1 a promise broken, 2 wrong use, 3 cannot reach, 130 interrupted.",
)
app.add_typer(connector_app.app)
app.add_typer(quarantine_app)
app.add_typer(obstacle_app.app)
ledger_app.register(app)
figures_app.register(app)
catalogue_app.register(app)
app.add_typer(live_app.app)
app.add_typer(backfill_app.app)
app.add_typer(position_app.app)
app.add_typer(reconcile_app.app)
app.add_typer(stream_app.app)
app.add_typer(user_app.app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"pophub {version('pophub')}")
        raise typer.Exit()


@app.callback()
def root(
    told: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Agencies' databases to a national population database, through four gates, every share counted."""


Fresh = Annotated[bool, typer.Option("--fresh", help="Forget all data and start anew.")]
Stem = Annotated[str, typer.Argument(help="Dataset, such as mps.citizens.")]


@app.command(epilog="Example: pophub up")
def up(fresh: Fresh = False) -> None:
    """Start the hub's servers and prepare them; leave them running with the data that is there."""
    from pophub.commands.servers import up as start

    with errors_told():
        start(fresh)


@app.command(epilog="Example: pophub down")
def down() -> None:
    """Stop everything that was started from this folder, also after a crash."""
    from pophub.runtime import hub
    from pophub.settings import Settings

    with errors_told():
        hub.stop(Settings.load())
        talk.print("stopped")


@app.command(epilog="Example: pophub status --json")
def status(json: bool = JSON) -> None:
    """Show servers (since when, how often started again), sources, lanes, and what is held up and what comes next."""
    from pophub.commands.servers import status as show

    with errors_told(json):
        show(json)


@app.command(epilog="Example: pophub top --every 5")
def top(
    every: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between two looks.")] = 2,
    once: Annotated[bool, typer.Option("--once", help="Look once, as where there is no terminal.")] = False,
    json: bool = JSON,
) -> None:
    """Watch how each dataset stands, in the terminal, until Ctrl-C: what does not add up first, then alerts, then what waits."""
    from pophub.commands.top import top as watch

    with errors_told(json):
        watch(every, once, json)


@app.command(epilog="Example: pophub doctor")
def doctor(json: bool = JSON) -> None:
    """Say what is wrong with this machine or the configuration, and how to mend it."""
    from pophub.commands.servers import doctor as examine

    with errors_told(json):
        examine(json)


@app.command(epilog='Example: eval "$(pophub env)"; psql -c "select * from hub.batch_summary"')
def env(json: bool = JSON) -> None:
    """Print shell exports with which psql and Kafka's own tools can look in."""
    from pophub.commands.servers import env as exports

    with errors_told(json):
        exports(json)


@app.command(epilog="Example: pophub simulate --step 2023")
def simulate(
    step: Annotated[str, typer.Option(help="2023, 2024 or today.")] = "today",
    seed: Annotated[int, typer.Option(help="Same seed, same data.")] = 1,
    scale: Annotated[float, typer.Option(min=0.1, max=1000, help="1 is about 15,000 records.")] = 1,
) -> None:
    """Let the simulated agencies' databases live through one step of history."""
    from pophub.commands.demo import simulate as apply

    with errors_told():
        apply(step, seed, scale)


@app.command(epilog="Example: pophub run mps.citizens")
def run(
    stem: Annotated[
        str | None, typer.Argument(help="Dataset; all when left out, mps.citizens first.")
    ] = None,
    json: bool = JSON,
) -> None:
    """Run extract, judge and share in this process, without Airflow."""
    from pophub.commands.flow import run as flow

    with errors_told(json):
        flow(stem, json)


@app.command(epilog="Example: pophub demo --once --json --seed 7")
def demo(
    once: Annotated[bool, typer.Option("--once", help="Print the report, stop everything and end.")] = False,
    fresh: Fresh = False,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the simulation; 1, or that of the data at hand.")
    ] = None,
    scale: Annotated[
        float | None, typer.Option(min=0.1, max=1000, help="Size; 1, or that of the data at hand.")
    ] = None,
    json: bool = JSON,
) -> None:
    """Start the servers, simulate the agencies, run every connector's DAG, and print one report."""
    from pophub.commands.demo import demo as show

    with errors_told(json):
        show(once=once, fresh=fresh, seed=seed, scale=scale, as_json=json)


@app.command(epilog="Example: pophub explain live.stale")
def explain(
    code: Annotated[str, typer.Argument(help="A code from an error, a page or the quarantine.")],
) -> None:
    """Say what a code means and what to do about it."""
    from pophub.commands.ledger import explain as tell

    with errors_told():
        tell(code)


@app.command(epilog="Example: pophub docs --check")
def docs(
    check: Annotated[bool, typer.Option("--check", help="Fail when a generated page is stale.")] = False,
) -> None:
    """Write the generated reference pages and the JSON Schema of connector files."""
    from pophub.commands.documents import write

    with errors_told():
        write(app, check)


def main() -> None:
    """Enter the program."""
    try:
        with errors_told():
            refuse_secrets(sys.argv[1:])
        code = app(standalone_mode=False)
    except KeyboardInterrupt:
        sys.exit(130)
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
    except typer.Abort:
        sys.exit(130)
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # wrong use, in click's own words
            error.show()
            sys.exit(2)
        raise
    sys.exit(code if isinstance(code, int) else 0)
