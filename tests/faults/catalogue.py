"""The rows of the fault matrix: each a function of (world, seed), kept under its number."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.world import World

NOT_COVERED = {
    28: "lanes are assigned; consumer groups that rebalance come with groups of subscribers",
    32: "comes with mergers of agencies",
    33: "comes with offline provinces",
    37: "comes with erasure",
}


@dataclass
class Injected:
    """What was injected, and how often; given back when the promise held."""

    what: str
    times: int


@dataclass(frozen=True)
class Fault:
    """One row: its fault, the promise that must hold under it, and what injects and looks.

    Errors of `run`: AssertionError or PophubError, the promise did not hold; `NotHere`, this machine
    cannot inject the fault.
    """

    row: int
    fault: str
    promise: str
    run: Callable[[World, int], Injected]
    bounded: bool

    @property
    def name(self) -> str:
        """The function's name, which says the promise."""
        return self.run.__name__


class NotHere(Exception):
    """This machine does not allow the injection; the text says what is missing."""


_faults: dict[int, Fault] = {}


def fault(
    row: int, *, fault: str, promise: str, bounded: bool = False
) -> Callable[[Callable[[World, int], Injected]], Callable[[World, int], Injected]]:
    """Keep a function as a row of the matrix; `bounded` ones run in `make test` too."""

    def keep(run: Callable[[World, int], Injected]) -> Callable[[World, int], Injected]:
        known = _faults.get(row)
        if known is not None and (known.run.__module__, known.name) != (run.__module__, run.__name__):
            raise ValueError(f"row {row} is there already: {known.name}")
        _faults[row] = Fault(row, fault, promise, run, bounded)
        return run

    return keep


def catalogue() -> list[Fault]:
    """Import every module `rows_*.py` and give the rows in order."""
    for path in sorted(Path(__file__).parent.glob("rows_*.py")):
        importlib.import_module(f"tests.faults.{path.stem}")
    return [_faults[row] for row in sorted(_faults)]
