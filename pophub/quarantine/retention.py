"""How long rejections may wait and are kept: policies, what is overdue, a warning before, a record after."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from pophub.contracts.model import Connector
from pophub.domain.errors import ConfigError
from pophub.postgres import Connection, only_row, transaction
from pophub.quarantine.selection import MOST_DAYS, SQL, named

WARN_DAYS = 14
EXPIRE_ROWS = 5_000


class Policy(NamedTuple):
    """What holds for a dataset; number 0 is the default: kept for ever.

    Units: days since the first judging.
    """

    number: int
    stem: str
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
    """Keep a new policy of a dataset; earlier ones stay on record.

    Errors: `config.range` where a number of days is more than a hundred years.
    """
    for option, days in (("--retain-days", policy.retain_days), ("--warn-days", policy.warn_days)):
        if days is not None and days > MOST_DAYS:
            raise ConfigError(
                "config.range",
                f"{option} takes at most {MOST_DAYS:,} days, not {days:,}",
                remedy="--retain-days 0 keeps for ever",
            )
    who = named(policy.set_by, "--by")
    with transaction(connection, "setting a policy") as cursor:
        cursor.execute(SQL["set_policy"], (policy.stem, policy.retain_days, policy.warn_days, who))
        return int(only_row(cursor)[0])


def overdue(connection: Connection, connectors: Iterable[Connector]) -> list[dict[str, Any]]:
    """Give what waits longer than its connector's `live.overdue_s`, and the owner to whom it is escalated."""
    found: list[dict[str, Any]] = []
    for connector in sorted(connectors, key=lambda c: c.stem):
        owner, overdue_s = connector.file.owner, connector.file.live.overdue_s
        with transaction(connection, "looking for overdue versions") as cursor:
            cursor.execute(SQL["overdue"], {"stem": connector.stem, "overdue_s": overdue_s})
            rows = cursor.fetchall()
        found += [
            {"stem": stem, "gate": gate, "records": records, "oldest": oldest, "overdue_days": overdue_s // 86400,
             "owner": owner.name, "email": owner.email}
            for stem, gate, records, oldest in rows
        ]  # fmt: skip
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


def keep(
    connection: Connection, stems: Iterable[str], by: str, *, do: bool, ahead_days: int | None = None
) -> list[dict[str, Any]]:
    """Go through the policies of datasets: what is due, what falls due soon, and, with `do`, what went."""
    found = []
    for policy in policies(connection, stems).values():
        days = policy.warn_days if ahead_days is None else ahead_days
        due = sum(r["records"] for r in expiring(connection, policy, 0))
        soon = sum(r["records"] for r in expiring(connection, policy, days)) - due
        found.append(
            {"stem": policy.stem, "retain_days": policy.retain_days, "due": due, "within_days": days, "soon": soon,
             "expired": expire(connection, policy, by) if do else 0}
        )  # fmt: skip
    return found
