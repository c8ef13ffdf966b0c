"""reconcile --between: who differs between two datasets; keys and values only for a reason that is kept."""

from __future__ import annotations

from typing import Any

import typer

from pophub.commands.output import answer, print_json, print_table, talk
from pophub.commands.quarantine_access import connector_here, judging
from pophub.commands.shown import shown, typed
from pophub.commands.who import proven
from pophub.contracts.model import Connector
from pophub.domain.errors import ConfigError
from pophub.quarantine.steps import reveal
from pophub.reconcile.between import MOST_NAMED, Between, values_of
from pophub.reconcile.between import between as compare
from pophub.settings import Settings

MOST_SHOWN = 100


def between(stem: str | None, stems: tuple[str, str], reason: str, by: str, as_json: bool) -> None:
    """Compare two datasets and tell who differs; exit 1 where somebody does, or could not be compared."""
    if stem is not None or stems[0] == stems[1]:
        raise ConfigError(
            "cli.choice", "--between takes two datasets, and no third beside them",
            remedy="such as pophub reconcile --between portal.parties laocai.parties",
        )  # fmt: skip
    sides = (connector_here(stems[0]), connector_here(stems[1]))
    settings = Settings.load()
    found = compare(settings, *sides)
    seen = _revealed(settings, found, sides, reason, by) if reason and found.differing else []
    if as_json:
        print_json(found.as_json() | ({"seen": seen} if seen else {}))
    else:
        _tell(found, seen)
    if found.differing or found.repeated:
        raise typer.Exit(1)


def _revealed(
    settings: Settings, found: Between, sides: tuple[Connector, Connector], reason: str, by: str
) -> list[dict[str, Any]]:
    """Read keys and values of those that differ, once who sees them and why is on record."""
    with judging() as connection:
        who = proven(connection, by)

        def keep(stem: str, records: int) -> None:
            reveal(connection, stem, f"differences of {' and '.join(found.stems)}", records, reason, who)

        seen = values_of(settings, found, sides, keep, MOST_SHOWN)
    fields = sides[0].contract.fields
    for one in seen:
        pairs = [
            typed(fields, dict(zip(one["values"], side, strict=True)))
            for side in zip(*one["values"].values(), strict=True)
        ]
        one["values"] = {name: [pair[name] for pair in pairs] for name in one["values"]}
    return seen


def _tell(found: Between, seen: list[dict[str, Any]]) -> None:
    left, right = found.stems
    names = (
        "in both",
        "the same",
        "in both, but not once",
        f"only in {left}",
        f"only in {right}",
        f"without {', '.join(found.on)}",
    )
    row = (found.both, found.same, found.repeated, *found.only, sum(found.unnamed))
    print_table(f"{left} and {right}, by {', '.join(found.on)}", names, [row])
    for one in found.differing[:MOST_SHOWN]:
        answer.print(f"reconcile.altered: {one.thing} differs in {', '.join(one.fields)}", markup=False)
    for pair in seen:
        answer.print(" and ".join(pair["keys"]), markup=False)
        for name, (was, other) in pair["values"].items():
            answer.print(f"  {name}: {shown(was)} | {shown(other)}", markup=False)
    differ = len(found.differing) + found.left_out
    if differ > MOST_SHOWN:
        answer.print(f"{MOST_SHOWN} of {differ:,} shown; --json names {MOST_NAMED:,} at most", markup=False)
    if found.repeated:
        answer.print(
            f"{found.repeated:,} not compared: {' or '.join(found.stems)} has several records of them",
            markup=False,
        )
    if not differ:
        answer.print("what was compared is the same" if found.repeated else "what both hold is the same")
    elif not seen:
        talk.print('next: who must see keys and values gives a reason: --reason "letter 12" --by NAME')
