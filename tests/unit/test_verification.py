"""A verification from the page is the command itself, one at a time, and ends at its bound."""

from __future__ import annotations

import time
from pathlib import Path

import pages_kit
import pytest
from test_pages_doors import Asked

from pophub.settings import Settings
from pophub.web import verification
from pophub.web.app import create_pages
from pophub.web.verification import Verification, Verifications


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Verifications:
    """Verifications of a hub whose PostgreSQL is not there."""
    monkeypatch.setenv("POPHUB_HOME", str(tmp_path))
    monkeypatch.setenv("POPHUB_POSTGRES_HOST", "127.0.0.1")
    monkeypatch.setenv("POPHUB_POSTGRES_PORT", "1")
    return Verifications(Settings.load())


def over(asked: Verifications) -> Verification:
    until = time.monotonic() + 60
    while asked.last is not None and asked.last.ended is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert asked.last is not None
    return asked.last


def test_where_it_cannot_be_verified_the_page_gets_the_commands_own_code(asked: Verifications) -> None:
    asked.start("An")
    first = asked.last
    asked.start("Oanh")
    assert asked.last is first, "one at a time"
    found = over(asked)
    assert found.by == "An" and found.told is None
    assert found.error is not None and found.error.code == "postgres.unreachable"
    asked.start("Oanh")
    assert over(asked).by == "Oanh"


def test_it_is_offered_only_where_the_owners_secret_is(
    asked: Verifications, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app, form = create_pages(Settings.load(), visitor=pages_kit.auditor), {"token": pages_kit.TOKEN}
    assert Asked(app).request("POST", "/ledger/verify", data=form).status_code == 404
    assert not asked.possible and not (tmp_path / "secrets/postgres.pophub_owner").exists()
    monkeypatch.setenv("POPHUB_SECRET_POSTGRES_POPHUB_OWNER", "x")
    assert Asked(app).request("POST", "/ledger/verify", data=form).status_code == 303
    assert asked.possible


def test_what_takes_too_long_is_ended_and_said(asked: Verifications, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "MOST_S", 0.05)
    asked.start("An")
    found = over(asked)
    assert found.error is not None and found.error.code == "page.bounds"


def test_a_command_that_says_nothing_is_no_answer(asked: Verifications) -> None:
    for printed, said in (("", ""), ("{", ""), ("", "Killed"), ("", "{}")):
        told, error = verification._answer(printed, said)
        assert told is None and error is not None and error.code == "page.broken"


def test_a_command_that_is_not_there_is_said(asked: Verifications, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "POPHUB", "/nowhere/pophub")
    asked.start("An")
    found = over(asked)
    assert found.error is not None and found.error.code == "page.broken"
