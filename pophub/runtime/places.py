"""Where the embedded servers keep their files, and the small file operations they share."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from pophub.domain.errors import ConfigError
from pophub.settings import Settings

SHARED = Path("/var/lib/pophub")
"""Used by root only: for what another system user must reach although the home is closed to it."""

_SOCKET_PATH_BYTES = 90  # a Unix socket's path may have 107 bytes


def digest(home: Path) -> str:
    """Give the short name of a home, for folders outside it."""
    return hashlib.sha256(str(home).encode()).hexdigest()[:12]


def make_private(folder: Path, mode: int = 0o700) -> Path:
    """Make a folder that only its owner may open, or `mode` says who else; never tighter on the way."""
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise ConfigError(
            "runtime.owner",
            f"the folder {folder.name} belongs to another user",
            where=str(folder),
            remedy="run as the user who made it, or set POPHUB_HOME to a folder of your own",
        )
    folder.chmod(mode)
    return folder


def write_private(path: Path, text: str) -> Path:
    """Write a 0600 file in one step."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
    return path


def logs(settings: Settings) -> Path:
    """Give the folder of the servers' logs."""
    return make_private(settings.home / "logs")


def control(settings: Settings) -> Path:
    """Give the supervisor's folder."""
    return make_private(settings.home / "supervisor")


def control_socket(settings: Settings) -> Path:
    """Give the supervisor's socket: in the home, or in a private folder where that is too long."""
    inside = settings.home / "supervisor" / "control.sock"
    if len(os.fsencode(inside)) <= _SOCKET_PATH_BYTES:
        return inside
    name = f"pophub-{os.geteuid()}-{digest(settings.home)}"
    return make_private(Path(tempfile.gettempdir()) / name) / "control.sock"


def forget_socket(settings: Settings) -> None:
    """Remove the supervisor's socket, with its folder where that was made for it."""
    path = control_socket(settings)
    path.unlink(missing_ok=True)
    if settings.home not in path.parents:
        path.parent.rmdir()


def tail(path: Path, lines: int = 15) -> str:
    """Give the last lines of a log, nothing where it does not exist."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 16_384))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
