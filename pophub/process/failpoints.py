"""Points at which a test may kill the process: `POPHUB_FAIL=<stage>.<point>[:n]`, off otherwise.

At the n-th passage (1 when not said) of the named point the process ends by SIGKILL, as a power
cut would end it.
"""

from __future__ import annotations

import os
import signal

_point = ""
_left = 0


def arm(text: str) -> None:
    """Set the point as `POPHUB_FAIL` would; an empty text sets none. For a forked test worker."""
    global _point, _left
    _point, _, nth = text.partition(":")
    _left = int(nth or 1)


arm(os.environ.get("POPHUB_FAIL", ""))


def reach(point: str) -> None:
    """Pass a point; end here when it is the one that the test named."""
    global _left
    if not _point or point != _point:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
