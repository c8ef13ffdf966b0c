"""The supervisor (supervisord): keeps the servers running, restarts those that die, ever later."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil

from pophub.domain.errors import TransientError
from pophub.runtime import places, processes
from pophub.settings import Settings

HEAD = """\
[supervisord]
nodaemon=false
logfile={folder}/supervisord.log
logfile_maxbytes=2MB
logfile_backups=1
loglevel=info
pidfile={folder}/supervisord.pid
childlogdir={folder}
umask=077
minfds=4096

[unix_http_server]
file={socket}
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

PROGRAM = """
[program:{name}]
command="{python}" -m pophub.runtime.launch {name}
environment=POPHUB_PROGRAM="{name}"
directory={project}
autostart=false
autorestart=true
startsecs=3
startretries=50
stopsignal={signal}
stopasgroup={group}
killasgroup=true
stopwaitsecs={wait_s}
priority={priority}
redirect_stderr=true
stdout_logfile={logs}/{name}.log
stdout_logfile_maxbytes=8MB
stdout_logfile_backups=2
"""


WAIT_S = {"postgres": 60, "kafka": 30, "airflow-api-server": 5}
"""Seconds to end in before it is killed."""


class _Connection(http.client.HTTPConnection):
    """HTTP over the supervisor's Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=90)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _Connection(self._path)
        self._connection = host, connection  # so that the transport closes it
        return connection


def call(settings: Settings, method: str, *arguments: object) -> Any:
    """Call a method of the supervisor.

    Errors: OSError where it does not run; xmlrpc.client.Fault where it refuses.
    """
    path = str(places.control_socket(settings))
    with xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(path)) as proxy:
        return getattr(proxy.supervisor, method)(*arguments)


def process(settings: Settings) -> psutil.Process | None:
    """Give the running supervisor of this home."""
    return processes.identify(settings.home / "supervisor" / "supervisord.pid", settings.home)


def running(settings: Settings) -> bool:
    """Tell whether this home's supervisor runs and answers."""
    if process(settings) is None:
        return False
    try:
        return bool(call(settings, "getState")["statename"] == "RUNNING")
    except (OSError, xmlrpc.client.Error, http.client.HTTPException):
        return False


def programs(settings: Settings) -> dict[str, dict[str, Any]]:
    """Give what the supervisor knows of each program; nothing when it does not run."""
    if not running(settings):
        return {}
    return {entry["name"]: entry for entry in call(settings, "getAllProcessInfo")}


def configuration(settings: Settings, names: Iterable[str]) -> str:
    """Write out the supervisor's configuration for these programs.

    The order of stopping is the reverse of `names`. PostgreSQL alone is not signalled as a group:
    its first process tells its children itself, in the order that a clean end needs.
    """
    folder = _escape(places.control(settings))
    text = HEAD.format(folder=folder, socket=_escape(places.control_socket(settings)))
    for priority, name in enumerate(names, start=1):
        text += PROGRAM.format(
            name=name,
            python=_escape(Path(sys.executable)),
            project=_escape(settings.project),
            logs=_escape(places.logs(settings)),
            signal="INT" if name == "postgres" else "TERM",
            group="false" if name in ("postgres", "kafka") else "true",
            wait_s=WAIT_S.get(name, 15),
            priority=priority,
        )
    return text


def _escape(path: Path) -> str:
    return str(path).replace("%", "%%")


def launch(settings: Settings, names: Iterable[str]) -> None:
    """Start the supervisor in a session of its own; no program runs yet."""
    text = configuration(settings, names)
    path = places.write_private(settings.home / "supervisor" / "supervisord.conf", text)
    places.control_socket(settings).unlink(missing_ok=True)
    marks = {
        processes.MARK: str(settings.home),
        "POPHUB_HOME": str(settings.home),
        "POPHUB_PROJECT": str(settings.project),
    }
    done = subprocess.run(  # it leaves this terminal and session by itself
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=settings.project,
        env=os.environ | marks,
        start_new_session=True,
        check=False,
    )
    log = settings.home / "supervisor" / "supervisord.log"
    if done.returncode:
        places.write_private(log, done.stdout + done.stderr)
    _wait(lambda: running(settings), lambda: done.returncode == 0, log, "supervisor", 20)


def start(settings: Settings, name: str) -> None:
    """Start a program if it does not run already; do not wait for it."""
    try:
        call(settings, "startProcess", name, False)
    except xmlrpc.client.Fault as fault:
        if "ALREADY_STARTED" not in fault.faultString:
            raise


def wait_ready(settings: Settings, names: Iterable[str], ready: Callable[[], bool], wait_s: float) -> None:
    """Wait until a server answers; show the end of its log where it does not."""
    wanted = list(names)

    def alive() -> bool:
        known = programs(settings)
        return all(known[name]["statename"] not in ("FATAL", "BACKOFF") for name in wanted)

    log = settings.home / "logs" / f"{wanted[0]}.log"
    _wait(ready, alive, log, " ".join(wanted), wait_s)


def _wait(
    ready: Callable[[], bool],
    alive: Callable[[], bool],
    log: Path,
    name: str,
    wait_s: float,
) -> None:
    begun = time.monotonic()
    while not ready():
        ended = not alive()
        if ended or time.monotonic() - begun > wait_s:
            how = "ended while starting" if ended else f"did not answer within {wait_s:.0f} s"
            raise TransientError(
                "runtime.not_ready",
                f"{name} {how}; the end of its log:\n{places.tail(log)}\n",
                where=str(log),
                remedy="run `pophub doctor`",
            )
        time.sleep(0.1)


def shut_down(settings: Settings, wait_s: float = 120) -> None:
    """End the supervisor with all its programs, the last started first."""
    found = process(settings)
    if found is None:
        return
    known = programs(settings)
    try:
        for name in known:
            if name not in (
                "postgres",
                "kafka",
            ):  # these at once, the others after them
                _stop(settings, name)
        call(settings, "shutdown")
    except (OSError, xmlrpc.client.Error, http.client.HTTPException):
        found.terminate()
    deadline = time.monotonic() + wait_s
    while processes.alive(found) and time.monotonic() < deadline:
        time.sleep(0.05)


def _stop(settings: Settings, name: str) -> None:
    try:
        call(settings, "stopProcess", name, False)
    except xmlrpc.client.Fault as fault:
        if "NOT_RUNNING" not in fault.faultString:
            raise
