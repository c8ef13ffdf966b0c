"""Compares what the hub decided with the truth: defects found and missed, sound rows refused."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from pophub.postgres import Connection, connect, transaction
from pophub.settings import Settings
from pophub.simulation.declaration import declarations
from pophub.simulation.declared import UNKNOWN_PLACE
from pophub.simulation.model import DUPLICATE, SUPERSEDED, WAITS
from pophub.simulation.tables import SIMULATION

PERSON_CODES = frozenset(
    {"sufficient.unknown_person", "correct.agreement.name", "correct.agreement.birth_date"}
)
Place = tuple[str, str, int]

TRUTH = "select stem, key, marker, sound, gate, code, label from truth.version order by ordinal"
ACCEPTED = "select stem, key, marker from ledger.history"
REFUSED = "select stem, key, marker, failures from quarantine.version"


@dataclass(frozen=True)
class Misjudged:
    """A version that the hub judged otherwise than the truth; never tells its key.

    Shape: `codes` are the hub's, `code` is the truth's, None where the version is sound.
    """

    stem: str
    code: str | None
    label: str
    codes: tuple[str, ...]


@dataclass
class Detection:
    """Counts as the report has them, with the versions behind `missed` and `false_rejections`."""

    injected: int = 0
    found: int = 0
    waiting: int = 0
    missed_versions: list[Misjudged] = field(default_factory=list)
    refused_versions: list[Misjudged] = field(default_factory=list)
    by_gate: Counter[str] = field(default_factory=Counter)

    @property
    def missed(self) -> int:
        """Defective versions that reached the gates without failing their own."""
        return len(self.missed_versions)

    @property
    def false_rejections(self) -> int:
        """Sound versions that failed, and not for a person who was not accepted in time."""
        return len(self.refused_versions)

    def figures(self) -> dict[str, int]:
        """Give the report's `detection` object."""
        return {
            "injected": self.injected,
            "found": self.found,
            "missed": self.missed,
            "false_rejections": self.false_rejections,
            "waiting": self.waiting,
        }


@dataclass(frozen=True)
class Truth:
    """What is true of one version; `sound` where all others are None or say how it is sound."""

    sound: bool
    gate: str | None
    code: str | None
    label: str


Refusals = dict[Place, list[tuple[set[str], set[str]]]]


def detect(settings: Settings) -> Detection:
    """Join the truth with history and quarantine, by stem, key and marker."""
    truth: dict[Place, list[Truth]] = defaultdict(list)
    for stem, key, marker, *rest in _rows(settings, SIMULATION, SIMULATION, TRUTH):
        truth[stem, key, marker].append(Truth(*rest))
    by_log = {
        one.stem for one in declarations() if one.source.in_place
    }  # by key alone: a log has its own places
    accepted = Counter(
        (stem, key, UNKNOWN_PLACE if stem in by_log else marker)
        for stem, key, marker in _rows(settings, "pophub_owner", None, ACCEPTED)
    )
    refused: Refusals = defaultdict(list)
    for stem, key, marker, failures in _rows(settings, "pophub_owner", None, REFUSED):
        gates = {failure["gate"] for failure in failures}
        refused[stem, key, UNKNOWN_PLACE if stem in by_log else marker].append(
            (gates, {failure["code"] for failure in failures})
        )
    return compare(truth, accepted, refused)


def compare(truth: dict[Place, list[Truth]], accepted: Counter[Place], refused: Refusals) -> Detection:
    """Count over all versions that reached the gates; duplicates and superseded ones did not.

    Versions of one key and marker are one group: which of a contradiction's sides comes first is
    the lane's order, not the truth's.
    """
    result = Detection()
    for place, versions in truth.items():
        judged = [v for v in versions if v.label not in (DUPLICATE, SUPERSEDED)]
        refusals = list(refused.get(place, ()))
        for version in (v for v in judged if not v.sound):
            reached = accepted[place] + len(refused.get(place, ())) >= len(judged)
            _defective(result, place[0], version, refusals, reached)
        if refusals and not accepted[place]:
            for version in (v for v in judged if v.sound):
                _sound(result, place[0], version, refusals)
    return result


def _defective(
    result: Detection,
    stem: str,
    version: Truth,
    refusals: list[tuple[set[str], set[str]]],
    reached: bool,
) -> None:
    match = next((r for r in refusals if version.gate in r[0]), None)
    if match is None and not reached:
        return
    result.injected += 1
    if match is not None:
        refusals.remove(match)
        result.found += 1
        result.by_gate[version.gate or ""] += 1
        return
    codes = tuple(sorted({code for _, found in refusals for code in found}))
    result.missed_versions.append(Misjudged(stem, version.code, version.label, codes))


def _sound(result: Detection, stem: str, version: Truth, refusals: list[tuple[set[str], set[str]]]) -> None:
    if not refusals:
        return
    _, codes = refusals.pop(0)
    if version.label.startswith(WAITS) and codes <= PERSON_CODES:
        result.waiting += 1
    else:
        result.refused_versions.append(Misjudged(stem, None, version.label, tuple(sorted(codes))))


def _rows(settings: Settings, role: str, database: str | None, statement: str) -> list[tuple[Any, ...]]:
    connection: Connection = connect(settings, role, database=database)
    try:
        with transaction(connection, "counting detection") as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()
