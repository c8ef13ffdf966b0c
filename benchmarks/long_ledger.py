"""What is asked of a long ledger: a checkpoint, its verification, growth."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from statistics import quantiles
from typing import Any

from benchmarks.long_child import Clock, peak_mb
from pophub.ledger import checkpoint
from pophub.ledger.growth import Scope, agencies_as_of, growth, growth_as_of
from pophub.ledger.signing import public_key
from pophub.ledger.verify import Evidence, verify
from pophub.ledger.witness import Witness
from pophub.postgres import connect
from pophub.settings import Settings

RUNS = 50


def sign(clock: Clock, settings: Settings) -> int:
    """Sign the first checkpoint over all rows; give its number."""
    return checkpoint.make(settings).id


def derive(clock: Clock, settings: Settings, rows: int) -> dict[str, Any]:
    """Verify as `pophub ledger verify` does; note the peak of memory after a tenth of the rows.

    Errors: RuntimeError when a row is not what was written, or the rows are not as many as written.
    """
    seen, early = 0, 0.0

    def progress(more: int) -> None:
        nonlocal seen, early
        seen += more
        if not early and seen >= rows // 10:
            early = peak_mb()

    with closing(connect(settings, "pophub_owner")) as connection:
        held = Evidence(checkpoint.load(connection), public_key(settings), Witness(settings))
        found = verify(connection, progress, held)
    if found.broken or found.rows != rows:
        raise RuntimeError(f"{found.rows} rows verified instead of {rows}: {found.broken}")
    return {"rows": found.rows, "checkpoints": found.checkpoints, "peak_mb_at_a_tenth": round(early)}


def ask(clock: Clock, settings: Settings, rows: int) -> dict[str, Any]:
    """Time growth as of a checkpoint, by quarter with each agency's share, and the count of all rows."""
    return {
        "as_of_checkpoint": _spread(lambda: _as_of(settings), rows),
        "count_of_rows": _spread(lambda: _count(settings), rows),
    }


def _as_of(settings: Settings) -> int:
    with closing(connect(settings, "pophub_read")) as connection:
        found = checkpoint.find(connection, 1)
    agencies_as_of(found, "quarter", Scope())
    return sum(row.transactions for row in growth_as_of(found, "quarter", Scope()))


def _count(settings: Settings) -> int:
    with closing(connect(settings, "pophub_read")) as connection:
        return sum(row.transactions for row in growth(connection, "year"))


def _spread(query: Callable[[], int], rows: int) -> dict[str, float]:
    """Run a query 50 times, connecting each time as a command does; each must count every row."""
    seconds = []
    for _ in range(RUNS):
        begun = time.monotonic()
        counted = query()
        seconds.append(time.monotonic() - begun)
        if counted != rows:
            raise RuntimeError(f"growth counts {counted} instead of {rows}")
    cuts = quantiles(seconds, n=20, method="inclusive")
    return {
        "runs": RUNS,
        "p50_s": round(cuts[9], 4),
        "p95_s": round(cuts[18], 4),
        "max_s": round(max(seconds), 4),
    }
