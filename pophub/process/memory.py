"""Memory in a process that carries records: its collector must not walk every batch, its heap not spread."""

from __future__ import annotations

import ctypes
import gc

YOUNG, MIDDLE, OLD = 100_000, 20, 50
_M_ARENA_MAX = -8  # glibc, malloc.h


def calm() -> None:
    """Set loaded code aside and collect rarely; call once a process, after its imports.

    A micro-batch is a million objects without cycles, which the default thresholds (700, 10, 10)
    walk again and again: half of share's time. Great Expectations does leave cycles, so collection
    goes on, each 100,000 objects; `gc.disable()` was not faster by more than noise.

    Each frame is judged in a thread of its own; with an arena a thread, glibc kept 150 MB that no
    other thread could use.
    """
    _one_heap()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)


def _one_heap() -> None:
    """Let all threads share one heap, where the C library is glibc; Python's lock takes turns anyway."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
