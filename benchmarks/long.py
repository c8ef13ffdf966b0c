"""`python -m benchmarks.long`: what grows with years of records, without a time limit.

Replay, deep reconciliation, rebuild, verification of the ledger, growth, memory of the whole way; each result is
checked, a wrong one ends the run. What is done is written to build/bench-long.json after each measure; with `--only`, the
other parts of an earlier run of the same size stay there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks import long_hub, long_ledger, long_past, source
from benchmarks.figures import OUT as SHORT
from benchmarks.hubs import drop_database, fresh_hub, servers
from benchmarks.long_child import Measured, measured
from benchmarks.meter import Meter
from pophub.settings import Settings

OUT = SHORT.with_name("bench-long.json")
PARTS = ("replay", "reconcile", "verify", "growth", "memory")
COSTS = (
    "replay",
    "reconcile_hundredth",
    "reconcile_tenth",
    "reconcile",
    "rebuild",
    "ledger_written",
    "checkpoint",
    "verify",
)
BEHIND = 100  # of so many rows, one comes after the checkpoint


@dataclass
class Figures:
    """What was measured so far; written to the file whenever something is added."""

    found: dict[str, Any]
    begun: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Tell the progress, with the seconds since the start."""
        print(f"{time.monotonic() - self.begun:7,.0f} s  {text}", file=sys.stderr, flush=True)

    def add(self, name: str, value: Any) -> None:
        """Note a measure."""
        self.found[name] = value
        self.found["load"] = [round(one, 1) for one in os.getloadavg()]
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps(self.found, indent=2) + "\n")
        self.say(f"{name}: {json.dumps(value)}")

    def measure(self, name: str, number: int, work: Callable[..., Any], own: Settings, *given: Any) -> None:
        """Run a measure in a process of its own; note seconds, CPU seconds with the servers', peak memory."""
        with Meter(own, own.endpoints.database) as meter:
            done = measured(work, own, *given)
        told = done.result if isinstance(done.result, dict) else {"rows": number}
        self.add(name, told | _cost(done, number, meter.ran.cpu_s))


def _cost(done: Measured, number: int, servers_cpu_s: dict[str, float]) -> dict[str, Any]:
    cpu_s = {"own": done.cpu_s, **servers_cpu_s}
    return {
        "seconds": round(done.seconds, 2),
        "per_s": round(number / done.seconds),
        "cpu_s": {name: round(seconds, 2) for name, seconds in cpu_s.items()},
        "peak_mb": round(done.peak_mb),
    }


def main() -> int:
    """Measure, print a table, write build/bench-long.json."""
    asked = _asked()
    ledger = max(asked.ledger // 8, BEHIND) * 8
    wanted = {"version": 2, "rows": asked.rows, "ledger": ledger, "cores": os.cpu_count()}
    figures = Figures(_before(wanted) if asked.only else wanted)
    with servers() as settings:
        os.environ["POPHUB_SOURCE_BENCH_URL"] = source.source_url(settings)
        parts = set(asked.only or PARTS)
        if parts & {"verify", "growth"}:
            _ledger(figures, settings, ledger, parts)
        if parts & {"replay", "reconcile"}:
            _records(figures, settings, asked.rows, parts)
        if "memory" in parts:
            _memory(figures, settings, asked.memory)
    print(json.dumps(figures.found) if asked.json else table(figures.found))
    return 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="records reconciled; a tenth is replayed")
    parser.add_argument("--ledger", type=int, default=10_000_000, help="rows of the ledger verified")
    parser.add_argument("--memory", type=int, default=10_000_000, help="records carried to see the memory")
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; may be repeated")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, no table")
    return parser.parse_args()


def _before(wanted: dict[str, Any]) -> dict[str, Any]:
    """Give what an earlier run of the same size found, else nothing but the size."""
    found: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {}
    return found if all(found.get(name) == value for name, value in wanted.items()) else wanted


