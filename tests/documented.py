"""The code of docs/data-model.md, which an outsider would copy, as tests execute it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs/data-model.md"


def data_model(name: str) -> dict[str, Callable[..., Any]]:
    """Execute the page's block of this name; give its functions."""
    found = re.search(rf"^```python {name}\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert found, f"the page has no block {name}"
    defined: dict[str, Any] = {}
    exec(found[1], defined)
    return defined
