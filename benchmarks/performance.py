"""docs/performance.md and its chart, written from build/bench.json: `python -m benchmarks --docs`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks import chart, growth, performance_words, recipients
from benchmarks.hubs import say
from pophub.settings import PROJECT

PAGE = PROJECT / "docs" / "performance.md"
CHART = PAGE.with_name("performance-growth.svg")
TRIED = PROJECT / "benchmarks" / "tried.md"
"""Written by hand: which tries to be faster gave what; the page ends with it."""
WAYS_OF_LOG = {"pophub": "pophub, kind `cdc`, to `raw`", "debezium": "Debezium, as JSON"}


def write(found: dict[str, Any]) -> None:
    """Write the page, and the chart where growth was measured."""
    if "growth" in found:
        CHART.write_text(chart.growth(found["growth"]))
    PAGE.write_text(page(found))
    say(f"wrote docs/{PAGE.name}")


def page(found: dict[str, Any]) -> str:
    """Give the page; of a part that was not measured it says nothing."""
    machine = found["machine"]
    head = performance_words.HEAD.format(
        **machine, rows=found["rows"], rounds=found["rounds"], rules=growth.OWN_RULES
    )
    parts = [head, _rates(found), _spent(found)]
    for key, give in (
        ("costs", _costs), ("incremental", _incremental), ("latency", _latency), ("growth", _growth), ("idle", _idle),
        ("first", _first), ("kinds", _kinds), ("log", _log), ("parsing", _parsing),
    ):  # fmt: skip
        if key in found:
            title, words = performance_words.PARTS[key]
            told = words.format(rules=growth.OWN_RULES, rounds=found["rounds"])
            parts.append(f"## {title}\n\n{told}\n{give(found)}")
    if TRIED.exists():
        parts.append(TRIED.read_text())
    return "\n".join(parts)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Write a table; all columns but the first are numbers, or but the first `texts`."""
    lines = [" | ".join(heads), " | ".join([*["---"] * texts, *["---:"] * (len(heads) - texts)])]
    lines += [" | ".join(row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def _rates(found: dict[str, Any]) -> str:
    rows = []
    for way, rate in found["records_per_s"].items():
        ratio = found.get(f"ratio_{way}")
        times = f"{ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f})" if ratio else ""
        spread = f"{rate['median']:,.0f} ({rate['min']:,.0f} to {rate['max']:,.0f})"
        rows.append((performance_words.WAYS[way], spread, times))
    return performance_words.RATES.format(rules=growth.OWN_RULES) + _table(
        ("way", "records a second", "pophub is so many times as fast"), rows
    )


def _spent(found: dict[str, Any]) -> str:
    rows = []
    for way in found["cpu_s"]:
        for process, cpu_s in found["cpu_s"][way].items():
            memory = found["peak_memory_mb"][way].get(process)
            rows.append((way, process, f"{cpu_s:.1f}", "" if memory is None else f"{memory:,.0f}"))
    disk = [
        (way, ", ".join(f"{place} {size:,.0f}" for place, size in places.items()), f"{found['wire_bytes_per_record'][way]:,.0f}")
        for way, places in found["disk_bytes_per_record"].items()
    ]  # fmt: skip
    return (
        performance_words.SPENT
        + _table(("way", "process", "CPU seconds", "peak memory, MB"), rows, texts=2)
        + (performance_words.WAITS.format(**found["waits"]) if "waits" in found else "")
        + performance_words.BYTES
        + _table(("way", "added on disk", "on the wire"), disk, texts=2)
    )


def _costs(found: dict[str, Any]) -> str:
    limits = found["limits"]["us"]
    rows = []
    for one in found["costs"]["steps"]:
        name = performance_words.LIMITS.get((one["stage"], one["step"]))
        beside = f"{name}: {limits[name]:.2f}" if name else ""
        words = performance_words.STEPS.get((one["stage"], one["step"]), "")
        rows.append(
            (f"{one['stage']}: {one['step']}", f"{one['wall_us']:.2f}", f"{one['cpu_us']:.2f}", beside, words)
        )
    total = [sum(one[key] for one in found["costs"]["steps"]) for key in ("wall_us", "cpu_us")]
    rows.append(
        (
            "**all**",
            f"**{total[0]:.1f}**",
            f"**{total[1]:.1f}**",
            "",
            "over all workers, which run side by side",
        )
    )
    lines = _table(("step", "us by the clock", "us of CPU", "limit, us", "what it does"), rows)
    others = ", ".join(f"{name} {value:.2f}" for name, value in limits.items())
    return (
        lines.replace("---: |\n", "--- |\n", 1)
        + f"\nAll limits measured, microseconds a record: {others}.\n"
        + f"\n{recipients.table(found['costs']['recipients'])}\n"
    )


def _incremental(found: dict[str, Any]) -> str:
    one = found["incremental"]
    return (
        f"{one['changed']:,} of {one['rows']:,} records changed: shared, counted and compared after "
        f"{one['seconds']:.2f} s ({one['changed_per_s']:,.0f} a second).\n"
    )


def _latency(found: dict[str, Any]) -> str:
    one = found["latency"]
    heads = ("changes", "a second", "p50, s", "p95, s", "p99, s", "most, s")
    keys = ("latency_p50_s", "latency_p95_s", "latency_p99_s", "latency_max_s")
    values = [f"{one['changes']:,}", str(one["changes_per_s"]), *(f"{one[key]:.3f}" for key in keys)]
    return _table(heads, [values])


def growth_table(found: dict[str, Any]) -> str:
    """Write what grows, to what, and the cost of a record there."""
    rows = [
        (axis, f"{p['value']:,}", f"{p['wall_us']:.1f}", f"{p['cpu_us']:.1f}", f"{p['peak_mb']:,}")
        for axis, points in found["growth"].items()
        for p in points
    ]
    heads = ("what grows", "to", "us a record by the clock", "us of CPU", "most memory of a worker, MB")
    return _table(heads, rows)


def beside_table(found: dict[str, Any]) -> str:
    """Write what a record costs pophub and dlt on the axis that both were measured on."""
    rows = []
    for point in found["growth"][growth.BESIDE]:
        times = point["times_dlt"]
        spread = f"{times['median']:.2f} ({times['min']:.2f} to {times['max']:.2f})"
        costs = [f"{point[key]:.1f}" for key in ("wall_us", "dlt_wall_us", "cpu_us", "dlt_cpu_us")]
        rows.append((f"{point['value']:,}", *costs, spread))
    heads = (growth.BESIDE, "us a record", "dlt's", "us of CPU", "dlt's", "pophub is so many times as fast")
    return _table(heads, rows)


def _growth(found: dict[str, Any]) -> str:
    return f"![cost by records, fields, rules, partitions, workers]({CHART.name})\n\n{growth_table(found)}\n{beside_table(found)}"


def _idle(found: dict[str, Any]) -> str:
    one = found["idle"]
    rows = [
        (
            key.removeprefix("connectors_"),
            f"{part['cpu_percent_of_a_core']:.1f}",
            f"{part['memory_mb']:,}",
            f"{part['new_s']:.1f}",
        )
        for key, part in one.items()
        if key.startswith("connectors_")
    ]
    cycle = one["cycle"]
    told = (
        f"\nAn empty cycle of three stages takes {cycle['airflow_s']:.2f} s under Airflow, {cycle['bare_s']:.2f} s in a "
        f"warm process: Airflow's part is {cycle['overhead_s']:.2f} s.\n"
    )
    return (
        _table(("connectors", "CPU, % of one core", "memory, MB", "one more is listed after, s"), rows) + told
    )


def _first(found: dict[str, Any]) -> str:
    rows = [
        (
            str(one["tables"]), f"{one['rows']:,}", str(one["commands"]), str(one["lines_written"]), f"{one['seconds']:.1f}",
            ", ".join(f"{name} {took:.1f}" for name, took in one["each_s"].items()),
        )
        for one in found["first"].values()
    ]  # fmt: skip
    heads = ("tables", "records", "commands", "lines written", "seconds", "of them")
    return _table(heads, rows)


def _kinds(found: dict[str, Any]) -> str:
    rows = [
        (
            name.replace("_", " "),
            f"{one['records_per_s']:,.0f}",
            f"{one['cpu_us']:.1f}",
            f"{one['peak_mb']:,}",
        )
        for name, one in found["kinds"]["kinds"].items()
    ]
    return _table(("kind", "records a second", "us of CPU a record", "most memory, MB"), rows)


def _log(found: dict[str, Any]) -> str:
    one = found["log"]
    rows = []
    for way, commits in one["commits"].items():
        rate, cpu_us = one["records_per_s"][way], one["cpu_us"][way]["median"]
        spread = f"{rate['median']:,.0f} ({rate['min']:,.0f} to {rate['max']:,.0f})"
        taken = [f"{commits[key]:.3f}" for key in ("latency_p50_s", "latency_p99_s", "latency_max_s")]
        rows.append((WAYS_OF_LOG[way], spread, f"{cpu_us:.1f}", *taken))
    heads = (
        "by",
        "records a second of a snapshot",
        "us of CPU a record",
        "commit to topic p50, s",
        "p99, s",
        "most, s",
    )
    ratio, one_way = one["ratio"], one["commits"]["pophub"]
    return _table(heads, rows) + (
        f"\nOver {one['rounds']} rounds of {one['rows']:,} records pophub's snapshot is {ratio['median']:.2f} times as fast "
        f"({ratio['min']:.2f} to {ratio['max']:.2f}); {one_way['changes']:,} commits, {one_way['changes_per_s']} a second.\n"
    )


def _parsing(found: dict[str, Any]) -> str:
    one = found["parsing"]
    return (
        f"{one['connectors']} connectors in {one['seconds']:.2f} s, {one['cpu_s']:.2f} s of CPU; {one['load_s']:.2f} s of them "
        f"to read and check the declarations. The process of one task, which reads its own connector alone: "
        f"{one['task_s']:.3f} s.\n"
    )
