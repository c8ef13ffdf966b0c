"""position reset: what a changed table, marker or key means, and the word of the person who wants it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from pophub.commands.output import answer, print_json
from pophub.commands.who import acting
from pophub.domain.errors import ConfigError
from pophub.postgres import connect

if TYPE_CHECKING:
    from pophub.stores.reading import Reset


def reset(stem: str, by: str, as_json: bool, *, dry: bool) -> None:
    """Say what a reset means, or do it."""
    from pophub.stores.reading import accepted
    from pophub.stores.reading import reset as forget
    from pophub.wiring import open_hub

    if not dry and not by.strip():
        raise ConfigError("cli.choice", "--by needs a name", remedy="pophub position reset --help")
    who = "" if dry else acting(by)
    with open_hub() as hub:
        connector = hub.connector(stem)
        with closing(connect(hub.settings, "pophub_read")) as connection:
            found = accepted(connection, connector)
        if not dry:
            with closing(connect(hub.settings, "pophub_extract")) as connection:
                forget(connection, connector, who)
    if as_json:
        print_json({"version": 1, "stem": stem, "done": not dry, **found._asdict()})
        return
    answer.print(f"{stem}: {found.changed or 'table, marker and key are as they were'}", markup=False)
    for line in meaning(found):
        answer.print(f"  {line}", markup=False)
    command = f"pophub run {stem}" if not dry else f"pophub position reset {stem} --by NAME --yes"
    answer.print(f"next: {command}", markup=False)


def meaning(found: Reset) -> list[str]:
    """Say what follows from a reset."""
    lines = ["the source is read again from its first row; files that were taken are not"]
    if found.versions:
        lines.append(
            f"{found.versions:,} versions stay accepted, the newest under marker {found.newest}: a row of a known "
            "key is accepted only under a higher one, and under a lower one it is superseded"
        )
    if "marker was" in found.changed:
        lines.append(
            "numbers of a sequence or scan are lower than times: from a time to these nothing of a known key "
            "passes, and another dataset is the way"
        )
    if "key was" in found.changed:
        lines.append("what was accepted under the old keys stays at every recipient beside the new ones")
    return lines
