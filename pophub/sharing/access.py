"""Who may read what today: access on the broker begins and ends with the right, and is told.

A right is in force from the day of its start to the day before its end. Its user may read the topic
of each dataset in force and nothing else; with the last right the user goes. Where a subscriber's file
cannot be read, or a dataset is not in the project, all is left as it is: a slip of the pen takes nobody's
access.

Atomic steps: rules and users on the broker first, then `hub.access`, which tells since when. A crash
between the two repeats the first, which changes nothing. With `hub.access` go the logins of the registry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date

import orjson

from pophub.contracts.subscription_model import Grant, SubscriptionFile
from pophub.domain.dates import today
from pophub.kafka import AccessRule, Administrator
from pophub.postgres import connect, statements, transaction
from pophub.settings import Settings
from pophub.sharing.logins import note_subscribers
from pophub.sharing.subscription import user_of

SQL = statements("access")
OWNER = "pophub_owner"
Right = tuple[str, str]
"""(recipient, stem)."""


def in_force(grant: Grant, day: date) -> bool:
    """Say whether a grant gives access on a day."""
    return grant.starts <= day and (grant.ends is None or day < grant.ends)


def rights(files: Iterable[SubscriptionFile], day: date) -> list[Right]:
    """Give the rights in force on a day."""
    return [(f.subscriber, grant.dataset) for f in files for grant in f.grants if in_force(grant, day)]


@dataclass(frozen=True)
class Declared:
    """What the project says of rights: datasets that it has, files that could be read, subscribers of those that not."""

    stems: Collection[str]
    files: Sequence[SubscriptionFile]
    unread: Collection[str]

    def wanted(self) -> list[Right]:
        """Give the rights in force today."""
        return rights(self.files, today())

    def judges(self, right: Right) -> bool:
        """Say whether the files tell of this right: neither its file nor its connector is missing or broken."""
        return right[0] not in self.unread and right[1] in self.stems


def settle(settings: Settings, declared: Declared) -> list[Right]:
    """Give and take access so that it is what the files say today; give the rights that ended by it."""
    wanted = declared.wanted()
    left = [right for right in _open(settings) if not declared.judges(right)]
    with closing(Administrator(settings)) as administrator:
        _settle_broker(administrator, wanted, left)
        ended = _note(settings, wanted, left)
        _remove(settings, administrator)
    return ended


def settle_due(settings: Settings, declared: Declared) -> list[Right]:
    """Settle where a right began or ended since the last time; give the rights that ended."""
    known = {right for right in _open(settings) if declared.judges(right)}
    return [] if known == set(declared.wanted()) else settle(settings, declared)


def _open(settings: Settings) -> list[Right]:
    with closing(connect(settings, OWNER)) as connection, transaction(connection, "access") as cursor:
        cursor.execute(SQL["open"])
        return [(recipient, stem) for recipient, stem in cursor.fetchall()]


def _rules(wanted: Iterable[Right]) -> list[AccessRule]:
    rules: list[AccessRule] = []
    for recipient, stem in wanted:
        user, topic = user_of(recipient), f"sub.{recipient}.{stem}"
        rules += [(user, "READ", "TOPIC", topic), (user, "DESCRIBE", "TOPIC", topic),
                  (user, "READ", "GROUP", f"{recipient}."),
                  ("pophub-share", "DESCRIBE", "GROUP", f"{recipient}.")]  # fmt: skip
    return rules


def _settle_broker(administrator: Administrator, wanted: Sequence[Right], left: Sequence[Right]) -> None:
    users = {user_of(recipient) for recipient, _ in wanted}
    administrator.ensure_users(sorted(users))
    administrator.ensure_rules(_rules(wanted))
    kept = _rules([*wanted, *left])
    administrator.remove_rules(lambda rule: rule[0].startswith(user_of("")) and rule not in kept)
    users |= {user_of(recipient) for recipient, _ in left}
    administrator.remove_users(
        u for u in administrator.users() if u.startswith(user_of("")) and u not in users
    )


def _note(settings: Settings, wanted: Sequence[Right], left: Sequence[Right]) -> list[Right]:
    with closing(connect(settings, OWNER)) as connection, transaction(connection, "access") as cursor:
        cursor.execute(SQL["give"], _columns(wanted))
        cursor.execute(SQL["end"], _columns([*wanted, *left]))
        ended = [(recipient, stem) for recipient, stem in cursor.fetchall()]
        note_subscribers(cursor, settings, (recipient for recipient, _ in wanted))
        return ended


def _columns(found: Sequence[Right]) -> dict[str, list[str]]:
    return {"recipients": [recipient for recipient, _ in found], "stems": [stem for _, stem in found]}


def _remove(settings: Settings, administrator: Administrator) -> None:
    """Take off the topics what ended rights leave there, where their terms say so.

    How far the ledger had come stays on record, so that reconciliation expects no more than is left.
    """
    with closing(connect(settings, OWNER)) as connection:
        with transaction(connection, "access") as cursor:
            cursor.execute(SQL["to_remove"])
            found = cursor.fetchall()
        for recipient, stem in found:
            administrator.empty_topic(f"sub.{recipient}.{stem}")
            with transaction(connection, "access") as cursor:
                cursor.execute(SQL["lanes"], (recipient, stem))
                upto = orjson.dumps({str(lane): sequence for lane, sequence in cursor.fetchall()})
                cursor.execute(SQL["removed"], (upto.decode(), recipient, stem))
