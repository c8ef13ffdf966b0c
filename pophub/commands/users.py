"""user: the people whom commands of consequence ask for a login."""

from __future__ import annotations

from contextlib import closing

from pophub.commands.output import answer, print_json, print_table, talk
from pophub.commands.quarantine_access import reading, when
from pophub.commands.who import acting
from pophub.postgres import connect
from pophub.quarantine import persons
from pophub.settings import Settings
from pophub.sharing.registry import OWNER


def add(name: str, role: str, by: str, as_json: bool) -> None:
    """Add a user and print the password, this once."""
    who = acting(by)
    with closing(connect(Settings.load(), OWNER)) as connection:
        password = persons.add(connection, name, who, role)
    if as_json:
        print_json({"user": name, "role": role, "password": password, "added_by": who})
        return
    answer.print(f"{role} {name} added; password: {password}", markup=False)
    talk.print("it is shown this once and kept nowhere: hand it to nobody but this person")


def remove(name: str, by: str, as_json: bool) -> None:
    """End a user's login."""
    who = acting(by)
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
    print_table("Users", ("name", "role", "added", "by", "removed", "by"), [
        (p["name"], p["role"], when(p["added_at"]), p["added_by"], p["removed_at"] and when(p["removed_at"]), p["removed_by"]) for p in found
    ], empty="none; add one by pophub user add NAME")  # fmt: skip
