"""What `--as-of` names: a checkpoint, and a moment."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from pophub.domain.errors import ConfigError
from pophub.ledger.checkpoint import Checkpoint, find, make
from pophub.ledger.periods import moment
from pophub.postgres import connect
from pophub.settings import Settings


def checkpoint_of(settings: Settings, as_of: str) -> Checkpoint:
    """Give the checkpoint that a moment names; `now` signs one where something came since the last."""
    if as_of == "now":
        return make(settings)
    with closing(connect(settings, "pophub_read")) as connection:
        return find(connection, moment(as_of))


def moment_of(as_of: str, checkpoint: Checkpoint) -> datetime:
    """Give the moment as of which periods are open: of a checkpoint's number the time of its signing."""
    found = moment(as_of)
    return checkpoint.at if isinstance(found, int) else min(found, datetime.now(UTC))


def instant_of(as_of: str) -> datetime:
    """Give the time that a moment names.

    Errors: `cli.as_of` for a checkpoint.
    """
    found = moment(as_of)
    if isinstance(found, int):
        raise ConfigError(
            "cli.as_of", "this takes a day or a time, not a checkpoint", remedy="try --as-of 2024-12-31"
        )
    return found
