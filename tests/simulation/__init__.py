"""Deterministic simulation: the real stages over in-memory servers, driven by a seeded scheduler.

Nothing of `pophub/simulation` is meant: that one simulates agencies.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))  # the made-up dataset lies with the unit tests
