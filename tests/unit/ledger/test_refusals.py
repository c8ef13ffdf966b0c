"""What the ledger refuses without its database: a key that is not here, or no key."""

from __future__ import annotations

from pathlib import Path

import pytest

from pophub.ledger.signing import KEY, public_key, sign
from pophub.settings import Settings
from tests.refused import refused


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("POPHUB_HOME", str(tmp_path))
    return Settings.load()


def test_a_key_is_made_to_sign_and_never_to_check(settings: Settings) -> None:
    with refused("secret.lost"):
        public_key(settings)
    assert not (settings.home / "secrets" / KEY).exists()
    _, made = sign(settings, {"checkpoint": 1})
    assert public_key(settings) == made


@pytest.mark.parametrize("text", ["c2hvcnQ", "no base64!", "A" * 44])
def test_what_is_no_key_signs_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("POPHUB_SECRET_LEDGER_ED25519", text)
    with refused("ledger.key_invalid"):
        sign(settings, {"checkpoint": 1})
