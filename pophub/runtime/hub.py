"""Start and stop the hub: what `pophub up` and `pophub down` do, in order."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import psutil

from pophub.domain.errors import ConfigError
from pophub.runtime import (
    airflow,
    broker,
    jars,
    places,
    ports,
    postgres,
    processes,
    supervise,
)
from pophub.runtime.doctor import Checkup, diagnose
from pophub.runtime.exports import environment
from pophub.runtime.home import make_home
from pophub.runtime.status import AGENCIES, FACES, PROGRAMS, ServerState, state
from pophub.settings import Settings
from pophub.sharing.logins import SCRAPER

__all__ = [
    "Checkup",
    "ServerState",
    "diagnose",
    "environment",
    "erase",
    "serve_agencies",
    "start",
    "state",
    "stop",
]

Reporter = Callable[[str, float], None]


class _Steps:
    """Reports the seconds of each step; steps may run beside each other."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        with self._lock:
            self._report(name, time.monotonic() - begun)


def start(
    settings: Settings,
    *,
    servers: Iterable[str] = ports.SERVERS,
    report: Reporter = lambda name, seconds: None,
    prepare: Callable[[Settings], None] | None = None,
) -> Settings:
    """Start what is not running yet and wait until all of it answers.

    `prepare` runs once PostgreSQL and Kafka answer, before Airflow may run a task. Servers whose
    address is in the environment are not ours: they are left out. `report` is called from several
    threads, one at a time.
    """
    wanted = [server for server in _known(servers) if not ports.external(server)]
    with _alone(settings):
        settings = ports.settle(settings)
        if not supervise.running(settings):
            ports.settle_agencies(settings)
        steps = _Steps(report)
        missing = _missing(settings, wanted)
        if missing:
            with steps.step("supervisor"):
                _clear_the_way(settings, wanted)
        if "airflow" in missing:
            settings.secret("airflow.admin")  # made before `prepare` notes who may log in
        if "web" in missing:
            settings.secret(SCRAPER)  # the pages make none: they let nobody in without it
        _start_servers(settings, wanted, missing, steps, prepare)
        settings.note_secrets()
    return settings


def _known(servers: Iterable[str]) -> list[str]:
    asked = set(servers)
    if strangers := asked - set(ports.SERVERS):
        raise ConfigError(
            "runtime.unknown_server",
            f"there is no server named {', '.join(sorted(strangers))}",
            remedy=f"choose from {', '.join(ports.SERVERS)}",
        )
    return [name for name in ports.SERVERS if name in asked]


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Let one process at a time start or stop this home's servers."""
    path = make_home(settings) / "up.lock"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            raise ConfigError(
                "runtime.busy",
                "another process is starting or stopping this hub",
                where=str(path),
                remedy="wait until it is done, then again",
            ) from held
        yield


def _missing(settings: Settings, wanted: Iterable[str]) -> list[str]:
    known = supervise.programs(settings)
    return [
        server
        for server in wanted
        if any(
            known.get(name, {}).get("statename") not in ("RUNNING", "STARTING") for name in PROGRAMS[server]
        )
    ]


def _clear_the_way(settings: Settings, wanted: list[str]) -> None:
    """Have a supervisor that knows every program, and no leftovers of a crashed one."""
    if supervise.running(settings):
        known = set(supervise.programs(settings))
        if all(name in known for server in wanted for name in PROGRAMS[server]):
            return
        supervise.shut_down(settings)
    _end_leftovers(settings)
    ports.refuse_taken(settings, wanted)
    everything = [name for server in _known(ports.SERVERS) for name in PROGRAMS[server]]
    supervise.launch(settings, [*everything, AGENCIES])


