"""The home's folder, and who besides its owner must pass through it.

PostgreSQL refuses to run as root: root gives it a system user of its own. Where its data lies in the
home, that user passes through the home at each checkpoint, so nothing may close it, not for a moment.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from functools import cache
from pathlib import Path

from pophub.domain.errors import ConfigError
from pophub.runtime import places
from pophub.settings import Settings

SYSTEM_USER = "pophub-postgres"
CLOSED, PASSABLE = 0o700, 0o711


@cache
def run_as() -> tuple[int, int] | None:
    """Give user and group for PostgreSQL when we are root, None otherwise.

    Made on first use; where a user cannot be made, `nobody` serves.
    """
    if os.geteuid() != 0:
        return None
    for name in (SYSTEM_USER, SYSTEM_USER, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            _make_system_user()
            continue
        return entry.pw_uid, entry.pw_gid
    raise ConfigError(
        "postgres.user_missing",
        "PostgreSQL cannot run as root and no system user could be made for it",
        remedy=f"run as an ordinary user, or: useradd --system {SYSTEM_USER}",
    )


def _make_system_user() -> None:
    maker = shutil.which("useradd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if maker is None:
        return
    arguments = [
        "--system",
        "--user-group",
        "--no-create-home",
        "--shell",
        "/usr/sbin/nologin",
    ]
    subprocess.run([maker, *arguments, SYSTEM_USER], capture_output=True, check=False)


def open_to_others(path: Path) -> bool:
    """Tell whether any system user may pass through every folder down to `path`."""
    folders = [path, *path.parents]
    return all(folder.stat().st_mode & 0o001 for folder in folders if folder.exists())


def data_folder(settings: Settings) -> Path:
    """Give PostgreSQL's data folder: `<home>/postgres`, for root in a closed home one below /var/lib.

    Where it was made it stays, whatever becomes of the folders above: another one would be empty.
    """
    inside = settings.home / "postgres"
    if run_as() is None:
        return inside
    apart = places.SHARED / places.digest(settings.home) / "postgres"
    for made in (inside, apart):
        if (made / "PG_VERSION").exists():
            return made
    return inside if open_to_others(settings.home.parent) else apart


def make_home(settings: Settings) -> Path:
    """Make the home for its owner alone; passable, not readable, where PostgreSQL's user must pass."""
    shared = run_as() is not None and settings.home in data_folder(settings).parents
    return places.make_private(settings.home, PASSABLE if shared else CLOSED)


def impassable(settings: Settings) -> Path | None:
    """Name the first folder that keeps PostgreSQL's user from its data; None where it can pass."""
    data = data_folder(settings)
    if run_as() is None or not data.exists():
        return None
    return next((folder for folder in reversed(data.parents) if not folder.stat().st_mode & 0o001), None)
