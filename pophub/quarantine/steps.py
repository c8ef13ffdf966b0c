"""What a person does about a group of failed versions, or about something late: assign, return, acknowledge, undo.

A step is one statement; none changes a version. One step of an act is open for a dataset, code and field: another
takes its place, and each stays on record with who took it back.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from pophub.domain.errors import ConfigError
from pophub.postgres import Connection, only_row, transaction
from pophub.quarantine.selection import SQL, named

ACTS = ("assigned", "returned", "acknowledged")


class About(NamedTuple):
    """What a step is about: the group of versions of a dataset that failed a code in a field, or a matter of the watcher."""

    stem: str
    code: str
    field: str = ""


class StepTaken(NamedTuple):
    """A step that is in force."""

    step: int
    act: str
    stem: str
    code: str
    field: str
    whom: str
    reason: str
    done_by: str
    done_at: datetime

    @property
    def about(self) -> About:
        """What it is about."""
        return About(self.stem, self.code, self.field)


def open_steps(connection: Connection) -> list[StepTaken]:
    """Give the steps that are in force, in their order."""
    with transaction(connection, "reading steps") as cursor:
        cursor.execute(SQL["steps"])
        return [StepTaken(*row) for row in cursor.fetchall()]


def take(connection: Connection, act: str, about: About, by: str, *, whom: str = "", reason: str = "") -> int:
    """Keep a step and give its number; an open one of the same act about the same ends with it.

    Errors: `config.missing` where nobody is named, or nobody to whom it is assigned.
    """
    who = named(by, "--by")
    if act == "assigned":
        whom = named(whom, "the person to whom it is assigned")
    with transaction(connection, "taking a step") as cursor:
        values = {**about._asdict(), "act": act, "whom": whom, "reason": reason, "by": who}
        cursor.execute(SQL["lock_steps"])
        cursor.execute(SQL["end_step"], values)
        cursor.execute(SQL["take_step"], values)
        return int(only_row(cursor)[0])


def undo(connection: Connection, step: int, by: str) -> None:
    """Take a step back.

    Errors: `quarantine.step` where there is none of that number, or it was taken back before.
    """
    with transaction(connection, "taking a step back") as cursor:
        cursor.execute(SQL["undo_step"], (named(by, "--by"), step))
        if cursor.fetchone() is None:
            raise ConfigError(
                "quarantine.step", "the step is not in force", where=f"step {step}",
                remedy="load the page again: somebody took it back, or another took its place",
            )  # fmt: skip


class Reveal(NamedTuple):
    """Somebody saw values of records. Shape: `what` is `record <event id>`, or `export <code> <field>`."""

    number: int
    stem: str
    what: str
    records: int
    reason: str
    by: str
    at: datetime


def reveal(connection: Connection, stem: str, what: str, records: int, reason: str, by: str) -> None:
    """Keep who is to see values and why, before any of them is shown.

    Errors: `config.missing` without a reason.
    """
    with transaction(connection, "revealing values") as cursor:
        values = (stem, what, records, named(reason, "a reason"), named(by, "--by"))
        cursor.execute(SQL["reveal"], values)


def reveals(connection: Connection, most: int = 500) -> list[Reveal]:
    """Give the newest looks at values, the newest first."""
    with transaction(connection, "reading reveals") as cursor:
        cursor.execute(SQL["reveals"], (most,))
        return [Reveal(*row) for row in cursor.fetchall()]
