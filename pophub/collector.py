"""The garbage collector in a process that carries records: it must not walk every batch."""

from __future__ import annotations

import gc

YOUNG, MIDDLE, OLD = 100_000, 20, 50


def calm() -> None:
    """Set loaded code aside and collect rarely; call once a process, after its imports.

    A micro-batch is a million objects without cycles, which the default thresholds (700, 10, 10)
    walk again and again: half of share's time. Great Expectations does leave cycles, so collection
    goes on, each 100,000 objects; `gc.disable()` was not faster by more than noise.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
