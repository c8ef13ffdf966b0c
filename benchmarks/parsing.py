"""How long the DAG factory takes over 700 connectors, in a process that has loaded Airflow, as its processor has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import idle
from pophub.settings import PROJECT

COUNT, TIMES = 700, 3
FIGURES = {"seconds": 2, "cpu_s": 2, "load_s": 2, "task_s": 3}
"""What is kept, and to how many digits."""


def measured(count: int = COUNT) -> dict[str, Any]:
    """Parse `dags/connectors.py` over so many connectors, each time in a process of its own.

    Units: seconds by the clock and of CPU, the median; `load_s` is the part of reading the declarations; `task_s` is what the
    process of one task takes, which needs its own DAG alone.
    """
    with tempfile.TemporaryDirectory(prefix="pophub-bench-parsing-") as folder:
        project = Path(folder)
        idle.write_project(project, count)
        environment = os.environ | {
            "AIRFLOW_HOME": str(project / "airflow"), "POPHUB_PROJECT": folder, "POPHUB_HOME": str(project / "home")
        }  # fmt: skip
        ran = [_parsed(environment) for _ in range(TIMES)]
    if {one["dags"] for one in ran} != {count}:
        raise RuntimeError(f"{ran[0]['dags']} DAGs of {count} connectors")
    return {"connectors": count} | middle(ran)


def middle(ran: Sequence[dict[str, float]]) -> dict[str, float]:
    """Give the median of each figure that was taken."""
    return {key: round(median(one[key] for one in ran), digits) for key, digits in FIGURES.items()}


def _parsed(environment: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.parsing"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _parse() -> dict[str, float]:
    """Run the file once in this process, after what Airflow's processor has loaded before it forks."""
    import airflow.providers.standard.operators.empty
    import airflow.sdk  # noqa: F401
    from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

    from pophub.contracts import load

    code = compile((PROJECT / "dags/connectors.py").read_text(), "connectors.py", "exec")
    spent = {"load_s": 0.0}
    plain = load.load_files

    def timed(*asked: Any) -> Any:
        begun = time.perf_counter()
        try:
            return plain(*asked)
        finally:
            spent["load_s"] += time.perf_counter() - begun

    load.load_files = timed
    names: dict[str, Any] = {"__name__": "benchmarks.parsing"}
    wall, cpu = time.perf_counter(), time.process_time()
    exec(code, names)
    spent |= {"seconds": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    begun = time.perf_counter()
    with _airflow_parsing_context_manager(dag_id="bench.idle000", task_id="extract"):
        exec(code, {"__name__": "benchmarks.parsing"})
    spent["task_s"] = time.perf_counter() - begun
    return spent | {"dags": sum(name.startswith("dag_") for name in names)}


if __name__ == "__main__":
    print(json.dumps(_parse()))
