"""A MariaDB of the machine's own package, started for the tests in a folder of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

PASSWORD = "reader's @ word"


@dataclass(frozen=True)
class MariaDb:
    """A server: its port on loopback, and the socket by which its owner comes in."""

    port: int
    socket: Path

    def owner(self) -> Any:
        """Give a session of the owner, which commits each statement."""
        return pymysql.connect(unix_socket=str(self.socket), user="root", autocommit=True, charset="utf8mb4")

    def url(
        self, user: str = "reader", password: str = "reader%27s%20%40%20word", database: str = "dancu"
    ) -> str:
        """Give the address by which pophub reads."""
        return f"mariadb://{user}:{password}@127.0.0.1:{self.port}/{database}"


def is_here() -> bool:
    """Tell whether this machine has the server."""
    return (
        shutil.which("mariadbd", path=_path()) is not None and shutil.which("mariadb-install-db") is not None
    )


@contextmanager
def serving() -> Iterator[MariaDb]:
    """Start the server with an empty database and a reader that may only select there."""
    home = Path(tempfile.mkdtemp(prefix="pophub-mariadb-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = MariaDb(port, home / "socket")
    me = [f"--user={os.environ.get('USER', 'root')}"] if os.geteuid() == 0 else []
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db",
         f"--datadir={home / 'data'}", *me],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    process = subprocess.Popen(
        [str(shutil.which("mariadbd", path=_path())), "--no-defaults", f"--datadir={home / 'data'}", f"--port={port}",
         f"--socket={server.socket}", "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin",
         "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0", *me],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _prepare(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(home, ignore_errors=True)


def _prepare(server: MariaDb, process: subprocess.Popen[bytes]) -> None:
    while not server.socket.exists():
        assert process.poll() is None, "the server ended while it started"
        time.sleep(0.1)
    session = server.owner()
    with session, session.cursor() as cursor:
        cursor.execute("create database dancu")
        cursor.execute("create user reader@'%%' identified by %s", (PASSWORD,))
        cursor.execute("grant select on dancu.* to reader@'%'")


def _path() -> str:
    return os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"
