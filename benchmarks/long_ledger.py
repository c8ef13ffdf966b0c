"""What is asked of a long ledger: a checkpoint, its verification, growth."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from statistics import quantiles
from typing import Any, get_args

from benchmarks.long_child import Clock, peak_mb
from pophub.commands.quarantine_access import progress_of
from pophub.ledger import checkpoint
from pophub.ledger.growth import Scope, agencies_as_of, growth, growth_as_of
from pophub.ledger.periods import By
from pophub.ledger.present import counted, present
from pophub.ledger.signing import public_key
from pophub.ledger.verify import Evidence, verify
from pophub.ledger.witness import Witness
from pophub.postgres import connect
from pophub.settings import Settings

RUNS, FEW = 50, 10


def sign(clock: Clock, settings: Settings) -> int:
    """Sign the first checkpoint over all rows; give its number."""
    return checkpoint.make(settings).id


def derive(clock: Clock, settings: Settings, rows: int) -> dict[str, Any]:
    """Verify as `pophub ledger verify` does; note the peak of memory after a tenth of the rows.

    Errors: RuntimeError when a row is not what was written, or the rows are not as many as written.
    """
    seen, early = 0, 0.0
    with progress_of("verify", rows) as moved, closing(connect(settings, "pophub_owner")) as connection:

        def progress(more: int) -> None:
            nonlocal seen, early
            seen += more
            moved(more, rows)
            if not early and seen >= rows // 10:
                early = peak_mb()

        held = Evidence(checkpoint.load(connection), public_key(settings), Witness(settings))
        found = verify(connection, progress, held)
    if found.broken or found.rows != rows:
        raise RuntimeError(f"{found.rows} rows verified instead of {rows}: {found.broken}")
    return {"rows": found.rows, "checkpoints": found.checkpoints, "peak_mb_at_a_tenth": round(early)}


def ask_uncounted(clock: Clock, settings: Settings, rows: int) -> dict[str, Any]:
    """Time growth where no checkpoint was ever signed: each row is counted."""
    return {"never_signed": _spread("never signed", FEW, lambda: _now(settings, "year"), rows)}


def ask(clock: Clock, settings: Settings, signed: int, rows: int) -> dict[str, Any]:
    """Time growth as of a checkpoint, by quarter with each agency's share, and as it is now, by each period.

    Errors: RuntimeError when growth as it is now is not what counting each row gives.
    """
    with closing(connect(settings, "pophub_read")) as connection:
        if present(connection) != counted(connection):
            raise RuntimeError("growth is not what counting each row gives")
    found = {"as_of_checkpoint": _spread("as of checkpoint", RUNS, lambda: _as_of(settings), signed)}
    for by in get_args(By):
        found[f"now_by_{by}"] = _spread(f"now by {by}", RUNS, partial(_now, settings, by), rows)
    return found


def _as_of(settings: Settings) -> int:
    with closing(connect(settings, "pophub_read")) as connection:
        found = checkpoint.find(connection, 1)
    agencies_as_of(found, "quarter", Scope())
    return sum(row.transactions for row in growth_as_of(found, "quarter", Scope()))


def _now(settings: Settings, by: By) -> int:
    with closing(connect(settings, "pophub_read")) as connection:
        return sum(row.transactions for row in growth(connection, by))


def _spread(name: str, runs: int, query: Callable[[], int], rows: int) -> dict[str, float]:
    """Run a query so many times, connecting each time as a command does; each must count every row."""
    seconds = []
    with progress_of(f"growth, {name}", runs) as moved:
        for _ in range(runs):
            begun = time.monotonic()
            number = query()
            seconds.append(time.monotonic() - begun)
            moved(1, runs)
            if number != rows:
                raise RuntimeError(f"growth counts {number} instead of {rows}")
    cuts = quantiles(seconds, n=20, method="inclusive")
    return {
        "runs": runs,
        "p50_s": round(cuts[9], 4),
        "p95_s": round(cuts[18], 4),
        "max_s": round(max(seconds), 4),
    }
