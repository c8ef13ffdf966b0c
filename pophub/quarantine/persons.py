"""People with a login of their own, so that two who sign a repair are two.

The hub makes each password, tells it once and keeps a salted hash (scrypt). What is made has 144 random
bits, so that nobody finds it by trying.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Any, NamedTuple

from pophub.domain.errors import ConfigError, PromiseBroken
from pophub.postgres import Connection, statements, transaction
from pophub.quarantine.selection import named

SQL = statements("person")
PASSWORD_BYTES = 18
SALT_BYTES = 16
ROLES = ("viewer", "operator", "auditor")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,62}")


def hashed(password: str, salt: bytes) -> bytes:
    """Give 32 bytes that tell a password from another and are slow to find it by."""
    given = password.encode(errors="surrogateescape")
    return hashlib.scrypt(given, salt=salt, n=2**14, r=8, p=1, dklen=32)


def add(connection: Connection, name: str, by: str, role: str = "operator") -> str:
    """Add a user; give the password, which is kept nowhere.

    Errors: `user.name`, `user.exists`, `cli.choice` for a role that there is not.
    """
    if role not in ROLES:
        raise ConfigError(
            "cli.choice", f"a role is one of {', '.join(ROLES)}", remedy="such as --role viewer"
        )
    if not _NAME.fullmatch(name):
        raise ConfigError(
            "user.name", "a user's name begins with a letter from A to Z; letters, digits and . _ - follow, 63 in all",
            remedy="such as pophub user add Lan",
        )  # fmt: skip
    password, salt = secrets.token_urlsafe(PASSWORD_BYTES), secrets.token_bytes(SALT_BYTES)
    with transaction(connection, "adding a user") as cursor:
        cursor.execute(SQL["add"], (name, salt, hashed(password, salt), role, by))
        if cursor.fetchone() is None:
            raise ConfigError(
                "user.exists", "a user has this name", where=name,
                remedy="choose another; where the password is lost, remove the user, then add it again",
            )  # fmt: skip
    return password


def remove(connection: Connection, name: str, by: str) -> str:
    """End a user's login, and give its name as it was added; what the user proposed and approved stays.

    Errors: `user.unknown`.
    """
    with transaction(connection, "removing a user") as cursor:
        cursor.execute(SQL["remove"], (by, name))
        row = cursor.fetchone()
    if row is None:
        raise ConfigError(
            "user.unknown", "no user has this name", where=name, remedy="see `pophub user list`"
        )
    return str(row[0])


def people(connection: Connection, *, removed: bool = False) -> list[dict[str, Any]]:
    """Give the users by name, those that were removed too where asked for; no salt and no hash."""
    with transaction(connection, "reading users") as cursor:
        cursor.execute(SQL["people"], (removed,))
        names = ("name", "role", "added_by", "added_at", "removed_by", "removed_at")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class LoggedIn(NamedTuple):
    """A user who gave the password."""

    name: str
    role: str


def login(connection: Connection, name: str, password: str) -> str:
    """Give the name of a user who acts, as it was added, where this is the password.

    Errors: `user.login`, the same for a name that nobody has and for another's password; `user.role`.
    """
    person = known(connection, name, password)
    if person.role != "operator":
        raise ConfigError(
            "user.role", f"a user of role {person.role} does not act", where=person.name,
            remedy="an operator does it: `pophub user list` shows the roles",
        )  # fmt: skip
    return person.name


def known(connection: Connection, name: str, password: str) -> LoggedIn:
    """Give the user whose name and password these are.

    Errors: `user.login`, the same for a name that nobody has and for another's password.
    """
    with transaction(connection, "logging in") as cursor:
        cursor.execute(SQL["login"], (named(name, "--by"),))
        row = cursor.fetchone()
    found, role, salt, kept = row or ("", "", bytes(SALT_BYTES), b"")
    if not hmac.compare_digest(hashed(password, bytes(salt)), bytes(kept)):
        raise ConfigError(
            "user.login", "no user has this name and this password", where="--by",
            remedy="give your own; see `pophub user list`, or have yourself added by `pophub user add`",
        )  # fmt: skip
    return LoggedIn(str(found), str(role))


def signer(connection: Connection, name: str) -> str:
    """Give the name of the user who is called so and acts, as it was added; "" where there is none."""
    with transaction(connection, "looking for a user") as cursor:
        cursor.execute(SQL["login"], (name,))
        row = cursor.fetchone()
    return str(row[0]) if row is not None and row[1] == "operator" else ""


def demand_proposer(connection: Connection, proposal: int) -> None:
    """Refuse a proposal that waits and was made without a login: nobody knows whose it is.

    Errors: `repair.proposer`.
    """
    with transaction(connection, "reading a proposal") as cursor:
        cursor.execute(SQL["unproven"], (proposal,))
        if cursor.fetchone() is not None:
            raise PromiseBroken(
                "repair.proposer", "who proposed this repair had no login then", where=f"proposal {proposal}",
                remedy="propose it again as a user: `pophub quarantine repair`",
            )  # fmt: skip
