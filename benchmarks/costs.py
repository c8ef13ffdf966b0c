"""The cost sheet's figures: microseconds a record at each step, from a run that measures them."""

from __future__ import annotations

from typing import Any

from benchmarks import equality, hubs, recipients, workers
from benchmarks.rounds import LANES, SUBSCRIBER
from benchmarks.steps import Taken
from pophub.settings import Settings


def measured(settings: Settings, rows: int) -> dict[str, Any]:
    """Carry the table once more with every step measured; its time counts for no ratio.

    Shape: `steps` in the order of the way: stage, step, microseconds a record by the clock and of
    CPU, each summed over all workers. `unmeasured` names functions that were not found;
    `recipients` tells what each further recipient costs.
    """
    own, stem = hubs.fresh_hub(settings, "steps"), "bench.peoplesteps"
    seconds, worked = workers.run(own, stem, LANES, steps=True)
    equality.of_pophub(own, stem, LANES, SUBSCRIBER, rows)
    hubs.drop_database(settings, own.endpoints.database)
    sums: dict[tuple[str, str], Taken] = {}
    for one in worked:
        for place, taken in one.steps.items():
            sums.setdefault(place, Taken()).add(taken.wall_s, taken.cpu_s)
    missing = sorted({path for one in worked for path in one.missing})
    for path in missing:
        hubs.say(f"not measured, for it is not there: {path}")
    return {
        "rows": rows,
        "seconds": round(seconds, 3),
        "steps": [
            {
                "stage": stage,
                "step": step,
                "wall_us": _us(taken.wall_s, rows),
                "cpu_us": _us(taken.cpu_s, rows),
            }
            for (stage, step), taken in sorted(sums.items(), key=lambda item: _place(item[0]))
        ],
        "unmeasured": missing,
        "recipients": recipients.measured(settings, rows),
    }


def _us(seconds: float, rows: int) -> float:
    return round(seconds / rows * 1e6, 2)


ORDER = (
    "connect", "read", "receive", "decode", "map", "digest", "look up", "judge", "decide", "encode", "build",
    "history", "upsert", "commit", "project", "send", "position", "ledger", "rest",
)  # fmt: skip


def _place(of: tuple[str, str]) -> tuple[int, int]:
    stage, step = of
    return ("extract", "judge", "share").index(stage), ORDER.index(step)


def lines(found: dict[str, Any]) -> list[str]:
    """Write the steps for a terminal."""
    out = ["", f"{'stage':<9}{'step':<10}{'us by the clock':>16}{'us of CPU':>11}"]
    for one in found["steps"]:
        out.append(f"{one['stage']:<9}{one['step']:<10}{one['wall_us']:>16.2f}{one['cpu_us']:>11.2f}")
    return [*out, "", recipients.table(found["recipients"])]