def _records(figures: Figures, settings: Settings, rows: int, parts: set[str]) -> None:
    sizes = {rows // 100: "reconcile_hundredth", rows // 10: "reconcile_tenth", rows: "reconcile"}
    for number, (size, name) in enumerate(sizes.items()):
        replayed = "replay" in parts and name == "reconcile_tenth"
        if not size or not (replayed or "reconcile" in parts):
            continue
        figures.say(f"making a source of {size:,} rows")
        measured(long_hub.make, settings, size)
        if replayed:
            _replay(figures, settings, size)
        if "reconcile" in parts:
            own, stem = fresh_hub(settings, number), f"bench.people{number}"
            figures.say(f"carrying {size:,} records through the pipeline")
            figures.say(f"carried in {long_hub.carry(own, stem, size)[0]:,.1f} s")
            figures.measure(name, size, long_hub.reconcile, own, stem, size)
            if name == "reconcile":
                figures.measure("rebuild", size, long_hub.rebuild, own, stem, size)


def _memory(figures: Figures, settings: Settings, rows: int) -> None:
    """Carry a hundredth, a tenth and all of so many records; note the most memory that each process held."""
    found = []
    for size in (rows // 100, rows // 10, rows):
        figures.say(f"making a source of {size:,} rows")
        measured(long_hub.make, settings, size)
        own, stem = fresh_hub(settings, f"m{size}"), f"bench.peoplem{size}"
        figures.say(f"carrying {size:,} records through the pipeline")
        seconds, worked = long_hub.carry(own, stem, size)
        long_hub.carried_whole(own, stem, size)
        peaks = {one.name: round(one.peak_mb) for one in worked}
        found.append({"records": size, "seconds": round(seconds, 1), "per_s": round(size / seconds), "peak_mb": peaks})  # fmt: skip
        figures.add("memory", found)
        drop_database(settings, own.endpoints.database)


def _replay(figures: Figures, settings: Settings, rows: int) -> None:
    own, stem = fresh_hub(settings, 8), "bench.people8"
    long_hub.defect(own, stem, mended=False)
    figures.say(f"filling the quarantine: {rows:,} records through a broken mapping")
    long_hub.carry(own, stem, rows)
    long_hub.defect(own, stem, mended=True)
    figures.measure("replay", rows, long_hub.replay, own, stem, rows)


def _ledger(figures: Figures, settings: Settings, rows: int, parts: set[str]) -> None:
    own = fresh_hub(settings, 9)
    signed = (rows - rows // BEHIND) // 8 * 8
    figures.found["how"] = long_past.HOW
    figures.measure("ledger_written", signed, long_past.fill, own, signed, rows)
    growth: dict[str, Any] = {}
    if "growth" in parts:
        growth |= measured(long_ledger.ask_uncounted, own, signed).result
    figures.measure("checkpoint", signed, long_ledger.sign, own)
    figures.say(f"writing {rows - signed:,} rows behind the checkpoint")
    measured(long_past.fill, own, rows, rows)
    if "growth" in parts:
        figures.add("growth", growth | measured(long_ledger.ask, own, signed, rows).result)
    if "verify" in parts:
        figures.measure("verify", rows, long_ledger.derive, own, rows)


def table(found: dict[str, Any]) -> str:
    """Write the figures for a person."""
    lines = [f"{'':<20}{'number':>12}{'seconds':>10}{'CPU s':>10}{'per second':>12}{'peak MB':>9}"]
    for name in (name for name in COSTS if name in found):
        one = found[name]
        number = one.get("versions") or one.get("records") or one["rows"]
        cost = f"{one['seconds']:>10,.1f}{sum(one['cpu_s'].values()):>10,.1f}{one['per_s']:>12,}{one['peak_mb']:>9,}"
        lines.append(f"{name.replace('_', ' '):<20}{number:>12,}{cost}")
    if "verify" in found:
        lines.append(f"verify: peak after a tenth of the rows {found['verify']['peak_mb_at_a_tenth']:,} MB")
    for one in found.get("memory", ()):
        peaks = ", ".join(f"{name} {peak:,} MB" for name, peak in one["peak_mb"].items())
        lines.append(f"memory, {one['records']:,} records in {one['seconds']:,.0f} s: {peaks}")
    for name, one in found.get("growth", {}).items():
        lines.append(f"growth, {name.replace('_', ' ')}: p50 {one['p50_s']:.3f} s, p95 {one['p95_s']:.3f} s")
    return "\n".join([*lines, *([f"the ledger's rows: {found['how']}"] if "how" in found else [])])


if __name__ == "__main__":
    sys.exit(main())
