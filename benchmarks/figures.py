"""Rounds to figures: rates, ratios, microseconds a record of each stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psutil

from benchmarks.workers import Worked
from pophub.runtime import processes
from pophub.settings import Settings

WAYS = ("pophub", "dlt_sqlalchemy", "dlt_pyarrow")
STAGES = ("extract", "judge", "share")


@dataclass
class Round:
    """What one round measured; seconds by way, memory in MB, CPU seconds of the servers."""

    seconds: dict[str, float] = field(default_factory=dict)
    worked: list[Worked] = field(default_factory=list)
    peers_mb: dict[str, float] = field(default_factory=dict)
    servers_cpu_s: float = 0.0


class Usage:
    """CPU seconds that the servers of a home spend from here on; backends that end meanwhile count."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._before = self._now()

    def _now(self) -> float:
        total = 0.0
        for process in processes.belonging(self._settings.home):
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            total += times.user + times.system + times.children_user + times.children_system
        return total

    def spent(self) -> float:
        """Give the CPU seconds since this was made."""
        return self._now() - self._before


def summary(rows: int, rounds: list[Round]) -> dict[str, Any]:
    """Give the figures of a run as they are written to build/bench.json."""
    ways = [way for way in WAYS if way in rounds[0].seconds]
    found: dict[str, Any] = {"version": 1, "rows": rows, "rounds": len(rounds)}
    found["records_per_s"] = {way: _spread([rows / r.seconds[way] for r in rounds]) for way in ways}
    for way in ways[1:]:
        found[f"ratio_{way}"] = _spread([r.seconds[way] / r.seconds["pophub"] for r in rounds])
    found["stages"] = {stage: _stage(stage, rounds) for stage in STAGES}
    found["servers_cpu_us"] = round(median(r.servers_cpu_s for r in rounds) / rows * 1e6, 1)
    peaks = {
        w.name: max(x.peak_mb for r in rounds for x in r.worked if x.name == w.name) for w in rounds[0].worked
    }
    peaks |= {way: max(r.peers_mb[way] for r in rounds) for way in ways[1:]}
    found["peak_memory_mb"] = {name: round(peak) for name, peak in peaks.items()}
    return found


def _stage(stage: str, rounds: list[Round]) -> dict[str, float]:
    """Give microseconds a record, by the clock and of the process's own CPU, over all its workers."""
    wall, cpu = [], []
    for one in rounds:
        parts = [w.stages[stage] for w in one.worked if stage in w.stages]
        records = sum(p.records for p in parts) or 1
        wall.append(sum(p.wall_s for p in parts) / records * 1e6)
        cpu.append(sum(p.cpu_s for p in parts) / records * 1e6)
    return {"wall_us": round(median(wall), 1), "cpu_us": round(median(cpu), 1)}


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": round(median(values), 3), "min": round(min(values), 3), "max": round(max(values), 3)}


def table(found: dict[str, Any]) -> str:
    """Write the figures for a person."""
    lines = [f"{found['rows']:,} records of 9 fields, {found['rounds']} rounds: median (min to max)", ""]
    for way, spread in found["records_per_s"].items():
        low, high = f"{spread['min']:,.0f}", f"{spread['max']:,.0f}"
        lines.append(f"{way:<16} {spread['median']:>9,.0f} records/s  ({low} to {high})")
    lines.append("")
    for name in ("ratio_dlt_sqlalchemy", "ratio_dlt_pyarrow"):
        if spread := found.get(name):
            lines.append(f"{name:<22} {spread['median']:.2f}  ({spread['min']:.2f} to {spread['max']:.2f})")
    lines += ["", f"{'us a record':<12}{'by the clock':>14}{'CPU of the stage':>18}"]
    for stage, cost in found["stages"].items():
        lines.append(f"{stage:<12}{cost['wall_us']:>14.1f}{cost['cpu_us']:>18.1f}")
    lines.append(f"{'servers':<12}{'':>14}{found['servers_cpu_us']:>18.1f}")
    memory = ", ".join(f"{name} {peak:,} MB" for name, peak in found["peak_memory_mb"].items())
    return "\n".join([*lines, "", f"peak memory: {memory}"])
