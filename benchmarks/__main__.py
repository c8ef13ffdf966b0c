"""`python -m benchmarks`: records a second of the straight way beside its peers, and what it costs.

Without options of its own it measures the rounds alone; `--all`, as `make bench` does, everything
that is there to be measured. Figures that were not asked for are kept from the run before.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
from datetime import UTC, datetime
from typing import Any

import psutil

from benchmarks import (
    chart,
    costs,
    debezium,
    figures,
    first_record,
    growth,
    idle,
    incremental,
    kinds,
    latency,
    limits,
    log,
    parsing,
    peers,
    performance,
    source,
    workers,
)
from benchmarks.hubs import say, servers
from benchmarks.rounds import PEERS, Rounds
from pophub.settings import Settings

PARTS = ("steps", "incremental", "latency", "growth", "idle", "first", "kinds", "log", "parsing")
APART = ("growth", "idle", "first", "kinds", "log", "parsing")
"""Parts that need no rounds before them."""
SLOWEST_PER_S = 200
KEPT = (
    "costs",
    "limits",
    "incremental",
    "latency",
    "latency_p50_s",
    "latency_p99_s",
    "growth",
    "idle",
    "first",
    "kinds",
    "log",
    "parsing",
)


def main() -> int:
    """Measure what was asked, print a table, write build/bench.json."""
    asked = _arguments()
    if asked.docs:
        performance.write(json.loads(figures.OUT.read_text()))
        return 0
    found = _all_kept() if asked.alone else _kept()
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the servers end with it
    workers.RUN_S, peers.RUN_S, debezium.RUN_S = (
        max(known, asked.rows // SLOWEST_PER_S) for known in (workers.RUN_S, peers.RUN_S, debezium.RUN_S)
    )
    found["machine"] = _machine()
    if not asked.alone:
        with servers() as settings:
            _source(settings, asked.rows)
            _rounds(settings, asked, found)
            _more(settings, asked, found)
    _apart(asked, found)
    found["took_s"] = round(time.monotonic() - begun)
    _save(found)
    print(json.dumps(found) if asked.json else _told(found))
    return 0


def _apart(asked: argparse.Namespace, found: dict[str, Any]) -> None:
    """Measure what needs no rounds, each part kept as soon as it is there."""
    if asked.growth:
        with servers() as settings:
            growth.measured(settings, asked.rounds, lambda points: _save(found | {"growth": points}))
        found["growth"] = json.loads(figures.OUT.read_text())["growth"]
        figures.OUT.with_name("bench-growth.svg").write_text(chart.growth(found["growth"]))
    for name, give in (
        ("idle", idle.measured), ("first", first_record.measured), ("parsing", parsing.measured),
        ("kinds", lambda: kinds.measured(asked.rows)), ("log", lambda: log.measured(asked.rows)),
    ):  # fmt: skip
        if getattr(asked, name):
            found[name] = give()
            _save(found)


def _told(found: dict[str, Any]) -> str:
    """Write all figures for a person."""
    parts = [figures.table(found)] if "rounds" in found else []
    if "costs" in found:
        parts += ["\n".join(costs.lines(found["costs"])), f"limits, us: {json.dumps(found['limits']['us'])}"]
    parts += [
        f"{name}: {json.dumps(found[name])}"
        for name in ("incremental", "latency", "idle", "first", "kinds", "log", "parsing")
        if name in found
    ]
    if "growth" in found:
        parts += [performance.growth_table(found), performance.beside_table(found)]
    return "\n\n".join(parts)


def _kept() -> dict[str, Any]:
    """Give the parts that an earlier run measured; the rounds are measured in every run."""
    found: dict[str, Any] = json.loads(figures.OUT.read_text()) if figures.OUT.exists() else {}
    if found.get("version") != figures.VERSION:
        return {}
    return {name: value for name, value in found.items() if name in KEPT}


def _all_kept() -> dict[str, Any]:
    """Give all that an earlier run measured, its rounds too."""
    found: dict[str, Any] = json.loads(figures.OUT.read_text()) if figures.OUT.exists() else {}
    return found if found.get("version") == figures.VERSION else {"version": figures.VERSION}


def _source(settings: Settings, rows: int) -> None:
    say(f"making the source: {rows:,} rows, {len(source.COLUMNS)} fields")
    source.make_source(settings, rows)
    os.environ["POPHUB_SOURCE_BENCH_URL"] = source.source_url(settings)


def _rounds(settings: Settings, asked: argparse.Namespace, found: dict[str, Any]) -> None:
    with Rounds(settings, asked.rows, asked.peers) as rounds:
        rounds.warm()
        done = [rounds.one(number) for number in range(asked.rounds)]
        found |= figures.summary(asked.rows, done)
        found["load"] = [round(one, 1) for one in os.getloadavg()]
        _save(found)
        if asked.incremental:
            say("one record in a hundred changed")
            found["incremental"] = incremental.measured(rounds.last, rounds.last_stem, asked.rows)
        if asked.latency:
            _latency(rounds, asked.rows, found)


def _latency(rounds: Rounds, rows: int, found: dict[str, Any]) -> None:
    if not latency.exists():
        say("latency is not measured: there is no command `pophub stream` yet")
        return
    say(f"{latency.CHANGES_PER_S} changes a second through `pophub stream`")
    found["latency"] = latency.measured(rounds.last, rounds.last_stem, rows)
    found |= {name: found["latency"][name] for name in ("latency_p50_s", "latency_p99_s")}


def _more(settings: Settings, asked: argparse.Namespace, found: dict[str, Any]) -> None:
    if not asked.steps:
        return
    say("measuring each step, then the limits below them")
    found["costs"] = costs.measured(settings, asked.rows)
    found["limits"] = limits.measured(settings, asked.rows, figures.message_bytes(found))
    _save(found)


def _save(found: dict[str, Any]) -> None:
    figures.OUT.parent.mkdir(exist_ok=True)
    figures.OUT.write_text(json.dumps(found, indent=2) + "\n")


def _machine() -> dict[str, Any]:
    memory = round(psutil.virtual_memory().total / 2**30)
    return {
        "cores": os.cpu_count(),
        "memory_gb": memory,
        "python": platform.python_version(),
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the source table")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds")
    parser.add_argument(
        "--peers", type=_peers, default=PEERS, help=f"which, by comma: dlt (both), none, {', '.join(PEERS)}"
    )
    parser.add_argument("--no-peers", dest="peers", action="store_const", const=(), help="pophub alone")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, no table")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md from build/bench.json")
    for part, text in zip(PARTS, WHAT, strict=True):
        parser.add_argument(f"--{part}", action="store_true", help=text)
    parser.add_argument(
        "--alone", action="store_true", help=f"the named parts without rounds: {', '.join(APART)}"
    )
    parser.add_argument("--all", action="store_true", help="all of these")
    asked = parser.parse_args()
    for part in PARTS if asked.all else ():
        setattr(asked, part, True)
    named = [part for part in PARTS if getattr(asked, part)]
    if asked.alone and (not named or not {*named} <= {*APART}):
        parser.error(f"--alone takes of the parts {', '.join(APART)}")
    return asked


WHAT = (
    "microseconds of each step, and the limits beside them",
    "a run with one record in a hundred changed",
    "commit to subscriber under 100 changes a second",
    "cost by records, fields (beside dlt), rules, partitions, workers",
    "20 and 200 connectors with nothing to do, Airflow's own cost",
    "from a database never seen to the first shared record, of one table and of thirty",
    "records a second of each kind of source, to `raw`",
    "snapshot and single commits by PostgreSQL's log, beside Debezium",
    "700 connectors through the DAG factory",
)


def _peers(text: str) -> tuple[str, ...]:
    """Read the peers asked for; the beginning of a name means all that begin so."""
    chosen: list[str] = []
    for word in text.split(",") if text != "none" else []:
        named = [peer for peer in PEERS if peer.startswith(word)]
        if not word or not named:
            raise argparse.ArgumentTypeError(f"no peer {word!r}")
        chosen += named
    return tuple(chosen)


if __name__ == "__main__":
    sys.exit(main())
