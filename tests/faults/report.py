"""What a run of the bench found: a line a row, an object a row, and the page docs/faults.md."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from tests.faults.catalogue import NOT_COVERED, Injected

HEAD = """\
# Faults: what was injected, and what held

This page is written by `make faults` (`tests/faults/`), which injects each fault of the matrix on the real
servers with {seeds} seeds and then looks from outside (`tests/faults/checker.py`): nothing lost, doubled, torn,
reordered or read although aborted; read = shared + quarantined + duplicate + superseded; ledger = topics.
*Injected* tells what the seeds did, and how often in sum.

| row | fault | what must hold | injected | times | seeds held |
|---|---|---|---|---|---|
"""


@dataclass
class Result:
    """One row's outcome over its seeds."""

    row: int
    fault: str
    promise: str
    test: str
    injected: list[str] = field(default_factory=list)
    times: int = 0
    seeds: int = 0
    seeds_held: int = 0
    seconds: float = 0
    not_here: str = ""
    reasons: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)  # why it did not hold in runs before this one

    @property
    def held(self) -> bool:
        """True only where every seed held."""
        return self.seeds > 0 and self.seeds_held == self.seeds

    @property
    def reason(self) -> str:
        """Why it did not hold, or was not injected."""
        return (self.not_here and f"not covered here: {self.not_here}") or "; ".join(self.reasons)

    def hold(self, injected: Injected) -> None:
        """Count a seed that held."""
        self.seeds += 1
        self.seeds_held += 1
        self.times += injected.times
        if injected.what not in self.injected:
            self.injected.append(injected.what)

    def miss(self, seed: int, broken: BaseException) -> None:
        """Count a seed that did not hold."""
        self.seeds += 1
        first = str(broken).strip().partition("\n")[0][:300]
        last = traceback.extract_tb(broken.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        told = _impersonal(first or last.line or "")
        self.reasons.append(f"seed {seed}: {type(broken).__name__} at {where}: {told}")

    def line(self) -> str:
        """Give the line that the bench prints."""
        held = "not here" if self.not_here else f"{self.seeds_held}/{self.seeds}"
        told = f"{self.row:>3}  {self.fault[:42]:<42}  {self.times:>4} injected  {held:>8} held  {self.seconds:6.1f} s"
        return told if self.held else f"{told}\n     {self.reason}"


def _impersonal(text: str) -> str:
    """Leave out what may be a person's number."""
    return re.sub(r"\d{12}", "(number)", text)


def joined(results: Sequence[Result], earlier: Path) -> list[Result]:
    """Join single rows to what an earlier run found of the others; what a row failed by stays told."""
    if not earlier.exists():
        return list(results)
    told = json.loads(earlier.read_text())
    known = {r["row"]: Result(**{f.name: r[f.name] for f in fields(Result)}) for r in told}
    for result in results:
        if result.row in known:
            before = known[result.row]
            result.again = before.again + ([] if before.held else before.reasons)
        known[result.row] = result
    return [known[row] for row in sorted(known)]


def page(results: Sequence[Result], seeds: int) -> str:
    """Write the page of a whole run."""
    lines = [HEAD.format(seeds=seeds)]
    for r in results:
        held = f"{r.seeds_held} of {r.seeds}" if not r.not_here else "not covered"
        told = "; ".join(r.injected) or r.reason
        lines.append(f"| {r.row} | {r.fault} | {r.promise} | {_cell(told)} | {r.times} | {held} |\n")
    lines.append("\nNot covered yet:\n\n")
    lines += [f"- row {row}: {why}\n" for row, why in sorted(NOT_COVERED.items())]
    lines += [f"- row {r.row}: {_cell(r.reason)}\n" for r in results if r.not_here]
    if again := [r for r in results if r.again]:
        lines.append("\nRun again by themselves, because they did not hold before:\n\n")
        lines += [f"- row {r.row}: {_cell('; '.join(r.again))}\n" for r in again]
    if broken := [r for r in results if not r.held and not r.not_here]:
        lines.append("\nDid not hold in this run:\n\n")
        lines += [f"- row {r.row}: {_cell(r.reason)}\n" for r in broken]
    return "".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")
