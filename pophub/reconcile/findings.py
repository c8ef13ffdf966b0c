"""What a reconciliation tells: stores compared, and each record that is not where it should be."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

MISSING, DOUBLED, ALTERED = "reconcile.missing", "reconcile.doubled", "reconcile.altered"
LATE, GONE, UNKNOWN = "reconcile.late", "reconcile.gone", "reconcile.unknown"


@dataclass(frozen=True)
class Finding:
    """One record that one store lacks, holds twice, holds otherwise, or should not hold.

    Shape: `event_id` is hex. `key` is for the operator's terminal alone: logs and documents get
    `key_digest`, keyed with the hub's secret, since numbers of citizens could be tried out.
    """

    code: str
    store: str
    what: str
    event_id: str | None = None
    lane: int | None = None
    sequence: int | None = None
    key_digest: str | None = None
    key: str | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Give the finding without its key."""
        return {name: value for name, value in vars(self).items() if name != "key"}

    def __str__(self) -> str:
        place = "" if self.sequence is None else f", lane {self.lane}, sequence {self.sequence}"
        return f"{self.code}: {self.store}{place}: {self.what}, event {self.event_id or 'unknown'}"


@dataclass
class Compared:
    """One comparison: how many records each side has, and how many key ranges differ."""

    store: str
    expected: int
    found: int
    ranges_differing: int = 0
    left_out: int = 0


@dataclass
class Report:
    """All comparisons of one dataset.

    Shape: `pending` counts rows on their way (not yet judged, not yet shared, inside `late_s`);
    `left_out` of a comparison are differing records beyond those that are named.
    """

    stem: str
    deep: bool
    compared: list[Compared] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    pending: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give the report as JSON values, without keys."""
        return {
            "stem": self.stem,
            "deep": self.deep,
            "pending": self.pending,
            "compared": [vars(c) for c in self.compared],
            "findings": [f.as_json() for f in self.findings],
        }


def key_digest(secret: str, key: str) -> str:
    """Name a key without telling it: BLAKE2b keyed with the hub's secret, 16 bytes, hex."""
    return hashlib.blake2b(b"key" + key.encode(), key=secret.encode()[:64], digest_size=16).hexdigest()
