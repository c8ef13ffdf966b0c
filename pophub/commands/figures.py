"""growth, ledger verify, explain."""

from __future__ import annotations

import sys
from contextlib import closing

import typer
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pophub.commands.output import answer, print_json, print_table, talk
from pophub.domain.errors import ConfigError
from pophub.postgres import connect
from pophub.settings import Settings


def growth(by: str, as_json: bool) -> None:
    """Print share transactions by period."""
    from pophub.ledger.growth import growth as count

    with closing(connect(Settings.load(), "pophub_read")) as connection:
        rows = count(connection, by)  # type: ignore[arg-type]
    if as_json:
        print_json([row.as_json() for row in rows])
        return
    print_table(f"Share transactions by {by}", ("period", "transactions", "percent"),
                [(r.period, r.transactions, "" if r.percent is None else f"{r.percent:+}") for r in rows])  # fmt: skip


def verify(as_json: bool) -> None:
    """Verify all chains; exit 1 when a row is not what was written."""
    from pophub.ledger.verify import verify as derive

    with (
        closing(connect(Settings.load(), "pophub_owner")) as connection,
        Progress(SpinnerColumn(), TextColumn("verifying"), MofNCompleteColumn(), TimeElapsedColumn(), console=talk,
                 disable=not sys.stderr.isatty()) as bar,
    ):  # fmt: skip
        task = bar.add_task("rows", total=None)
        found = derive(connection, lambda rows: bar.advance(task, rows))
    if as_json:
        print_json({"rows": found.rows, "broken": [vars(b) for b in found.broken]})
    elif not found.broken:
        answer.print(f"{found.rows:,} rows verified: each is what was written")
    for b in [] if as_json else found.broken:
        answer.print(
            f"ledger.broken: {b.table}, lane {b.lane}, sequence {b.sequence}: {b.what}", markup=False
        )
    if found.broken:
        raise typer.Exit(1)


def explain(code: str) -> None:
    """Print what a code means, in English and Vietnamese."""
    from difflib import get_close_matches

    from pophub.domain.codes import CODES

    if code not in CODES:
        near = get_close_matches(code, list(CODES), 1)
        raise ConfigError(
            "cli.unknown_code",
            f"there is no code {code}",
            remedy=f"did you mean {near[0]}?" if near else "see docs/codes.md",
        )
    entry = CODES[code]
    answer.print(f"{code}\n  {entry.en}\n  {entry.vi}\n  next: {entry.remedy}", markup=False)
