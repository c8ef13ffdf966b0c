"""The ledger verified for somebody who asks on its page: by the command itself, one at a time, ended at its bound."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pophub.domain.errors import ConfigError, PophubError, TransientError
from pophub.settings import Settings

MOST_S = 900
POPHUB = str(Path(sys.executable).with_name("pophub"))


@dataclass
class Verification:
    """A verification that somebody asked for. Shape: `told` is what `pophub ledger verify --json` prints, once it is over."""

    by: str
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    told: dict[str, Any] | None = None
    error: PophubError | None = None


class Verifications:
    """The newest verification of this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self.last: Verification | None = None

    @property
    def possible(self) -> bool:
        """Tell whether this process may verify: the command reads as the owner, whose secret is not at every place."""
        return self._settings.has_secret("postgres.pophub_owner")

    def start(self, by: str) -> None:
        """Begin one; while one is at work it goes on, and who asks gets its answer."""
        with self._lock:
            if self.last is not None and self.last.ended is None:
                return
            self.last = Verification(by)
            threading.Thread(target=self._verify, args=(self.last,), daemon=True, name="verification").start()

    def _verify(self, one: Verification) -> None:
        known = {"POPHUB_HOME": str(self._settings.home), "POPHUB_PROJECT": str(self._settings.project)}
        try:
            done = subprocess.run(
                [POPHUB, "ledger", "verify", "--json"], capture_output=True, text=True, timeout=MOST_S, check=False,
                env=os.environ | known,
            )  # fmt: skip
            one.told, one.error = _answer(done.stdout, done.stderr)
        except subprocess.TimeoutExpired:
            one.error = ConfigError(
                "page.bounds", "the ledger is too long to be verified from a page", where="ledger",
                remedy="run pophub ledger verify",
            )  # fmt: skip
        except OSError:
            one.error = _broken()
        finally:
            one.ended = datetime.now(UTC)


def _answer(printed: str, said: str) -> tuple[dict[str, Any] | None, PophubError | None]:
    """Read what the command printed, or the error that it told."""
    try:
        if printed.strip():
            told: dict[str, Any] = json.loads(printed)
            return told, None
        error = json.loads(said[said.find("{") :])
        return None, TransientError(
            error["code"], error["what"], where=error["where"], remedy=error["remedy"]
        )
    except (ValueError, KeyError):
        return None, _broken()


def _broken() -> TransientError:
    return TransientError(
        "page.broken", "the command ended without an answer", where="ledger", remedy="run it by hand"
    )
