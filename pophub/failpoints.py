"""Points at which a test may kill the process: `POPHUB_FAIL=<stage>.<point>[:n]`, off otherwise.

At the n-th passage (1 when not said) of the named point the process ends by SIGKILL, as a power
cut would end it.
"""

from __future__ import annotations

import os
import signal

_POINT, _, _NTH = os.environ.get("POPHUB_FAIL", "").partition(":")
_left = int(_NTH or 1)


def reach(point: str) -> None:
    """Pass a point; end here when it is the one that the test named."""
    global _left
    if point != _POINT:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
