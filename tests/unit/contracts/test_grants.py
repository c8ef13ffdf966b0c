"""What a subscription file may not say is refused, with its code and its line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pophub.contracts.load import load_all, load_subscriptions
from pophub.domain.errors import ConfigError
from pophub.settings import PROJECT

Refused = Callable[..., list[ConfigError]]
HEAD = "subscription: 1\nsubscriber: {name}\ntitle: {{en: x, vi: x}}\ngrants:\n"
GRANT = (
    "  - dataset: mps.citizens\n    purpose: {en: x, vi: x}\n    legal_basis: x\n"
    "    fields: [citizen_id]\n    starts: 2022-01-01\n"
)


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Give the errors of one subscription file in a project with the repository's connectors."""
    for folder in ("connectors", "schemas", "expectations"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    connectors, _ = load_all(tmp_path)

    def check(name: str = "reader", more: str = "") -> list[ConfigError]:
        path = tmp_path / "subscriptions" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD.format(name=name) + GRANT + more)
        try:
            return load_subscriptions(tmp_path, connectors)[1]
        finally:
            path.unlink()

    return check


def test_a_plain_grant_is_sound(refused: Refused) -> None:
    assert refused() == []


@pytest.mark.parametrize(
    "name", ["admin", "population", "shared", "controller", "raw", "pophub", "pophub_share", "alerts"]
)
def test_names_of_the_hub_itself_are_refused(refused: Refused, name: str) -> None:
    (error,) = refused(name)
    assert (error.code, name in error.what) == ("config.reserved", True)
    assert error.where.endswith(f"{name}.yaml:2"), error.where
