"""What is found of a connector, and what each part of it is worth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pophub.domain.codes import explain
from pophub.domain.errors import PophubError

ScorePart = Literal["contract", "gates", "owner", "personal", "promise", "source", "marker", "versions"]
WORTH: dict[ScorePart, int] = {
    "contract": 20,
    "gates": 20,
    "owner": 10,
    "personal": 15,
    "promise": 10,
    "source": 10,
    "marker": 10,
    "versions": 5,
}
"""Points of each part; 100 together."""

ASKS: dict[ScorePart, str] = {
    "contract": "contract complete: a title in both languages, each field described",
    "gates": "each gate with rules, and samples that fare as they are named",
    "owner": "owner named",
    "personal": "personal fields classified",
    "promise": "freshness promised",
    "source": "source reachable, with the columns that are declared",
    "marker": "change marker indexed and trustworthy",
    "versions": "schema compatible with the last version",
}


class ScoreFinding(NamedTuple):
    """One thing that is wrong (`error`) or could be better (`advice`), with the points that it costs."""

    level: Literal["error", "advice"]
    part: ScorePart
    cost: int
    code: str
    what: str
    where: str
    remedy: str


@dataclass
class Scored:
    """What was found of one connector.

    `unseen` are parts that could not be looked at: they earn nothing.
    """

    stem: str
    findings: list[ScoreFinding] = field(default_factory=list)
    loaded: bool = True
    unseen: set[ScorePart] = field(default_factory=set)

    def advise(self, part: ScorePart, cost: int, code: str, what: str, where: str) -> None:
        """Add what could be better; the remedy is the code's own."""
        self.findings.append(ScoreFinding("advice", part, cost, code, what, where, explain(code).remedy))

    def err(self, error: PophubError, part: ScorePart) -> None:
        """Add an error: its part is worth nothing until it is mended."""
        self.findings.append(
            ScoreFinding("error", part, WORTH[part], error.code, error.what, error.where, error.remedy)
        )

    @property
    def points(self) -> dict[ScorePart, int]:
        """What each part earns; nothing where the connector cannot be loaded."""
        if not self.loaded:
            return dict.fromkeys(WORTH, 0)
        lost = dict.fromkeys(WORTH, 0)
        for found in self.findings:
            lost[found.part] += found.cost
        return {
            part: 0 if part in self.unseen else max(0, worth - lost[part]) for part, worth in WORTH.items()
        }

    @property
    def score(self) -> int:
        """The points of all parts, 0 to 100."""
        return sum(self.points.values())

    @property
    def errors(self) -> list[ScoreFinding]:
        """The findings that must be mended."""
        return errors_of(self.findings)


def errors_of(findings: Iterable[ScoreFinding]) -> list[ScoreFinding]:
    """Give the findings that must be mended."""
    return [found for found in findings if found.level == "error"]


def part_of(code: str, where: str) -> ScorePart:
    """Give the part that an error of a declaration belongs to."""
    if where.startswith("expectations/"):
        return "gates"
    versions = ("schema.renamed", "schema.field_dropped", "schema.type_changed", "schema.field_required",
                "schema.fingerprint")  # fmt: skip
    return "versions" if code in versions else "contract"
