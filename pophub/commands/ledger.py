"""ledger, explain."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

import typer
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from pophub.commands.output import answer, print_json, print_table, talk, writing
from pophub.domain.errors import ConfigError
from pophub.postgres import connect
from pophub.settings import Settings, secret_variable


def verify(as_json: bool) -> None:
    """Verify all chains and checkpoints; exit 1 when a row is not what was written."""
    from pophub.ledger.checkpoint import load
    from pophub.ledger.signing import public_key
    from pophub.ledger.verify import Evidence
    from pophub.ledger.verify import verify as derive
    from pophub.ledger.witness import Witness

    settings = Settings.load()
    witness = Witness(settings)
    with (
        closing(connect(settings, "pophub_owner")) as connection,
        Progress(SpinnerColumn(), TextColumn("verifying"), MofNCompleteColumn(), TimeElapsedColumn(), console=talk,
                 disable=not sys.stderr.isatty()) as bar,
    ):  # fmt: skip
        task = bar.add_task("rows", total=None)
        checkpoints = load(connection)
        due = checkpoints[-1].due if checkpoints else None
        key = public_key(settings, due) if checkpoints or witness.names() else None
        evidence = Evidence(checkpoints, key, witness)
        found = derive(connection, lambda rows: bar.advance(task, rows), evidence)
    if as_json:
        broken = [vars(b) for b in found.broken]
        print_json({"rows": found.rows, "checkpoints": found.checkpoints, "broken": broken})
    elif not found.broken:
        answer.print(
            f"{found.rows:,} rows verified: each is what was written; {found.checkpoints:,} checkpoints hold"
        )
    for b in [] if as_json else found.broken:
        place = f"{b.table}, lane {b.lane}, sequence {b.sequence}" if b.lane else f"{b.table} {b.sequence}"
        answer.print(f"ledger.broken: {place}: {b.what}", markup=False)
    if found.broken:
        raise typer.Exit(1)


def checkpoint(show: bool, as_json: bool) -> None:
    """Sign a checkpoint, or list them."""
    from pophub.ledger.checkpoint import load, make

    settings = Settings.load()
    if show:
        with closing(connect(settings, "pophub_read")) as connection:
            found = load(connection)
        if as_json:
            print_json({"checkpoints": [one.as_json() for one in found]})
            return
        rows = [(one.id, f"{one.at:%Y-%m-%d %H:%M:%S}", one.fingerprint[:16]) for one in found]
        print_table("Checkpoints", ("checkpoint", "signed (UTC)", "SHA-256"), rows)
        return
    made = make(settings)
    if as_json:
        print_json({**made.as_json(), "new": made.new, "public_key": made.public_key.hex()})
        return
    what = "signed" if made.new else "unchanged: nothing came since"
    answer.print(f"{what} checkpoint {made.id} of {made.at:%Y-%m-%d %H:%M:%S} UTC, {made.fingerprint[:16]}")
    answer.print(f"public key {made.public_key.hex()}: publish it where the database cannot change it")


def replace_key(yes: bool, as_json: bool) -> None:
    """Hand the ledger on to a new key."""
    from pophub.ledger.keys import replace_key as hand_on
    from pophub.ledger.signing import KEY

    if not yes:
        answer.print(
            "would make a new key that signs from now on, in one checkpoint signed by both; add --yes"
        )
        return
    settings = Settings.load()
    made = hand_on(settings)
    if as_json:
        keys = {"before": made.public_key.hex(), "public_key": made.due.hex()}
        print_json({"version": 1, **made.as_json(), **keys})
        return
    answer.print(f"checkpoint {made.id} is signed by both keys, {made.fingerprint[:16]}")
    answer.print(f"public key {made.due.hex()}: publish it where the database cannot change it")
    answer.print("keep a copy of secrets/ledger.ed25519 elsewhere; the one before signs nothing any more")
    if os.environ.get(variable := secret_variable(KEY)):
        answer.print(f"set {variable} to what secrets/ledger.ed25519 holds, on each machine that signs")


def export(period: str, out: Path, as_of: str, as_json: bool) -> None:
    """Write an evidence pack."""
    from pophub.commands.moments import checkpoint_of
    from pophub.ledger.export import export as write
    from pophub.ledger.periods import months_of

    months_of(period)
    settings = Settings.load()
    made = checkpoint_of(settings, as_of)
    with closing(connect(settings, "pophub_ledger")) as connection, writing(out):
        figures = write(connection, made, period, out)
    if as_json:
        print_json({**figures, "folder": str(out), "public_key": made.public_key.hex()})
        return
    answer.print(
        f"{out}: {figures['transactions']:,} share transactions of {period} as of checkpoint {made.id}"
    )
    answer.print(
        f"check it with: python {out / 'verify_pack.py'} --key {made.public_key.hex()}", markup=False
    )


def explain(code: str) -> None:
    """Print what a code means, in English and Vietnamese."""
    from difflib import get_close_matches

    from pophub.contracts.rule_codes import project_codes

    codes = project_codes(Settings.load().project)
    if code not in codes:
        near = get_close_matches(code, list(codes), 1)
        raise ConfigError(
            "cli.unknown_code",
            f"there is no code {code}",
            remedy=f"did you mean {near[0]}?" if near else "see docs/codes.md",
        )
    entry = codes[code]
    answer.print(f"{code}\n  {entry.en}\n  {entry.vi}\n  next: {entry.remedy}", markup=False)
