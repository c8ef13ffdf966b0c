"""The fault bench: `python -m tests.faults` runs every row on real servers and tells what held."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.faults import world as kit
from tests.faults.catalogue import NOT_COVERED, Fault, NotHere, catalogue
from tests.faults.report import Result, joined, page

PROJECT = Path(__file__).resolve().parents[2]
SEED_S = 420
talk = Console(stderr=True)


@contextlib.contextmanager
def at_most(seconds: int, what: str) -> Iterator[None]:
    """End a seed that hangs: that is a promise broken too."""

    def over(*_: object) -> None:
        raise AssertionError(f"{what} did not end within {seconds} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def attack(world: kit.World, fault: Fault, seeds: int, progress: Progress, task: Any) -> Result:
    """Run one row with each of its seeds."""
    result, begun = Result(fault.row, fault.fault, fault.promise, fault.name), time.monotonic()
    for seed in range(1, seeds + 1):
        progress.update(task, description=f"row {fault.row}, seed {seed}")
        try:
            with at_most(SEED_S, f"row {fault.row}, seed {seed}"):
                injected = fault.run(world, seed)
        except NotHere as missing:
            result.not_here = str(missing)
        except Exception as broken:  # whatever it is, the promise was not seen to hold; the other rows go on
            result.miss(seed, broken)
        else:
            result.hold(injected)
        finally:
            world.end_row()
        progress.advance(task)
        if result.not_here:
            progress.advance(task, seeds - seed)
            break
    result.seconds = time.monotonic() - begun
    return result


def bench(faults: list[Fault], seeds: int, as_json: bool) -> list[Result]:
    """Open one world, run all rows in it, and end it."""
    results: list[Result] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        kit.serving() as servers,
        contextlib.closing(kit.World(servers)) as world,
        Progress(*columns, console=talk, disable=not talk.is_terminal) as progress,
    ):
        task = progress.add_task("", total=len(faults) * seeds)
        for fault in faults:
            results.append(attack(world, fault, seeds, progress, task))
            print(results[-1].line(), file=sys.stderr if as_json else sys.stdout, flush=True)
    return results


def main() -> int:
    """Run, write build/faults.json and, after a run of everything, docs/faults.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rows", help="only these rows, such as 6,7")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each row, each different (default 3)")
    parser.add_argument("--bounded", action="store_true", help="only the rows that `make test` runs")
    parser.add_argument(
        "--again", action="store_true", help="join what --rows finds to the result of the run before"
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON on standard output")
    asked = parser.parse_args()
    rows = {int(row) for row in asked.rows.split(",")} if asked.rows else None
    chosen = [f for f in catalogue() if (rows is None or f.row in rows) and (f.bounded or not asked.bounded)]
    if not chosen or asked.seeds < 1:
        parser.error("nothing to run: no such row, or no seed")
    results = bench(chosen, asked.seeds, asked.json)
    found = PROJECT / "build" / "faults.json"
    found.parent.mkdir(exist_ok=True)
    if asked.again:
        results = joined(results, found)
    told = [asdict(result) | {"held": result.held, "reason": result.reason} for result in results]
    found.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    whole = {result.row for result in results} == {fault.row for fault in catalogue()}
    if whole and asked.seeds >= 3:
        (PROJECT / "docs" / "faults.md").write_text(page(results, asked.seeds))
    if asked.json:
        print(json.dumps(told, ensure_ascii=False))
    broken = [result.row for result in results if not result.held and not result.not_here]
    print(
        f"{len(results) - len(broken)} of {len(results)} rows held; not covered: {sorted(NOT_COVERED)}",
        file=sys.stderr,
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
