"""Who may ask pages and registry where they are served alone: fingerprints, so that neither has to hold a secret.

A login is a name and the secret behind it: Airflow's administrator, and each subscriber's user on the broker.
"""

from __future__ import annotations

from collections.abc import Iterable

from pophub.postgres import Cursor, statements
from pophub.settings import Settings
from pophub.sharing.secret_in_use import fingerprint
from pophub.sharing.subscription import user_of

SQL = statements("person")
OPERATOR = "admin"
OPERATORS = "airflow.admin"
SCRAPER = "web.metrics"
"""The secret that a scrape of the metrics brings."""


def note_operator(cursor: Cursor, settings: Settings) -> None:
    """Note the operator's login where this hub has one; asking for the secret would make one."""
    if settings.has_secret(OPERATORS):
        _note(cursor, OPERATOR, settings.secret(OPERATORS))


def note_subscribers(cursor: Cursor, settings: Settings, recipients: Iterable[str]) -> None:
    """Note the logins of those who have a right in force, and forget the rest."""
    for user in sorted({user_of(recipient) for recipient in recipients}):
        _note(cursor, user, settings.secret(f"kafka.{user}"))
    cursor.execute(SQL["forget_logins"], (user_of(""),))


def _note(cursor: Cursor, name: str, secret: str) -> None:
    cursor.execute(SQL["note_login"], (name, fingerprint(name, secret)))
