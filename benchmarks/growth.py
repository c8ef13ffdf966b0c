"""How the cost of a record grows: with records, fields (beside dlt), rules, partitions and workers."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import equality, figures, hubs, peers, source, workers
from benchmarks.rounds import SUBSCRIBER
from pophub.settings import Settings

CHECKS = ("control", "length", "visible")
OWN_RULES = len(json.loads((hubs.PROJECT / "expectations/bench/people.json").read_text())["expectations"])


@dataclass(frozen=True)
class Point:
    """One measure: so many records with so many more fields, rules for each of these, lanes, workers."""

    records: int = 30_000
    more_fields: int = 0
    rules_each: int = 1
    partitions: int = 2
    workers: int = 2

    @property
    def fields(self) -> int:
        """Columns of the source."""
        return len(source.COLUMNS) + self.more_fields

    @property
    def rules(self) -> int:
        """Rules of the suite."""
        return OWN_RULES + self.more_fields * self.rules_each


BASE = Point()
WARMING = replace(BASE, records=100_000)
"""As in the rounds: a broker that has just started still compiles what it does, and a hub's has long been running."""
WIDE = replace(BASE, more_fields=20, rules_each=0)
AXES: dict[str, tuple[Point, ...]] = {
    "records": tuple(replace(BASE, records=n) for n in (10_000, 30_000, 100_000)),
    "fields": tuple(replace(BASE, more_fields=n) for n in (0, 51, 191)),
    "rules": tuple(replace(WIDE, rules_each=n) for n in (0, 1, 3)),
    "partitions": tuple(replace(BASE, partitions=n, workers=min(n, 2)) for n in (1, 2, 4)),
    "workers": tuple(replace(BASE, partitions=4, workers=n) for n in (1, 2, 4)),
}


BESIDE = "fields"
"""The axis that is measured beside dlt's pyarrow backend, in interleaved rounds; each other point is one run."""


def measured(
    settings: Settings, rounds: int, keep: Callable[[dict[str, list[dict[str, Any]]]], None]
) -> None:
    """Measure every point; microseconds a record by the clock and of CPU, for each axis.

    All that is measured so far is handed to `keep` behind each point, so that a peer that fails at the next one
    takes nothing away.

    One run goes before, uncounted.

    Shape: a point beside dlt has its `dlt_wall_us`, `dlt_cpu_us`, and of the rounds `times_dlt`: how many times
    as fast pophub is, median, least and most.
    """
    hubs.say("one run that is not counted, for the broker")
    _make_source(settings, WARMING)
    _run(settings, WARMING, "warm")
    done: dict[Point, dict[str, Any]] = {}
    for axis in sorted(AXES, key=lambda axis: axis != BESIDE):
        for point in AXES[axis]:
            if point in done:
                continue
            name = f"growth{len(done)}"
            _make_source(settings, point)
            done[point] = (
                _beside(settings, point, name, rounds) if axis == BESIDE else _run(settings, point, name)
            )
            hubs.say(f"growth, {axis}: {getattr(point, axis):,}: {done[point]['wall_us']} us a record")
            if axes := _by_axis(done):
                keep(axes)


def _by_axis(done: dict[Point, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Give the measured points of each axis that has two, the fewest that show a growth."""
    axes = {
        axis: [{"value": getattr(point, axis)} | done[point] for point in points if point in done]
        for axis, points in AXES.items()
    }
    return {axis: points for axis, points in axes.items() if len(points) > 1}


def _make_source(settings: Settings, point: Point) -> None:
    source.make_source(settings, point.records, point.more_fields)
    os.environ["POPHUB_SOURCE_BENCH_URL"] = source.source_url(settings)


def _beside(settings: Settings, point: Point, name: str, rounds: int) -> dict[str, Any]:
    """Run pophub and dlt one after the other, so often; give medians, of memory the most."""
    ours, theirs = [], []
    for number in range(rounds):
        ours.append(_run(settings, point, f"{name}_{number}"))
        theirs.append(_dlt(settings, point, f"bench_{name}_{number}"))
    times = [t["wall_us"] / o["wall_us"] for t, o in zip(theirs, ours, strict=True)]
    return {
        "records": point.records,
        **{key: median(one[key] for one in ours) for key in ("wall_us", "cpu_us")},
        "peak_mb": max(one["peak_mb"] for one in ours),
        **{f"dlt_{key}": median(one[key] for one in theirs) for key in ("wall_us", "cpu_us")},
        "times_dlt": figures.spread(times),
    }


def _run(settings: Settings, point: Point, name: str) -> dict[str, Any]:
    """Carry the table through a hub of its own."""
    own = hubs.fresh_hub(settings, name, lambda project: _widen(project, point))
    stem = f"bench.people{name}"
    seconds, worked = workers.run(own, stem, point.partitions, workers=point.workers)
    equality.of_pophub(own, stem, point.partitions, SUBSCRIBER, point.records)
    hubs.drop_database(settings, own.endpoints.database)
    cost = _a_record(point, seconds, sum(w.cpu_s for w in worked))
    return {"records": point.records} | cost | {"peak_mb": round(max(w.peak_mb for w in worked))}


def _dlt(settings: Settings, point: Point, database: str) -> dict[str, float]:
    """Copy the same table with dlt's pyarrow backend."""
    hubs.make_database(settings, database)
    seconds, cpu_s, _ = peers.run(settings, "pyarrow", database)
    equality.of_peer(settings, database, source.more_columns(point.more_fields))
    hubs.drop_database(settings, database)
    return _a_record(point, seconds, cpu_s)


def _a_record(point: Point, seconds: float, cpu_s: float) -> dict[str, float]:
    return {
        "wall_us": round(seconds / point.records * 1e6, 1),
        "cpu_us": round(cpu_s / point.records * 1e6, 1),
    }


def _widen(project: Path, point: Point) -> None:
    """Give a project's copy more fields with their rules, and its number of lanes."""
    connector, schema, suite = (
        next(project.rglob(f"{folder}/bench/*")) for folder in ("connectors", "schemas", "expectations")
    )
    names = source.more_columns(point.more_fields)
    mapping = "".join(f"  {name}: {{from: {name}, text: trim}}\n" for name in names)
    text = re.sub(r"^lanes: \d+$", f"lanes: {point.partitions}", connector.read_text(), flags=re.M)
    connector.write_text(text.replace("\nkey: [", f"{mapping}\nkey: ["))
    record = json.loads(schema.read_text())
    record["fields"] += [
        {"name": name, "type": ["null", "string"], "doc": "more", "default": None} for name in names
    ]
    schema.write_text(json.dumps(record))
    rules = json.loads(suite.read_text())
    code = {"control": "clean.text.control", "length": "clean.text.length", "visible": "clean.name.empty"}
    rules["expectations"] += [
        {"type": "expect_text", "kwargs": {"column": name, "check": check}, "meta": {"gate": "clean", "code": code[check]}}
        for name in names
        for check in CHECKS[: point.rules_each]
    ]  # fmt: skip
    suite.write_text(json.dumps(rules))
