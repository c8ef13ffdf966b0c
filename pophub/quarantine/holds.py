"""Held batches, and pause and resume of a connector or of a subscription."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Any, NamedTuple

from pophub.domain.errors import ConfigError
from pophub.postgres import Connection, connect, transaction
from pophub.quarantine.selection import SQL, named
from pophub.settings import Settings

HELD = (
    "hold",
    "stem",
    "code",
    "subject",
    "what",
    "remedy",
    "since",
    "last_seen",
    "released_at",
    "released_by",
    "reason",
)


def holds(connection: Connection, stem: str | None = None, everything: bool = False) -> list[dict[str, Any]]:
    """Give held batches: what differed and what mends it; released ones too where asked."""
    with transaction(connection, "reading holds") as cursor:
        cursor.execute(SQL["holds"], {"all": everything, "stem": stem})
        return [dict(zip(HELD, row, strict=True)) for row in cursor.fetchall()]


class Released(NamedTuple):
    """How a hold was released; `released_by` is None where the next run found nothing wrong."""

    stem: str
    released_at: datetime
    released_by: str | None
    reason: str | None


class Paused(NamedTuple):
    """The newest pause of a connector or subscription, and its end where it has one."""

    reason: str
    paused_by: str
    paused_at: datetime
    resumed_by: str | None
    resumed_at: datetime | None


def release(connection: Connection, hold: int, by: str, reason: str) -> tuple[str, bool]:
    """Release a hold; give its dataset and whether that changed anything.

    The next extract reads from the position that stayed, and holds again what still differs.

    Errors: `hold.unknown`.
    """
    who, why = named(by, "--by"), named(reason, "--reason")
    with transaction(connection, f"hold {hold}") as cursor:
        cursor.execute(SQL["release_hold"], (hold,))
        row = cursor.fetchone()
        if row is not None:
            cursor.execute(SQL["record_release"], (hold, who, why))
            return str(row[0]), True
    return released(connection, hold).stem, False


def released(connection: Connection, hold: int) -> Released:
    """Give how a hold was released.

    Errors: `hold.unknown`.
    """
    with transaction(connection, f"hold {hold}") as cursor:
        cursor.execute(SQL["hold_of"], (hold,))
        row = cursor.fetchone()
    if row is None:
        raise ConfigError("hold.unknown", f"there is no hold {hold}", remedy="see `pophub hold list`")
    return Released(*row)


def pause(connection: Connection, stem: str, recipient: str, by: str, reason: str) -> bool:
    """Pause a connector, or its subscription by one recipient; give whether that changed anything."""
    values = (stem, recipient, named(reason, "--reason"), named(by, "--by"))
    with transaction(connection, f"pause of {stem}") as cursor:
        cursor.execute(SQL["pause"], values)
        return bool(cursor.rowcount)


def resume(connection: Connection, stem: str, recipient: str, by: str) -> bool:
    """Resume what was paused; give whether that changed anything."""
    with transaction(connection, f"pause of {stem}") as cursor:
        cursor.execute(SQL["resume"], (named(by, "--by"), stem, recipient))
        return bool(cursor.rowcount)


def last_pause(connection: Connection, stem: str, recipient: str) -> Paused | None:
    """Give the newest pause of a connector (recipient empty) or of a subscription; None where there was none."""
    with transaction(connection, "reading pauses") as cursor:
        cursor.execute(SQL["last_pause"], (stem, recipient))
        row = cursor.fetchone()
    return None if row is None else Paused(*row)


def pauses(connection: Connection) -> list[dict[str, Any]]:
    """Give what is paused now; recipient is empty where the whole connector is."""
    with transaction(connection, "reading pauses") as cursor:
        cursor.execute(SQL["pauses"])
        names = ("stem", "recipient", "reason", "paused_by", "paused_at")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def paused(settings: Settings, stem: str) -> dict[str, str]:
    """Give recipient -> reason of what is paused of a dataset; the recipient "" is the connector."""
    with (
        closing(connect(settings, "pophub_read")) as connection,
        transaction(connection, "reading pauses") as cursor,
    ):
        cursor.execute(SQL["paused"], (stem,))
        return dict(cursor.fetchall())
