"""What a project declares, read once for all pages until one of its files is another, or the day is: bases begin and end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from functools import cached_property
from pathlib import Path

from pophub.catalogue.entries import CatalogueEntry, entries
from pophub.contracts.load import load_all, load_subscriptions
from pophub.contracts.model import Connector
from pophub.contracts.rule_codes import Words, project_codes
from pophub.contracts.subscription_model import SubscriptionFile
from pophub.domain.dates import today

ROOMS = ("connectors", "schemas", "expectations", "codes", "subscriptions", "bases", "figures")
Stamp = tuple[date, tuple[tuple[str, int, int], ...]]


class Declarations:
    """What a project declared at one moment; each part is read when a page first asks for it."""

    def __init__(self, project: Path, stamp: Stamp) -> None:
        self.stamp, self._project = stamp, project

    @cached_property
    def connectors(self) -> Sequence[Connector]:
        """The connectors, without those that are broken."""
        return load_all(self._project)[0]

    @cached_property
    def subscriptions(self) -> Sequence[SubscriptionFile]:
        """The subscriptions, with the grants that a basis allows today."""
        return load_subscriptions(self._project, self.connectors)[0]

    @cached_property
    def entries(self) -> Sequence[CatalogueEntry]:
        """The catalogue."""
        return entries(self._project)

    @cached_property
    def codes(self) -> Words:
        """What each code means, of the hub and of the suites."""
        return project_codes(self._project)


_LOCK = threading.Lock()
_KNOWN: dict[Path, Declarations] = {}


def declarations(project: Path) -> Declarations:
    """Give what a project declares now."""
    stamp = _stamp(project)
    with _LOCK:
        found = _KNOWN.get(project)
        if found is None or found.stamp != stamp:
            found = _KNOWN[project] = Declarations(project, stamp)
        return found


def _stamp(project: Path) -> Stamp:
    """Give what tells two states of a project's files apart: each with size and time of its last change."""
    files = sorted(path for room in ROOMS for path in (project / room).rglob("*") if path.is_file())
    stats = []
    for path in files:
        with suppress(FileNotFoundError):  # it went just now
            stat = path.stat()
            stats.append((str(path), stat.st_mtime_ns, stat.st_size))
    return today(), tuple(stats)
