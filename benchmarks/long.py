"""`python -m benchmarks.long`: what grows with years of records, without a time limit.

Replay, deep reconciliation, verification of the ledger, growth; each result is checked, a wrong one
ends the run. What is done is written to build/bench-long.json after each measure.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks import long_hub, long_ledger, long_past, source
from benchmarks.figures import OUT as SHORT
from benchmarks.hubs import fresh_hub as _fresh_hub
from benchmarks.hubs import servers as _servers
from benchmarks.long_child import Measured, measured
from pophub.settings import Settings

OUT = SHORT.with_name("bench-long.json")


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


def main() -> int:
    """Measure, print a table, write build/bench-long.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="records reconciled; a tenth is replayed")
    parser.add_argument("--ledger", type=int, default=10_000_000, help="rows of the ledger verified")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, no table")
    asked = parser.parse_args()
    tenth, ledger = max(asked.rows // 10, 1), max(asked.ledger // 8, 1) * 8
    figures = Figures({"version": 1, "rows": asked.rows, "ledger": ledger, "cores": os.cpu_count()})
    figures.say("starting PostgreSQL and Kafka")
    with _servers() as settings:
        os.environ["POPHUB_SOURCE_BENCH_URL"] = source.source_url(settings)
        _source(figures, settings, tenth)
        _replay(figures, settings, 0, tenth)
        _reconcile(figures, settings, 1, tenth, "reconcile_tenth")
        _ledger(figures, settings, 2, ledger)
        _source(figures, settings, asked.rows)
        _reconcile(figures, settings, 3, asked.rows, "reconcile")
    print(json.dumps(figures.found) if asked.json else table(figures.found))
    return 0


def _source(figures: Figures, settings: Settings, rows: int) -> None:
    figures.say(f"making a source of {rows:,} rows")
    measured(long_hub.make, settings, rows)


def _cost(done: Measured, number: int) -> dict[str, float]:
    seconds = round(done.seconds, 2)
    return {"seconds": seconds, "per_s": round(number / done.seconds), "peak_mb": round(done.peak_mb)}


def _replay(figures: Figures, settings: Settings, hub: int, rows: int) -> None:
    own, stem = _fresh_hub(settings, hub), f"bench.people{hub}"
    long_hub.defect(own, stem, mended=False)
    figures.say(f"filling the quarantine: {rows:,} records through a broken mapping")
    long_hub.carry(own, stem)
    long_hub.defect(own, stem, mended=True)
    figures.say("replaying with the mended mapping")
    done = measured(long_hub.replay, own, stem, rows)
    figures.add("replay", done.result | _cost(done, rows))


def _reconcile(figures: Figures, settings: Settings, hub: int, rows: int, name: str) -> None:
    own, stem = _fresh_hub(settings, hub), f"bench.people{hub}"
    figures.say(f"carrying {rows:,} records through the pipeline")
    filled = long_hub.carry(own, stem)
    figures.say(f"carried in {filled:,.1f} s; reconciling, deep")
    done = measured(long_hub.reconcile, own, stem, rows)
    figures.add(name, done.result | _cost(done, rows))


def _ledger(figures: Figures, settings: Settings, hub: int, rows: int) -> None:
    own = _fresh_hub(settings, hub)
    figures.say(f"writing {rows:,} rows of the ledger; {long_past.HOW}")
    written = measured(long_past.fill, own, rows)
    figures.add("ledger_written", {"rows": written.result, "how": long_past.HOW} | _cost(written, rows))
    signed = measured(long_ledger.sign, own)
    figures.add("checkpoint", {"rows": rows} | _cost(signed, rows))
    figures.say("verifying")
    done = measured(long_ledger.derive, own, rows)
    figures.add("verify", done.result | _cost(done, rows))
    figures.say(f"asking for growth, {long_ledger.RUNS} times each")
    asked = measured(long_ledger.ask, own, rows)
    figures.add("growth", asked.result)


def table(found: dict[str, Any]) -> str:
    """Write the figures for a person."""
    lines = [f"{'':<18}{'number':>12}{'seconds':>10}{'per second':>12}{'peak MB':>9}"]
    for name in ("replay", "reconcile_tenth", "reconcile", "ledger_written", "checkpoint", "verify"):
        one = found[name]
        number = one.get("versions") or one.get("records") or one["rows"]
        cost = f"{one['seconds']:>10,.1f}{one['per_s']:>12,}{one['peak_mb']:>9,}"
        lines.append(f"{name.replace('_', ' '):<18}{number:>12,}{cost}")
    lines.append(f"verify: peak after a tenth of the rows {found['verify']['peak_mb_at_a_tenth']:,} MB")
    for name, one in found["growth"].items():
        lines.append(f"growth, {name.replace('_', ' ')}: p50 {one['p50_s']:.3f} s, p95 {one['p95_s']:.3f} s")
    return "\n".join([*lines, f"the ledger's rows: {found['ledger_written']['how']}"])


if __name__ == "__main__":
    sys.exit(main())
