"""docs/performance.md can be written from a bench.json with every part: no part names a figure that none measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import growth, parsing, performance, performance_words

SPREAD = {"median": 2.0, "min": 1.5, "max": 2.5}
POINT = {"value": 30_000, "wall_us": 40.0, "cpu_us": 30.0, "peak_mb": 300}
BESIDE = POINT | {"dlt_wall_us": 80.0, "dlt_cpu_us": 70.0, "times_dlt": SPREAD}
LIMITS = dict.fromkeys(performance_words.LIMITS.values(), 1.5)
ROUNDS = {
    "machine": {"cores": 2, "memory_gb": 24, "python": "3.11.7", "at": "2026-11-28 19:07 UTC"},
    "rows": 100_000,
    "rounds": 3,
    "records_per_s": {"pophub": SPREAD, "dlt_pyarrow": SPREAD},
    "ratio_dlt_pyarrow": SPREAD,
    "waits": {"idle_percent": 12.5, "first_s": 0.31, "end_s": 0.12},
    "cpu_s": {"pophub": {"postgres": 1.5, "extract": 0.5}},
    "peak_memory_mb": {"pophub": {"postgres": 50.0}},
    "disk_bytes_per_record": {"pophub": {"database": 716.0, "raw.*": 82.1}},
    "wire_bytes_per_record": {"pophub": 1794.3},
}
PARTS: dict[str, Any] = {
    "costs": {
        "steps": [{"stage": stage, "step": step, "wall_us": 6.26, "cpu_us": 2.6} for stage, step in performance_words.STEPS],
        "recipients": {"recipients": 10, "cpu_us": {"send": 2.1}, "bytes": {"topic": 111.4, "ledger": 0.2}, "beyond_cpu_us": 1.6},
    },
    "incremental": {"changed": 1000, "rows": 100_000, "seconds": 1.5, "changed_per_s": 666.0},
    "latency": {
        "changes": 2999, "changes_per_s": 100,
        "latency_p50_s": 0.1, "latency_p95_s": 0.2, "latency_p99_s": 0.3, "latency_max_s": 0.4,
    },
    "growth": {"records": [POINT, POINT], growth.BESIDE: [BESIDE, BESIDE]},
    "idle": {
        "connectors_20": {"cpu_percent_of_a_core": 9.5, "memory_mb": 1_200, "new_s": 4.5},
        "cycle": {"airflow_s": 3.25, "bare_s": 1.25, "overhead_s": 2.0},
    },
    "first": {
        "one table": {
            "tables": 1, "rows": 200, "commands": 3, "lines_written": 0, "seconds": 9.5,
            "each_s": {"pophub up": 5.5, "pophub run": 4.0},
        },
    },
    "kinds": {
        "rows": 100_000, "kinds": {"sql": {"records_per_s": 50_000, "seconds": 2.0, "cpu_us": 18.5, "peak_mb": 300}},
    },
    "log": {
        "rows": 100_000, "rounds": 3, "ratio": SPREAD, "records_per_s": {"pophub": SPREAD, "debezium": SPREAD},
        "cpu_us": {"pophub": SPREAD, "debezium": SPREAD},
    },
    "parsing": {"connectors": 700}
    | parsing.middle([{"seconds": n, "cpu_s": n, "load_s": n, "task_s": n / 1000, "dags": 700} for n in (1, 2, 3)]),
}  # fmt: skip
PARTS["log"]["commits"] = {"pophub": PARTS["latency"], "debezium": PARTS["latency"]}


@pytest.fixture
def found() -> dict[str, Any]:
    """A made-up bench.json with every part that the page has words for."""
    parts = {name: PARTS[name] for name in performance_words.PARTS}
    return ROUNDS | parts | {"limits": {"us": LIMITS}}


def test_the_page_is_written_from_a_bench_with_every_part(
    found: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performance, "PROJECT", tmp_path)
    monkeypatch.setattr(performance, "PAGE", tmp_path / "performance.md")
    monkeypatch.setattr(performance, "CHART", tmp_path / "performance-growth.svg")
    performance.write(found)
    text = (tmp_path / "performance.md").read_text()
    titles = [title for title, _ in performance_words.PARTS.values()]
    assert [line[3:] for line in text.splitlines() if line.startswith("## ") and line[3:] in titles] == titles
    assert "pophub's snapshot is 2.00 times as fast (1.50 to 2.50); 2,999 commits" in text
    assert (tmp_path / "performance-growth.svg").read_text()
    assert "700 connectors in 2.00 s, 2.00 s of CPU; 2.00 s of them" in text and ": 0.002 s." in text


@pytest.mark.parametrize("part", sorted(performance_words.PARTS))
def test_of_a_part_that_was_not_measured_nothing_is_said(found: dict[str, Any], part: str) -> None:
    title, words = performance_words.PARTS[part]
    left = performance.page({name: value for name, value in found.items() if name != part})
    assert f"## {title}\n" not in left and words.splitlines()[0] not in left
    assert left.count("\n## ") == performance.page(found).count("\n## ") - 1
