"""Who does it: the name that was given, else the machine's user, so that it is always on record."""

from __future__ import annotations

import os
import pwd

from pophub.quarantine.selection import named


def operator(by: str) -> str:
    """Give the name of whoever does something to records, for the record of it.

    >>> operator(" Lan ")
    'Lan'
    >>> operator("").startswith("system user ")
    True
    """
    return named(by, "--by") if by.strip() else f"system user {_login()}"


def _login() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        return str(os.getuid())
