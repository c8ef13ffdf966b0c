"""What was done to the world, in order: each operation done, failed or indefinite, with a unique value.

An indefinite operation may count as either (Jepsen's rule); a done one must have its effect once, a
failed one never.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from command_kit import Ran
    from hubkit import Project

Outcome = Literal["done", "failed", "indefinite"]
SYLLABLES = [
    "An",
    "Anh",
    "Bình",
    "Châu",
    "Cường",
    "Dung",
    "Dũng",
    "Giang",
    "Hà",
    "Hải",
    "Hạnh",
    "Hiếu",
    "Hoa",
    "Hùng",
    "Huy",
    "Khánh",
    "Khoa",
    "Lan",
    "Linh",
    "Long",
    "Mai",
    "Minh",
    "Nam",
    "Nga",
    "Ngọc",
    "Nhung",
    "Phong",
    "Phúc",
    "Quân",
    "Quang",
    "Sơn",
    "Tâm",
    "Thảo",
    "Thu",
    "Trang",
    "Trung",
    "Tú",
    "Tuấn",
    "Vân",
    "Yến",
]


@dataclass
class Operation:
    """One write at a source, or one run of a stage."""

    what: str
    stem: str
    value: str = ""
    key: str = ""
    minutes_ago: float = 0
    outcome: Outcome = "indefinite"
    told: str = ""


@dataclass
class Journal:
    """All operations of a run of the bench, and the counter that makes its values unique."""

    operations: list[Operation] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def unique_name(self) -> str:
        """Give a person's name that no other version of this run has."""
        number, syllables = next(self._numbers), []
        for _ in range(4):
            number, rest = divmod(number, len(SYLLABLES))
            syllables.append(SYLLABLES[rest])
        return " ".join(["Nguyễn", *reversed(syllables)])

    def put(self, project: Project, person: int, minutes_ago: float, **changed: Any) -> Operation:
        """Insert a sound citizen under a unique name; name and household say that they belong together."""
        return self._write(project, project.put, "put", person, minutes_ago, changed)

    def update(self, project: Project, person: int, minutes_ago: float, **changed: Any) -> Operation:
        """Change a citizen to a new unique name and household."""
        return self._write(project, project.update, "update", person, minutes_ago, changed)

    def delete(self, project: Project, person: int, minutes_ago: float) -> Operation:
        """Mark a citizen as deleted at the source."""
        with self._doing("delete", project.stem, "", project.number_of(person), minutes_ago) as operation:
            project.update(person, minutes_ago, da_xoa=True)
        return operation

    def remove(self, project: Project, person: int, minutes_ago: float) -> Operation:
        """Delete a citizen's row at the source."""
        key = project.number_of(person)
        with self._doing("delete", project.stem, "", key, minutes_ago) as operation:
            project.sql("delete from dancu.cong_dan where so_ddcn = %s", key)
        return operation

    def _write(
        self, project: Project, write: Callable[..., Any], what: str, person: int, ago: float,
        changed: dict[str, Any],
    ) -> Operation:  # fmt: skip
        value = self.unique_name()
        key = changed.get("so_ddcn", project.number_of(person))
        with self._doing(what, project.stem, value, key, ago) as operation:
            write(person, ago, **{"ho_ten": value, "ma_ho": household(value), **changed})
        return operation

    @contextmanager
    def _doing(self, what: str, stem: str, value: str, key: str, ago: float) -> Iterator[Operation]:
        operation = Operation(what, stem, value, key, ago)
        self.operations.append(operation)
        yield operation
        operation.outcome = "done"

    def ran(self, project: Project, steps: str, ran: Ran) -> Ran:
        """Record how a run of stages ended: what was killed or broke off is indefinite."""
        outcome: Outcome = "done" if (ran.code, ran.error) == (0, None) else "indefinite"
        told = ran.error or f"exit {ran.code}"
        self.operations.append(Operation(steps, project.stem, outcome=outcome, told=told))
        return ran

    def writes(self, stem: str) -> list[Operation]:
        """Give the writes at the source of a dataset, in order."""
        return [o for o in self.operations if o.stem == stem and o.what in ("put", "update", "delete")]


def household(name: str) -> str:
    """Give the household that a write under this name carries, so that a torn version shows."""
    return "H." + ".".join(str(SYLLABLES.index(s)) for s in name.split()[1:])
