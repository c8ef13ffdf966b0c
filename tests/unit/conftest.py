"""The in-memory twins lie beside the unit tests that use them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
