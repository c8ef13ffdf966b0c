"""Holds the secret of pseudonyms against the one that was in use: another one would rename every record.

The database keeps what the secret's fingerprint is, never the secret: a home that is new, or was put
back from another day, is found before anything leaves under a second name.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from pophub.domain.codes import explain
from pophub.domain.errors import ConfigError
from pophub.postgres import Connection, Cursor, transaction
from pophub.settings import Settings, secret_lost

PSEUDONYMS = "hub.pseudonyms"
KNOWN_SQL = "select fingerprint from hub.secret_in_use where name = %s"


@lru_cache(8)
def fingerprint(name: str, value: str) -> bytes:
    """Give 16 bytes that tell a secret from another and are slow to guess it by."""
    return hashlib.scrypt(value.encode(), salt=f"pophub {name}".encode(), n=2**14, r=8, p=1, dklen=16)


def note_in_use(cursor: Cursor, settings: Settings) -> None:
    """Note the secret as the one in use, made now where there is none; what was noted stays."""
    cursor.execute(KNOWN_SQL, (PSEUDONYMS,))
    if cursor.fetchone() is None:
        mark = fingerprint(PSEUDONYMS, settings.secret(PSEUDONYMS))
        cursor.execute(
            "insert into hub.secret_in_use (name, fingerprint) values (%s, %s) on conflict do nothing",
            (PSEUDONYMS, mark),
        )


def pseudonym_secret(connection: Connection, settings: Settings) -> str:
    """Give the secret from which subscribers' keys and transaction ids are derived.

    Errors: `secret.lost` where it is gone, `secret.changed` where another one stands in its place.
    """
    with transaction(connection, "looking up a secret") as cursor:
        cursor.execute(KNOWN_SQL, (PSEUDONYMS,))
        row = cursor.fetchone()
    if row is not None and not settings.has_secret(PSEUDONYMS):
        raise secret_lost(PSEUDONYMS)
    value = settings.secret(PSEUDONYMS)
    if row is not None and bytes(row[0]) != fingerprint(PSEUDONYMS, value):
        words = explain("secret.changed")
        raise ConfigError(
            "secret.changed",
            f"the secret {PSEUDONYMS} is not the one that was in use: records would leave under second names",
            where=f"secrets/{PSEUDONYMS}",
            remedy=words.remedy,
        )
    return value
