"""What the validator answers and the rules trust or refuse: one entry for each rule."""

from __future__ import annotations

from typing import NamedTuple


class RuleResult(NamedTuple):
    """What one rule found: its place in the suite, failing rows, rows judged, or what it raised."""

    rule: int
    rows: list[int] | None
    judged: int | None
    raised: str | None
