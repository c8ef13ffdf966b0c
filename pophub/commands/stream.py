"""stream: the stages without end, in processes that are looked after."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Mapping

import typer

from pophub.commands.output import talk
from pophub.domain.errors import ConfigError
from pophub.gates.rules import preload
from pophub.streaming.supervise import Supervisor
from pophub.streaming.worker import parts
from pophub.wiring import open_hub

STAGES = ("extract", "judge", "share")


def run(stems: list[str], lanes: str, stages: str, workers: int | None) -> None:
    """Stream until a signal comes; exit 130 after Ctrl-C."""
    wanted, places = _stages(stages), _lanes(lanes)
    if "judge" in wanted:
        preload()  # before the hub is opened, so that the forks share its memory
    with open_hub() as hub:
        if not stems:
            for error in hub.broken:
                talk.print(f"left out: {error}", markup=False)
        chosen = list(dict.fromkeys(stems)) or list(hub.connectors)
        refuse_lanes({stem: hub.connector(stem).file.lanes for stem in chosen}, places)
        found = parts(hub, chosen, wanted, places, workers or 2 * (os.cpu_count() or 1))
        if not found:
            raise ConfigError(
                "cli.choice", "there is nothing to stream", remedy="see `pophub connector list`"
            )
        busy = {s for part in found for s in (*part.sources, *(stem for stem, _ in part.lanes))}
        at_work = [stem for stem in chosen if stem in busy]
        names = ", ".join(at_work) if len(at_work) < 6 else f"{len(at_work)} datasets"
        talk.print(f"streams {names}: {', '.join(wanted)}; {len(found)} processes; Ctrl-C ends", markup=False)
        ended_by = Supervisor(hub, found).run()
    if ended_by == signal.SIGINT:
        raise typer.Exit(130)


def refuse_lanes(lanes: Mapping[str, int], wanted: Collection[int] | None) -> None:
    """Refuse a lane that no dataset has; `lanes` tells how many each has.

    Errors: `cli.choice`.
    """
    most = max(lanes.values(), default=0)
    if lost := sorted(lane for lane in wanted or () if lane >= most):
        each = ", ".join(
            f"{stem} {'0' if number == 1 else f'0 to {number - 1}'}" for stem, number in lanes.items()
        )
        raise ConfigError(
            "cli.choice",
            f"no dataset has lane {', '.join(map(str, lost))}",
            remedy=f"lanes that there are: {each if len(lanes) < 10 else f'0 to {most - 1}'}",
        )


def _stages(text: str) -> list[str]:
    found = [name.strip() for name in text.split(",")]
    if wrong := [name for name in found if name not in STAGES]:
        raise ConfigError("cli.choice", f"--stages has no {wrong[0]!r}", remedy=f"some of {','.join(STAGES)}")
    return found


def _lanes(text: str) -> set[int] | None:
    if not text:
        return None
    if not all(part.strip().isascii() and part.strip().isdigit() for part in text.split(",")):
        raise ConfigError("cli.choice", "--lanes takes numbers, such as 0,1", remedy="pophub stream --help")
    return {int(part) for part in text.split(",")}
