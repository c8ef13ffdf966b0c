"""How long rejections may wait and are kept: policies, what is overdue, a warning before, a record after."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from pophub.contracts.model import Connector
from pophub.postgres import Connection, only_row, transaction
from pophub.quarantine.selection import SQL, named

OVERDUE_DAYS = 7
WARN_DAYS = 14
EXPIRE_ROWS = 5_000


class Policy(NamedTuple):
    """What holds for a dataset; number 0 is the default: told after a week, kept for ever.

    Units: days since the first judging.
    """

    number: int
    stem: str
    overdue_days: int = OVERDUE_DAYS
    retain_days: int | None = None
    warn_days: int = WARN_DAYS
    set_by: str = ""
    set_at: datetime | None = None


def policies(connection: Connection, stems: Iterable[str]) -> dict[str, Policy]:
    """Give the policy of each dataset."""
    with transaction(connection, "reading policies") as cursor:
        cursor.execute(SQL["policies"])
        found = {row[1]: Policy(*row) for row in cursor.fetchall()}
    return {stem: found.get(stem, Policy(0, stem)) for stem in stems}


def set_policy(connection: Connection, policy: Policy) -> int:
    """Keep a new policy of a dataset; earlier ones stay on record."""
    who = named(policy.set_by, "--by")
    with transaction(connection, "setting a policy") as cursor:
        cursor.execute(
            SQL["set_policy"], (policy.stem, policy.overdue_days, policy.retain_days, policy.warn_days, who)
        )
        return int(only_row(cursor)[0])


def overdue(connection: Connection, connectors: Iterable[Connector]) -> list[dict[str, Any]]:
    """Give what waits longer than its policy allows, with the owner to whom it is escalated."""
    chosen = {c.stem: c for c in connectors}
    found: list[dict[str, Any]] = []
    for stem, policy in sorted(policies(connection, chosen).items()):
        with transaction(connection, "looking for overdue versions") as cursor:
            cursor.execute(SQL["overdue"], {"stem": stem, "days": policy.overdue_days})
            for _, gate, records, oldest in cursor.fetchall():
                owner = chosen[stem].file.owner
                found.append(
                    {"stem": stem, "gate": gate, "records": records, "oldest": oldest,
                     "overdue_days": policy.overdue_days, "owner": owner.name, "email": owner.email}
                )  # fmt: skip
    return found


def expiring(connection: Connection, policy: Policy, ahead_days: int) -> list[dict[str, Any]]:
    """Give by state how many versions expire within so many days, and when the first does."""
    if policy.retain_days is None:
        return []
    with transaction(connection, "looking for what expires") as cursor:
        cursor.execute(
            SQL["expiring"], {"stem": policy.stem, "retain": policy.retain_days, "ahead": ahead_days}
        )
        return [
            {"stem": policy.stem, "state": s, "records": n, "first": at} for s, n, at in cursor.fetchall()
        ]


def expire(connection: Connection, policy: Policy, by: str) -> int:
    """Remove what was sent of versions past their retention; a record of each stays.

    The lane rows are locked first, as judge and replay do, so that none of these is judged meanwhile.
    """
    if policy.retain_days is None:
        return 0
    values = {"stem": policy.stem, "retain": policy.retain_days, "policy": policy.number, "by": named(by, "--by"),
              "limit": EXPIRE_ROWS}  # fmt: skip
    gone = 0
    while True:
        with transaction(connection, f"retention of {policy.stem}") as cursor:
            cursor.execute(SQL["lock_stem"], (policy.stem,))
            cursor.execute(SQL["expire"], values)
            step = cursor.rowcount
        gone += step
        if step < EXPIRE_ROWS:
            return gone
