"""Which addresses the servers of a home have: chosen free once, kept, checked at each start."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable

from pophub.domain.errors import ConfigError
from pophub.runtime.home import make_home
from pophub.runtime.places import digest, write_private
from pophub.settings import Endpoints, Settings

_FIRST, _SPAN = 20_000, 10_000  # below the range from which Linux takes outgoing ports
SERVERS = ("postgres", "kafka", "airflow", "web", "registry")


def external(server: str) -> bool:
    """Tell whether the environment names this server's address: then it is not ours to start."""
    variable = {"postgres": "POPHUB_POSTGRES_HOST", "kafka": "POPHUB_KAFKA_BOOTSTRAP"}
    default = f"POPHUB_{server.upper()}_URL"
    return bool(os.environ.get(variable.get(server, default)))


def port_of(endpoints: Endpoints, server: str) -> int:
    """Give the port of a server of these endpoints."""
    if server == "postgres":
        return endpoints.postgres_port
    address = {
        "kafka": endpoints.kafka_bootstrap.split(",")[0],
        "airflow": endpoints.airflow_url,
        "web": endpoints.web_url,
        "registry": endpoints.registry_url,
    }[server]
    return int(address.rsplit(":", 1)[1].split("/")[0])


def free(port: int) -> bool:
    """Tell whether a server could listen on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def reachable(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Tell whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError:
        return False
    return True


def choose_free(settings: Settings, taken: Iterable[int] = ()) -> int:
    """Find a free port, beginning where this home's own range begins."""
    refused = set(taken)
    start = int(digest(settings.home), 16) % (_SPAN // 10) * 10
    for step in range(_SPAN):
        port = _FIRST + (start + step) % _SPAN
        if port not in refused and free(port):
            return port
    raise ConfigError(
        "port.none_free",
        f"no port between {_FIRST} and {_FIRST + _SPAN} is free",
        remedy="set " + ", ".join(f"POPHUB_{server.upper()}_PORT" for server in SERVERS),
    )


def _asked(server: str) -> int | None:
    value = os.environ.get(f"POPHUB_{server.upper()}_PORT")
    if not value:
        return None
    if value.isascii() and value.isdigit() and 1 <= int(value) <= 65535:
        return int(value)
    raise ConfigError(
        "port.invalid",
        f"POPHUB_{server.upper()}_PORT is no port number",
        remedy="give a number from 1 to 65535",
    )


def settle(settings: Settings) -> Settings:
    """Keep, or choose the first time, a port for each server; write `<home>/endpoints.json`."""
    path = make_home(settings) / "endpoints.json"
    kept: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
    ports: dict[str, int] = {}
    for server in SERVERS:
        field = _field(server)
        asked = None if external(server) else _asked(server)
        if asked is not None:
            ports[server] = asked
        elif field in kept:
            ports[server] = port_of(Endpoints.model_validate(kept), server)
        else:
            ports[server] = choose_free(settings, ports.values())
    addresses: dict[str, object] = {
        "postgres_port": ports["postgres"],
        "kafka_bootstrap": f"127.0.0.1:{ports['kafka']}",
        "airflow_url": f"http://127.0.0.1:{ports['airflow']}",
        "web_url": f"http://127.0.0.1:{ports['web']}",
        "registry_url": f"http://127.0.0.1:{ports['registry']}",
    }
    wanted = kept | addresses
    if wanted != kept:
        write_private(path, json.dumps(wanted, indent=2) + "\n")
    given = {name: os.environ.get(f"POPHUB_{name.upper()}") for name in Endpoints.model_fields}
    chosen = wanted | {name: value for name, value in given.items() if value}
    return settings.model_copy(update={"endpoints": Endpoints.model_validate(chosen)})


def settle_agencies(settings: Settings) -> None:
    """Keep, or choose where none is kept or somebody else took it, a port for simulated agencies' APIs, which do not run now.

    Where `sources.env` names the one that was kept, it names the new one then.
    """
    kept = settings.agencies_port
    if kept is not None and free(kept):
        return
    port = choose_free(settings, [port_of(settings.endpoints, server) for server in SERVERS])
    variables = settings.home / "sources.env"
    if kept is not None and variables.exists():
        text = variables.read_text(encoding="utf-8-sig")
        write_private(variables, text.replace(f"http://127.0.0.1:{kept}/", f"http://127.0.0.1:{port}/"))
    write_private(settings.agencies_port_file, f"{port}\n")


def _field(server: str) -> str:
    names = {"postgres": "postgres_port", "kafka": "kafka_bootstrap"}
    return names.get(server, f"{server}_url")


def refuse_taken(settings: Settings, servers: Iterable[str]) -> None:
    """Raise `port.taken` where a stranger listens on the port of a server we are to start."""
    for server in servers:
        port = port_of(settings.endpoints, server)
        if not free(port):
            variable = f"POPHUB_{server.upper()}_PORT"
            raise ConfigError(
                "port.taken",
                f"another program listens on 127.0.0.1:{port}, the port of {server}",
                where=str(settings.home / "endpoints.json"),
                remedy=f"end that program, or choose another port: export {variable}=<port>",
            )