def _start_servers(
    settings: Settings,
    wanted: list[str],
    missing: list[str],
    steps: _Steps,
    prepare: Callable[[Settings], None] | None,
) -> None:
    """Start in order, beside each other where that is sound.

    PostgreSQL and Kafka start together; Airflow's metadata is migrated and its API server, the
    slowest to come up, started meanwhile. Whatever runs tasks waits for `prepare`.
    """
    with ThreadPoolExecutor(max_workers=3) as pool:
        store = pool.submit(_start_postgres, settings, missing, steps)
        carrier = pool.submit(_start_kafka, settings, missing, steps)
        face = pool.submit(_start_airflow_api, settings, missing, steps, store)
        store.result()
        carrier.result()
        if prepare is not None:
            with steps.step("prepare"):
                prepare(settings)
        serve_agencies(settings)
        face.result()
    with steps.step("airflow") if "airflow" in missing else contextlib.nullcontext():
        for server in ("airflow", *FACES):
            for name in PROGRAMS[server] if server in missing else ():
                supervise.start(settings, name)
        if "airflow" in wanted:
            names = PROGRAMS["airflow"]
            supervise.wait_ready(settings, names, lambda: airflow.healthy(settings), 120)
            airflow.warm_up(settings)
    for name in (server for server in FACES if server in wanted):
        answers = partial(ports.reachable, "127.0.0.1", ports.port_of(settings.endpoints, name))
        with steps.step(name) if name in missing else contextlib.nullcontext():
            supervise.wait_ready(settings, [name], answers, 60)


def _start_postgres(settings: Settings, missing: list[str], steps: _Steps) -> None:
    if "postgres" not in missing:
        return
    with steps.step("postgres"):
        postgres.configure(settings)
        supervise.start(settings, "postgres")
        supervise.wait_ready(settings, ["postgres"], lambda: postgres.ready(settings), 120)
        postgres.make_databases(settings)


def _start_kafka(settings: Settings, missing: list[str], steps: _Steps) -> None:
    if "kafka" not in missing:
        return
    if not jars.jars_present():
        with steps.step("kafka jars"):
            jars.fetch_jars()
    with steps.step("kafka"):
        broker.configure(settings)
        supervise.start(settings, "kafka")
        supervise.wait_ready(settings, ["kafka"], lambda: broker.ready(settings), 120)


def _start_airflow_api(settings: Settings, missing: list[str], steps: _Steps, store: Future[None]) -> None:
    store.result()
    if "airflow" not in missing:
        return
    with steps.step("airflow metadata"):
        airflow.configure(settings)
        airflow.migrate(settings)
        supervise.start(settings, "airflow-api-server")


def serve_agencies(settings: Settings) -> None:
    """Start the APIs of simulated agencies, and wait until they answer; nothing where none is simulated."""
    port, variables = settings.agencies_port, settings.home / "sources.env"
    simulated = variables.exists() and f"127.0.0.1:{port}/" in variables.read_text(encoding="utf-8-sig")
    if not simulated or port is None or not supervise.running(settings):
        return
    supervise.start(settings, AGENCIES)
    supervise.wait_ready(settings, [AGENCIES], partial(ports.reachable, "127.0.0.1", port), 60)


def stop(settings: Settings) -> None:
    """End everything started from this home, also what a crash left behind; repeatable."""
    if not settings.home.exists():
        return
    with _alone(settings):
        supervise.shut_down(settings)
        _end_leftovers(settings)


def _end_leftovers(settings: Settings) -> None:
    """End processes that carry this home's mark, PostgreSQL last, and forget their traces."""
    stale = supervise.process(settings)
    if stale is not None:
        processes.end([stale], how=signal.SIGTERM, wait_s=30)
    database = processes.belonging(settings.home, "postgres")
    others = [found for found in processes.belonging(settings.home) if found not in database]
    processes.end(others, how=signal.SIGTERM, wait_s=6)
    masters = [found for found in database if not _parent_among(found, database)]
    processes.end(masters, how=signal.SIGINT, wait_s=30)
    processes.end(processes.belonging(settings.home), how=signal.SIGKILL, wait_s=1)
    postgres.forget_stale(settings)
    (settings.home / "supervisor" / "supervisord.pid").unlink(missing_ok=True)
    places.forget_socket(settings)


def _parent_among(process: psutil.Process, others: list[psutil.Process]) -> bool:
    try:
        return process.ppid() in {other.pid for other in others}
    except psutil.Error:
        return False


def erase(settings: Settings) -> None:
    """Delete the data of all embedded servers, and what of the ledger was kept beside it; stop the hub first.

    Addresses and secrets stay.
    """
    if supervise.process(settings) is not None:
        raise ConfigError(
            "runtime.running",
            "the hub runs still",
            where=str(settings.home),
            remedy="run `pophub down` first",
        )
    postgres.erase(settings)
    for name in ("kafka", "airflow", "logs", "ledger"):
        shutil.rmtree(settings.home / name, ignore_errors=True)
