"""What a hub with nothing to do costs: 20 and 200 connectors under Airflow; Airflow's own part of a cycle."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import hubs, source
from benchmarks.meter import cpu_s, family
from pophub import wiring
from pophub.commands.airflow_runs import Airflow
from pophub.gates.rules import preload
from pophub.runtime import hub as runtime
from pophub.runtime import places, processes
from pophub.settings import PROJECT, Settings

COUNTS = (20, 200)
SETTLE_S, WATCH_S, CYCLES = 45, 60, 5
NEVER = "0 0 29 2 *"
POPULATION = re.compile(r"^population:\n(?:  .*\n?)+", re.M)
"""Left out of the copies: one dataset alone may hold a citizen's field."""


def measured() -> dict[str, Any]:
    """Measure a hub with each number of connectors, over a minute in which no cycle is due."""
    found: dict[str, Any] = {"watched_s": WATCH_S}
    for count in COUNTS:
        hubs.say(f"a hub with {count} connectors and nothing to do")
        with _hub(count) as settings:
            stems = [f"bench.idle{number:03d}" for number in range(count)]
            with Airflow(settings) as airflow:
                airflow.wait_for_dags([stems[0], stems[-1]], 300)
                time.sleep(SETTLE_S)
                found[f"connectors_{count}"] = _watch(settings) | {
                    "new_s": _listed_s(settings, airflow, count)
                }
                if count == COUNTS[0]:
                    found["cycle"] = _cycles(settings, airflow, stems[0])
    return found


@contextmanager
def _hub(count: int) -> Iterator[Settings]:
    """Run PostgreSQL, Kafka and Airflow over a project of so many connectors on one empty table."""
    with tempfile.TemporaryDirectory(prefix="pophub-bench-idle-") as folder:
        project = Path(folder) / "project"
        write_project(project, count)
        os.environ |= {"POPHUB_PROJECT": str(project), "POPHUB_SCHEDULE": NEVER}
        os.environ.pop("POPHUB_SOURCE_BENCH_URL", None)  # that of other servers, and it would come first
        try:
            with hubs.servers() as settings:
                source.make_source(settings, 0)
                variable = f"POPHUB_SOURCE_BENCH_URL={source.source_url(settings)}\n"
                places.write_private(settings.home / "sources.env", variable)  # for Airflow's tasks too
                with wiring.open_hub(settings) as hub:
                    hub.prepare()
                yield runtime.start(settings, servers=("postgres", "kafka", "airflow"))
        finally:
            del os.environ["POPHUB_PROJECT"], os.environ["POPHUB_SCHEDULE"]


def write_project(project: Path, count: int) -> None:
    """Write a project whose connectors are the benchmark's, each with a dataset of its own."""
    for name in ("dags", "codes"):
        shutil.copytree(PROJECT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for number in range(count):
        _declare(project, number)


def _declare(project: Path, number: int) -> None:
    """Write one connector with its schema and suite; its own file last, as whoever adds one would."""
    name = f"idle{number:03d}"
    for path in sorted(hubs.PROJECT.rglob("*.*"), key=lambda path: path.suffix == ".yaml"):
        if path.parent.name == "subscriptions":
            continue
        text = path.read_text().replace("bench.people", f"bench.{name}").replace(": people", f": {name}")
        text = POPULATION.sub("", text)
        place = project / path.relative_to(hubs.PROJECT)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.with_name(path.name.replace("people", name)).write_text(text)


def _listed_s(settings: Settings, airflow: Airflow, count: int) -> float:
    """Add a connector to so many; give the seconds until Airflow lists its DAG."""
    begun = time.monotonic()
    _declare(settings.project, count)
    airflow.wait_for_dags([f"bench.idle{count:03d}"], 300)
    return round(time.monotonic() - begun, 1)


def _watch(settings: Settings) -> dict[str, Any]:
    """Give CPU in hundredths of one core, and memory, of everything that the hub runs."""
    before, begun = cpu_s(settings), time.monotonic()
    time.sleep(WATCH_S)
    share = (cpu_s(settings) - before) / (time.monotonic() - begun) * 100
    memory = processes.proportional_bytes(family(settings))
    return {"cpu_percent_of_a_core": round(share, 1), "memory_mb": round(memory / 2**20)}


def _cycles(settings: Settings, airflow: Airflow, stem: str) -> dict[str, Any]:
    """Compare an empty cycle under Airflow with the same three calls in a warm process.

    Errors: RuntimeError when a run fails.
    """
    taken = []
    for number in range(CYCLES + 1):
        begun = time.monotonic()
        airflow.trigger(stem, f"bench-{number}")
        while (state := airflow.state(stem, f"bench-{number}")) not in ("success", "failed"):
            time.sleep(0.05)
        taken.append(time.monotonic() - begun)
        if state == "failed":
            raise RuntimeError(f"an empty cycle of {stem} failed under Airflow")
    preload()
    bare = []
    with wiring.open_hub(settings) as hub:
        for _ in range(CYCLES + 1):
            begun = time.monotonic()
            wiring.run_all(hub, stem)
            bare.append(time.monotonic() - begun)
    with_airflow, without = median(taken[1:]), median(bare[1:])
    return {
        "cycles": CYCLES,
        "airflow_s": round(with_airflow, 2),
        "bare_s": round(without, 2),
        "overhead_s": round(with_airflow - without, 2),
    }
