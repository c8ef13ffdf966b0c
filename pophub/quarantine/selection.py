"""Which versions of the quarantine an operator means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pophub.domain.errors import ConfigError
from pophub.postgres import statements

SQL = statements("quarantine")
STATES = ("quarantined", "shared", "superseded", "duplicate", "expired")
MOST_DAYS = 36_500
_AGE = re.compile(r"\A([0-9]{1,6})([smhdw])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True)
class Selection:
    """A choice of versions; what is None does not restrict.

    Shape: code and field are of one failed rule; an empty field means a rule about no field. State `quarantined` means those that wait; `expired` those whose content retention removed.
    Units: `since_s` and `older_s` seconds before now, of the first judging.
    """

    stem: str | None = None
    agency: str | None = None
    gate: str | None = None
    code: str | None = None
    field: str | None = None
    ids: tuple[int, ...] | None = None
    state: str | None = "quarantined"
    since_s: float | None = None
    older_s: float | None = None

    def values(self, **more: Any) -> dict[str, Any]:
        """Give the parameters of a statement with `:selected`."""
        ids = None if self.ids is None else list(self.ids)
        return asdict(self) | {"ids": ids} | more

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> Selection:
        """Give a choice of versions that wait by its values, as a program keeps them.

        >>> Selection.of_values({"stem": "mps.citizens", "ids": [7]}).ids
        (7,)
        """
        ids = values.get("ids")
        return cls(**{**values, "ids": None if ids is None else tuple(ids)})

    def of(self, stem: str) -> Selection:
        """Give the same choice within one dataset."""
        return Selection(**(asdict(self) | {"stem": stem}))


def statement(name: str) -> str:
    """Give a named statement with the condition of a selection in its place."""
    return SQL[name].replace(":selected", SQL["selected"])


def seconds_of(age: str) -> int:
    """Read an age such as 90s, 15m, 2h, 3d, 4w.

    >>> seconds_of("3d")
    259200

    Errors: `cli.choice`; `config.range` above a hundred years, which no calendar here reaches.
    """
    found = _AGE.match(age)
    if found is None:
        raise ConfigError(
            "cli.choice", "an age is written as 90s, 15m, 2h, 3d or 4w", remedy="such as --since 3d"
        )
    seconds = int(found[1]) * _SECONDS[found[2]]
    if seconds > MOST_DAYS * _SECONDS["d"]:
        raise ConfigError("config.range", f"an age is at most {MOST_DAYS}d, not {age}", remedy="such as 30d")
    return seconds


def named(name: str, what: str) -> str:
    """Give a person's name in normal form, so that one person cannot pass for two.

    >>> named("  Lan   Anh ", "--by")
    'Lan Anh'

    Errors: `config.missing`.
    """
    import unicodedata

    plain = " ".join(unicodedata.normalize("NFKC", name).split())
    if not plain:
        raise ConfigError("config.missing", f"{what} needs a name", remedy="say who does it")
    return plain
