"""What the rows do to PostgreSQL: commits whose answer is lost, an immediate restart, a full disk, an older copy."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pophub.runtime import ports, postgres, supervise
from pophub.runtime.home import run_as
from tests.faults.catalogue import NotHere

if TYPE_CHECKING:
    from hubkit import Project, Servers

WAIT_S = 120


def until(found: Callable[[], Any], what: str, wait_s: float = WAIT_S) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + wait_s
    while not found():
        assert time.monotonic() < deadline, f"it did not come about that {what}"
        time.sleep(0.02)


def waiting(servers: Servers, role: str, waits_on: str) -> list[int]:
    """Give the backends of a role that wait on something."""
    found = servers.query(
        "select pid from pg_stat_activity where application_name = %s "
        "and (wait_event_type = %s or wait_event = %s)",
        role, waits_on, waits_on,
    )  # fmt: skip
    return [pid for (pid,) in found]


@contextmanager
def commits_hang(servers: Servers) -> Iterator[None]:
    """Let each COMMIT wait for a standby that is not there: it is durable, and nobody hears of it."""
    servers.query("alter system set synchronous_standby_names = 'ghost'")
    servers.query("select pg_reload_conf()")
    until(lambda: servers.query("show synchronous_standby_names") == [("ghost",)], "commits wait")
    try:
        yield
    finally:
        servers.query("alter system reset synchronous_standby_names")
        servers.query("select pg_reload_conf()")
        until(lambda: servers.query("show synchronous_standby_names") == [("",)], "commits go on")


def restart_at_once(servers: Servers, project: Project) -> None:
    """Do what `pg_ctl -m immediate` does, and wait until the supervisor has the server back."""
    first = supervise.programs(servers.settings)["postgres"]["pid"]
    os.kill(first, signal.SIGQUIT)
    until(lambda: supervise.programs(servers.settings)["postgres"]["pid"] not in (0, first), "it restarts")
    until(lambda: postgres.ready(servers.settings), "PostgreSQL answers")
    project.close()
    project._source = servers.superuser(project.database)


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """Give a folder of PostgreSQL's user on a disk of its own.

    Errors: NotHere where nothing may be mounted.
    """
    folder = Path(tempfile.mkdtemp(prefix="pophub-disk-"))
    folder.chmod(0o755)
    size = f"size={megabytes}m"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        folder.rmdir()
        raise NotHere("this machine does not allow mounting a small disk")
    try:
        inside = folder / "space"
        inside.mkdir()
        if (user := run_as()) is not None:
            os.chown(inside, *user)
        yield inside
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def fill(folder: Path) -> Path:
    """Fill the disk of a folder to the last byte."""
    ballast = folder.parent / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


class Copy:
    """An older copy of the hub's server: a standby that was cut off and is promoted later."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self.port = ports.choose_free(servers.settings)
        self._folder = Path(tempfile.mkdtemp(prefix="pophub-standby-"))
        self._folder.chmod(0o755)
        self._data = self._folder / "data"
        if (user := run_as()) is not None:
            os.chown(self._folder, *user)

    def _run(self, program: str, *arguments: str) -> None:
        settings, user = self._servers.settings, run_as()
        superuser = settings.endpoints.postgres_superuser
        done = subprocess.run(
            [str(postgres.install_root() / "bin" / program), *arguments],
            cwd="/", user=user[0] if user else None, group=user[1] if user else None,
            extra_groups=[] if user else None, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "PGUSER": superuser,
                 "PGPASSWORD": settings.secret(f"postgres.{superuser}")},
        )  # fmt: skip
        assert done.returncode == 0, f"{program} ended with {done.returncode}"

    def take(self) -> None:
        """Copy the server as it is now and start the copy as a standby without a primary."""
        endpoints = self._servers.settings.endpoints
        self._run(
            "pg_basebackup", "-D", str(self._data), "-h", endpoints.postgres_host, "-p",
            str(endpoints.postgres_port), "-c", "fast", "-X", "stream",
        )  # fmt: skip
        (self._data / "standby.signal").touch()
        if (user := run_as()) is not None:
            os.chown(self._data / "standby.signal", *user)
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", log, "-o", f"-p {self.port}")

    def promote(self) -> None:
        """Make the copy a primary."""
        self._run("pg_ctl", "promote", "-w", "-D", str(self._data))

    def end(self) -> None:
        """Stop and delete the copy."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self._data))
        shutil.rmtree(self._folder, ignore_errors=True)
