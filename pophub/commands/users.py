"""user: who may propose and approve; and the login that such a command asks for."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from getpass import getpass

from pophub.commands.output import answer, print_json, print_table, talk
from pophub.commands.quarantine_access import reading, when
from pophub.commands.who import operator
from pophub.domain.errors import ConfigError
from pophub.postgres import Connection, connect
from pophub.quarantine import persons
from pophub.settings import Settings
from pophub.sharing.registry import OWNER

VARIABLE = "POPHUB_PERSON_PASSWORD"


def add(name: str, by: str, as_json: bool) -> None:
    """Add a user and print the password, this once."""
    who = operator(by)
    with closing(connect(Settings.load(), OWNER)) as connection:
        password = persons.add(connection, name, who)
    if as_json:
        print_json({"user": name, "password": password, "added_by": who})
        return
    answer.print(f"user {name} added; password: {password}", markup=False)
    talk.print("it is shown this once and kept nowhere: hand it to nobody but this person")


def remove(name: str, by: str, as_json: bool) -> None:
    """End a user's login."""
    who = operator(by)
    with closing(connect(Settings.load(), OWNER)) as connection:
        known = persons.remove(connection, name, who)
    if as_json:
        print_json({"user": known, "removed_by": who})
        return
    answer.print(f"user {known} removed; what it proposed and approved stays", markup=False)


def show(everyone: bool, as_json: bool) -> None:
    """Print the users."""
    with reading() as connection:
        found = persons.people(connection, removed=everyone)
    if as_json:
        print_json({"users": found})
        return
    print_table("Users", ("name", "added", "by", "removed", "by"), [
        (p["name"], when(p["added_at"]), p["added_by"], p["removed_at"] and when(p["removed_at"]), p["removed_by"]) for p in found
    ], empty="none; add one by pophub user add NAME")  # fmt: skip


def proven(connection: Connection, by: str) -> str:
    """Give the name of the user who acts, once the password was given.

    Errors: `user.password`, `user.login`.
    """
    return persons.login(connection, by, _password())


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
