"""The plain model of a hub's life: what is promised about each version, without the code that keeps it.

A version is one thing, in one state, at a time. Used over the in-memory store and on the real servers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pophub.domain.digests import lane_of

LANES, GRACE_S = 2, 90 * 86_400
UNKNOWN, TAKEN, CONTRADICTS = "sufficient.unknown_person", "clean.key.duplicate", "clean.contradiction"
UNKNOWN_REFERENCE = "sufficient.unknown_reference"


@dataclass(eq=False)
class Version:
    """One row on raw, and what it is now."""

    key: str
    marker: int
    gone: bool
    value: str | None
    person: str | None
    number: str | None
    stamp: int = 0
    state: str = "sent"
    mended: bool = False
    waits: bool = False
    first: str = ""

    def content(self) -> tuple[Any, ...]:
        """Give what makes two versions of one marker equal; a delete has nothing to say."""
        return (True,) if self.gone else (False, self.value, self.person, self.number)

    def again(self) -> Version:
        """Give the same version as the source sends it once more."""
        return Version(self.key, self.marker, self.gone, self.value, self.person, self.number)


@dataclass
class Model:
    """The world as it is promised."""

    versions: list[Version] = field(default_factory=list)
    heads: dict[str, Version] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    arrivals: dict[str, int] = field(default_factory=dict)
    history: dict[int, list[Version]] = field(default_factory=lambda: {lane: [] for lane in range(LANES)})
    forgiven: set[str] = field(default_factory=set)

    def judge(self, stretch: list[Version], again: bool = False) -> None:
        """Decide a stretch, version by version; where it is cut into transactions changes nothing."""
        for version in stretch:
            if not again:
                self.versions.append(version)
            codes = self._reasons(version)
            state = self._state(version, codes)
            version.waits = state == "quarantined" and codes == {UNKNOWN}
            version.state, version.first = state, version.first or state
            if state == "shared":
                self._share(version)
            elif state == "renewed":
                version.state, version.first = "duplicate", version.first.replace("renewed", "duplicate")
                self.seen[version.key] = version.marker
                self._leave_behind(version)

    def _state(self, version: Version, codes: set[str]) -> str:
        head = self.heads.get(version.key)
        newest = max(head.marker, self.seen.get(version.key, head.marker)) if head else 0
        if head and version.marker < newest:
            return "superseded"
        rivals = [*self.waiting_of(version.key), *([head] if head else [])]
        if any(
            v is not version
            and (newest if v is head else v.marker, v.content()) == (version.marker, version.content())
            for v in rivals
        ):
            return "duplicate"
        if codes:
            return "quarantined"
        return "renewed" if head and head.content() == version.content() else "shared"

    def _reasons(self, version: Version) -> set[str]:
        first = next(v for v in self.versions if (v.key, v.marker) == (version.key, version.marker))
        codes = {CONTRADICTS} if first.content() != version.content() else set()
        if version.gone:
            return codes
        bad = (version.value or "").removeprefix("bad:")
        if bad != version.value and not version.mended and bad not in self.forgiven:
            codes.add(f"{bad}.bad")
        if version.person and version.person not in self.arrivals:
            codes.add(UNKNOWN)
        if version.number and self.holders.get(version.number, version.key) != version.key:
            codes.add(TAKEN)
        return codes

    def _leave_behind(self, version: Version) -> None:
        for older in self.waiting_of(version.key):
            if older.marker < version.marker:
                older.state = "superseded"

    def _share(self, version: Version) -> None:
        self._leave_behind(version)
        self.heads[version.key] = version
        self.holders = {number: key for number, key in self.holders.items() if key != version.key}
        if version.number and not version.gone:
            self.holders[version.number] = version.key
        self.history[lane_of(version.key, LANES)].append(version)

    def waiting_of(self, key: str) -> list[Version]:
        """Give what waits of a key in quarantine, oldest first."""
        return [v for v in self.versions if v.key == key and v.state == "quarantined"]

    def ready(self) -> list[Version]:
        """Give what waits for nothing but people who came in time."""
        return [
            v
            for v in self.versions
            if v.state == "quarantined"
            and v.waits
            and v.person in self.arrivals
            and self.arrivals[v.person] <= v.stamp + GRACE_S * 1_000_000
        ]
