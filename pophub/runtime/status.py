"""What runs of a home's servers, since when, how often it was started again, where, with how much memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil

from pophub.runtime import airflow, ports, processes, supervise
from pophub.runtime.restarts import restarts
from pophub.settings import Settings

ATTENDANT = "attendant"
"""Takes up what is asked for on the pages, and answers nobody: `pophub.commands.attendant`."""
PROGRAMS: dict[str, tuple[str, ...]] = {
    "postgres": ("postgres",),
    "kafka": ("kafka",),
    "airflow": tuple(airflow.ARGUMENTS),
    "web": ("web", ATTENDANT),
    "registry": ("registry",),
}
"""The programs that make up each server."""
FACES = ("web", "registry")
"""What answers people and subscribers: two programs of `pophub.web`."""
AGENCIES = "agencies"
"""The program of the simulated agencies' APIs: it runs where some are simulated, and is no server of the hub."""


@dataclass(frozen=True)
class ServerState:
    """What is known of one program. Units: `memory_bytes` counts shared pages once.

    `phase` is the supervisor's word in lower case. `restarts` counts how often the program ended by itself
    and was started again since `pophub up`; None where the server is not ours.
    """

    name: str
    running: bool
    pid: int | None
    since: datetime | None
    address: str
    memory_bytes: int
    phase: str = "stopped"
    restarts: int | None = None

    @property
    def uptime_s(self) -> int | None:
        """Seconds since the program was last started."""
        return None if self.since is None else max(0, int((datetime.now(UTC) - self.since).total_seconds()))


def state(settings: Settings) -> list[ServerState]:
    """Tell of each program whether it runs, since when, where, and how much memory it holds."""
    known = supervise.programs(settings)
    again = restarts(settings) if known else Counter[str]()
    return [
        _state_of(settings, server, name, known.get(name, {}), again[name])
        for server in ports.SERVERS
        for name in PROGRAMS[server]
        if not (name == ATTENDANT and ports.external(server))  # who serves the pages runs it
    ]


def _state_of(
    settings: Settings, server: str, name: str, entry: dict[str, object], again: int
) -> ServerState:
    port = ports.port_of(settings.endpoints, server)
    host = settings.endpoints.postgres_host if server == "postgres" else "127.0.0.1"
    if ports.external(server):
        answers = ports.reachable(host, port)
        phase = "answers" if answers else "does not answer"
        return ServerState(name, answers, None, None, f"{host}:{port}", 0, phase)
    up = entry.get("statename") in ("RUNNING", "STARTING")
    pid = int(str(entry["pid"])) if up else None
    since = datetime.fromtimestamp(int(str(entry["start"])), UTC) if up else None
    memory = processes.proportional_bytes(_family(pid)) if pid else 0
    phase = str(entry.get("statename", "STOPPED")).lower()
    address = "" if name == ATTENDANT else f"{host}:{port}"
    return ServerState(name, up, pid, since, address, memory, phase, again)


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []
