"""Who does it: a user who gave the password, else the machine's user, so that somebody true is always on record."""

from __future__ import annotations

import os
import pwd
import sys
from contextlib import closing
from getpass import getpass

from pophub.domain.errors import ConfigError
from pophub.postgres import Connection, connect
from pophub.quarantine import persons
from pophub.settings import Settings

VARIABLE = "POPHUB_PERSON_PASSWORD"


def acting(by: str) -> str:
    """Give who does an act of consequence: the user that `--by` names, once its password was given.

    Without a name it is the machine's user, whom the machine has asked who it is.
    Errors: `user.password`, `user.login`.
    """
    if not by.strip():
        return machine_user()
    with closing(connect(Settings.load(), "pophub_judge")) as connection:
        return proven(connection, by)


def proven(connection: Connection, by: str) -> str:
    """Give the name of the user who acts, once the password was given.

    Errors: `user.password`, `user.login`.
    """
    return persons.login(connection, by, _password())


def machine_user() -> str:
    """Name the user of this machine whose process it is.

    >>> machine_user().startswith("system user ")
    True
    """
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        name = str(os.getuid())
    return f"system user {name}"


def _password() -> str:
    """Take the password of the variable, out of reach of what is started from here; else ask for it."""
    given = os.environ.pop(VARIABLE, "")
    if not given and sys.stdin.isatty():
        given = getpass("password of your user: ", stream=sys.stderr)
    if not given:
        raise ConfigError(
            "user.password", "no password was given", where="--by",
            remedy=f"run it in a terminal, which asks for it, or set {VARIABLE}; never as an argument",
        )  # fmt: skip
    return given
