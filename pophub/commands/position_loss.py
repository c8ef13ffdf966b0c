"""position take-loss: what raw lost, and the word of the person who takes it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pophub.commands.output import answer, print_json
from pophub.commands.who import acting
from pophub.domain.errors import ConfigError

if TYPE_CHECKING:
    from pophub.stores.loss import RawLoss


def take_loss(stem: str, by: str, why: str, as_json: bool, *, dry: bool) -> None:
    """Say what raw lost, or take it up.

    Errors: `raw.nothing_lost`; `cli.choice` without a reason.
    """
    from pophub.wiring import open_hub

    if not dry and not why.strip():
        raise ConfigError("cli.choice", "--why needs a reason", remedy="pophub position take-loss --help")
    who = "" if dry else acting(by)
    with open_hub() as hub:
        loss, untold = hub.take_loss(stem, who, why, dry=dry)
    if as_json:
        told = {name: value for name, value in loss._asdict().items() if name != "number"}
        print_json({"version": 1, "stem": stem, "done": not dry, **told, "deletes_untold": untold})
        return
    for line in meaning(stem, loss, untold):
        answer.print(line, markup=False)
    command = f"pophub position take-loss {stem} --why TEXT --yes" if dry else f"pophub run {stem}"
    answer.print(f"next: {command}", markup=False)


def meaning(stem: str, loss: RawLoss, untold: int) -> list[str]:
    """Say what is lost and what follows from taking it up."""
    lines = [
        f"raw.{stem}, lane {lane}: ends before offset {judged:,}, up to which it was judged"
        for lane, judged in sorted(loss.lanes.items())
    ]
    if loss.first is None:
        return [*lines, "all that was sent was judged: nothing is read again"]
    place = "its first row" if loss.since is None else f"the marker {loss.since}"
    lines += [
        f"{loss.batches:,} batches with {loss.rows:,} rows were sent and not judged whole, the first of them {loss.first}",
        f"the source is read again from {place} on, files from the first that was taken since; what was judged before "
        "comes as a duplicate, and what the source no longer has is lost: versions in between, rows and files removed",
    ]
    if untold:
        lines.append(
            f"{untold:,} keys may be gone at the source and cannot be told of: `pophub reconcile {stem}`"
        )
    return lines
