"""A user's name and password, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from pophub.commands import who
from pophub.quarantine import persons
from tests.refused import refused

NO_SERVER: Any = None


@pytest.mark.parametrize("name", ["", "7", "Lan Anh", "Lân", "L" * 64, "Lan\n", " Lan", "-Lan", "Lаn"])
def test_a_name_that_could_be_read_as_anothers_is_refused(name: str) -> None:
    with refused("user.name"):
        persons.add(NO_SERVER, name, "Minh")


def test_a_hash_tells_passwords_and_salts_apart() -> None:
    kept = persons.hashed("one", b"salt")
    assert kept == persons.hashed("one", b"salt")
    assert kept not in (persons.hashed("two", b"salt"), persons.hashed("one", b"sale"))
    assert len(persons.hashed("\udcff", b"salt")) == 32, "bytes that are no text"


def test_without_terminal_and_variable_no_user_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POPHUB_PERSON_PASSWORD", "")
    with refused("user.password"):
        who.proven(NO_SERVER, "Lan")
