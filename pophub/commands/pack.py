"""pack: write a month's pack, of all agencies or of one."""

from __future__ import annotations

from pathlib import Path

from pophub.commands.choices import demand_agency
from pophub.commands.output import answer, print_json, talk, writing
from pophub.commands.quarantine_access import when
from pophub.commands.who import acting
from pophub.figures.pack_files import SCRIPT, make_pack
from pophub.settings import Settings


def make(month: str, agency: str, out: Path | None, by: str, as_json: bool) -> None:
    """Write the pack, and say how its recipient checks it."""
    if agency:
        demand_agency(agency)
    who = acting(by)
    folder = out or Path("-".join(filter(None, ("pack", month, agency))))
    with writing(folder):
        made = make_pack(Settings.load(), month, folder, who, agency)
    if as_json:
        print_json({**made._asdict(), "folder": str(folder)})
        return
    said = "made" if made.changed else "the same as was made before"
    answer.print(
        f"{folder}: pack {made.pack} of {made.month} for {made.recipient}, {made.files} files as of checkpoint "
        f"{made.checkpoint}; {said} by {made.made_by} at {when(made.made_at)}",
        markup=False,
    )
    answer.print(f"check it with: python {folder / SCRIPT} --key {made.public_key}", markup=False)
    talk.print(f"next: open {folder / 'pack.html'} in a browser, and print it", markup=False)
