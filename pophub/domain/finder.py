"""How rows of a dataset are found that name a thing in a field which is not their key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self


class Finder(NamedTuple):
    """The field in which a value is looked for, and what other fields of the row must hold; all are texts."""

    field: str
    only: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, told: Any) -> Self:
        """Read one as `told` gives it."""
        field, only = told
        return cls(field, tuple((name, value) for name, value in only))

    def told(self) -> list[Any]:
        """Give it as JSON holds it."""
        return [self.field, [list(one) for one in self.only]]

    def tag(self, value: str) -> str:
        """Give the name under which rows with a value are kept.

        >>> Finder("citizen_id", (("event_kind", "DEATH"),)).tag("001090000001")
        'citizen_id event_kind=DEATH 001090000001'
        """
        return " ".join([self.field, *(f"{name}={wanted}" for name, wanted in self.only), value])

    def of(self, record: Mapping[str, Any]) -> str | None:
        """Give the name under which a record is kept; None for one that is not looked for.

        >>> Finder("citizen_id", (("event_kind", "DEATH"),)).of({"citizen_id": "1", "event_kind": "BIRTH"}) is None
        True
        """
        value = record[self.field]
        if value is None or any(record[name] != wanted for name, wanted in self.only):
            return None
        return self.tag(value)
