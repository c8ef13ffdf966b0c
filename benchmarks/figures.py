"""Rounds to figures: rates, ratios, microseconds a record of each stage, and a table of them."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.rounds import Round

OUT = Path("build") / "bench.json"
STAGES = ("extract", "judge", "share")
VERSION = 3


def summary(rows: int, rounds: list[Round]) -> dict[str, Any]:
    """Give the figures of the rounds as they are written to build/bench.json."""
    ways = list(rounds[0].ran)
    seconds = {way: [r.ran[way].seconds for r in rounds] for way in ways}
    found: dict[str, Any] = {"version": VERSION, "rows": rows, "rounds": len(rounds)}
    found["records_per_s"] = {way: spread([rows / s for s in seconds[way]]) for way in ways}
    for way in ways[1:]:
        pairs = zip(seconds[way], seconds["pophub"], strict=True)
        found[f"ratio_{way}"] = spread([theirs / ours for theirs, ours in pairs])
    found["waits"] = _waits(rounds)
    found["stages"] = {stage: _stage(stage, rounds) for stage in STAGES}
    ours = [sum(r.ran["pophub"].cpu_s[server] for server in ("postgres", "kafka")) for r in rounds]
    found["servers_cpu_us"] = round(median(ours) / rows * 1e6, 1)
    found["cpu_s"] = {way: _each(rounds, way, "cpu_s") for way in ways}
    found["peak_memory_mb"] = {way: _each(rounds, way, "peak_mb") for way in ways}
    found["disk_bytes_per_record"] = {way: _each(rounds, way, "disk_bytes", rows) for way in ways}
    found["wire_bytes_per_record"] = {
        way: round(median(r.ran[way].wire_bytes for r in rounds) / rows, 1) for way in ways
    }
    return found


def _waits(rounds: list[Round]) -> dict[str, float]:
    """Give the part of the cores' time in which they idle, in percent; when the first worker found its first block,
    and how long the last one was at work when another had ended, in seconds; the median of the rounds each.
    """
    idle, first, end = [], [], []
    for one in rounds:
        ran, workers = one.ran["pophub"], [w for w in one.worked if "judge" in w.stages]
        idle.append(100 - 100 * sum(ran.cpu_s.values()) / (ran.seconds * (os.cpu_count() or 1)))
        first.append(min(w.first_s for w in workers))
        end.append(max(w.settled for w in workers) - min(w.settled for w in workers))
    return {
        "idle_percent": round(median(idle), 1),
        "first_s": round(median(first), 2),
        "end_s": round(median(end), 2),
    }


def _each(rounds: list[Round], way: str, what: str, by: int = 1) -> dict[str, float]:
    """Give a figure of each process or place: the median of the rounds, of memory the most."""
    choose = max if what == "peak_mb" else median
    digits = 0 if what == "peak_mb" else 1 if by > 1 else 2
    names = list(getattr(rounds[0].ran[way], what))
    return {
        name: round(choose([getattr(r.ran[way], what).get(name, 0.0) for r in rounds]) / by, digits)
        for name in names
    }


def _stage(stage: str, rounds: list[Round]) -> dict[str, float]:
    """Give microseconds a record, by the clock and of the process's own CPU, over all its workers."""
    wall, cpu = [], []
    for one in rounds:
        parts = [w.stages[stage] for w in one.worked if stage in w.stages]
        records = sum(p.records for p in parts) or 1
        wall.append(sum(p.wall_s for p in parts) / records * 1e6)
        cpu.append(sum(p.cpu_s for p in parts) / records * 1e6)
    return {"wall_us": round(median(wall), 1), "cpu_us": round(median(cpu), 1)}


def message_bytes(found: dict[str, Any]) -> int:
    """Give the bytes of a subscriber's message, as it lies on disk."""
    return round(found["disk_bytes_per_record"]["pophub"]["sub.*"])


def spread(values: list[float]) -> dict[str, float]:
    """Give median, least and most."""
    return {"median": round(median(values), 3), "min": round(min(values), 3), "max": round(max(values), 3)}


def table(found: dict[str, Any]) -> str:
    """Write the figures of the rounds for a person."""
    lines = [f"{found['rows']:,} records of 9 fields, {found['rounds']} rounds: median (min to max)", ""]
    for way, rate in found["records_per_s"].items():
        low, high = f"{rate['min']:,.0f}", f"{rate['max']:,.0f}"
        lines.append(f"{way:<16} {rate['median']:>9,.0f} records/s  ({low} to {high})")
    lines.append("")
    for name in (key for key in found if key.startswith("ratio_")):
        one = found[name]
        lines.append(f"{name:<22} {one['median']:.2f}  ({one['min']:.2f} to {one['max']:.2f})")
    lines += ["", f"{'us a record':<12}{'by the clock':>14}{'CPU of the stage':>18}"]
    for stage, cost in found["stages"].items():
        lines.append(f"{stage:<12}{cost['wall_us']:>14.1f}{cost['cpu_us']:>18.1f}")
    lines.append(f"{'servers':<12}{'':>14}{found['servers_cpu_us']:>18.1f}")
    for title, key, form in (
        ("CPU seconds", "cpu_s", ",.1f"),
        ("peak memory, MB", "peak_memory_mb", ",.0f"),
        ("bytes on disk a record", "disk_bytes_per_record", ",.0f"),
    ):
        lines += ["", title]
        for way, parts in found[key].items():
            lines.append(
                f"  {way:<16}" + ", ".join(f"{name} {value:{form}}" for name, value in parts.items())
            )
    wire = ", ".join(f"{way} {value:,.0f}" for way, value in found["wire_bytes_per_record"].items())
    return "\n".join([*lines, "", f"bytes on the wire a record: {wire}"])
