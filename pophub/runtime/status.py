"""What runs of a home's servers, since when, where, and how much memory it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import psutil

from pophub.runtime import airflow, ports, processes, supervise
from pophub.settings import Settings

PROGRAMS: dict[str, tuple[str, ...]] = {
    "postgres": ("postgres",),
    "kafka": ("kafka",),
    "airflow": tuple(airflow.ARGUMENTS),
    "web": ("web",),
}
"""The programs that make up each server."""


@dataclass(frozen=True)
class ServerState:
    """What is known of one program. Units: `memory_bytes` counts shared pages once."""

    name: str
    running: bool
    pid: int | None
    since: datetime | None
    address: str
    memory_bytes: int


def state(settings: Settings) -> list[ServerState]:
    """Tell of each program whether it runs, since when, where, and how much memory it holds."""
    known = supervise.programs(settings)
    return [
        _state_of(settings, server, name, known.get(name, {}))
        for server in ports.SERVERS
        for name in PROGRAMS[server]
    ]


def _state_of(settings: Settings, server: str, name: str, entry: dict[str, object]) -> ServerState:
    port = ports.port_of(settings.endpoints, server)
    host = settings.endpoints.postgres_host if server == "postgres" else "127.0.0.1"
    if ports.external(server):
        return ServerState(name, ports.reachable(host, port), None, None, f"{host}:{port}", 0)
    up = entry.get("statename") in ("RUNNING", "STARTING")
    pid = int(str(entry["pid"])) if up else None
    since = datetime.fromtimestamp(int(str(entry["start"])), UTC) if up else None
    memory = processes.proportional_bytes(_family(pid)) if pid else 0
    return ServerState(name, up, pid, since, f"{host}:{port}", memory)


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []
