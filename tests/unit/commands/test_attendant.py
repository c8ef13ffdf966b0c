"""A verification that a page asks for is the command itself, and ends at its bound."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pophub.commands import attendant
from pophub.commands.attendant import answered, started, verified
from pophub.commands.requests import Done
from pophub.commands.switches import has_login
from pophub.settings import Settings


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """A hub whose PostgreSQL is not there."""
    monkeypatch.setenv("POPHUB_HOME", str(tmp_path))
    monkeypatch.setenv("POPHUB_POSTGRES_HOST", "127.0.0.1")
    monkeypatch.setenv("POPHUB_POSTGRES_PORT", "1")
    return Settings.load()


def test_where_it_cannot_be_verified_the_answer_is_the_commands_own_code(settings: Settings) -> None:
    assert verified(settings) == Done("postgres.unreachable")


def test_a_hub_without_a_login_at_airflow_starts_no_run_and_makes_no_login(settings: Settings) -> None:
    assert started(settings, "mps.citizens", "Oanh", datetime.now(UTC)) == Done("airflow.refused")
    assert not has_login(settings)


def test_what_takes_too_long_is_ended_and_said(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attendant, "MOST_S", 0.05)
    assert verified(settings) == Done("page.bounds")


@pytest.mark.parametrize(("printed", "said"), [("", ""), ("{", ""), ("[]", "x"), ("", "Killed"), ("", "{}")])
def test_a_command_that_says_nothing_is_no_answer(printed: str, said: str) -> None:
    assert answered(printed, said) == Done("page.broken")


def test_a_command_that_is_not_there_is_said(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attendant, "POPHUB", "/nowhere/pophub")
    assert verified(settings) == Done("page.broken")
