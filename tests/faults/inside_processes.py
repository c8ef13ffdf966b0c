"""What a worker does for rows 39 and 40: fork stages, and run them many times over."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any
from unittest.mock import patch

import psutil

from pophub import adapters, wiring
from pophub.domain.errors import PophubError
from pophub.postgres import connect, transaction


def _sockets() -> set[tuple[Any, ...]]:
    """Give the connections to servers that this process has open, each by its own end."""
    found = psutil.Process().net_connections("tcp")
    return {tuple(c.laddr) for c in found if c.status == psutil.CONN_ESTABLISHED}


def fork(hub: wiring.Hub, stem: str, run: str) -> dict[str, Any]:
    """Run judge and share in forks of this process, two of each, while this one holds a connection."""
    hub.extract(stem, run)  # this process has run a stage before it forks
    with closing(connect(hub.settings, "pophub_read")) as own:
        parent, held = own.info.backend_pid, _sockets()
        children = [_child(lambda stage=stage: getattr(hub, stage)(stem, run), held)  # type: ignore[misc]
                    for stage in ("judge", "judge", "share", "share")]  # fmt: skip
        told, ended = [], []
        for pid, read_end in children:
            with os.fdopen(read_end) as incoming:
                told.append(json.loads(incoming.read() or "{}"))
            ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        with transaction(own, "after the forks") as cursor:
            cursor.execute("select pg_backend_pid()")
            lives = cursor.fetchall() == [(parent,)]
    shared = [place for child in told for place in child.get("shared", ["unknown"])]
    backends = [child.get("backends", []) for child in told]
    return {
        "parent": parent,
        "parent_lives": lives,
        "ended": ended,
        "backends": backends,
        "shared": shared,
    }


def _child(work: Callable[[], Any], held: set[tuple[Any, ...]]) -> tuple[int, int]:
    """Do a stage in a fork that tells which backends it had and which foreign sockets it talked through."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write_end)
        return pid, read_end
    code = 1
    with contextlib.suppress(BaseException):
        backends: list[int] = []

        def recorded(*given: Any, **named: Any) -> Any:
            connection = connect(*given, **named)
            backends.append(connection.info.backend_pid)
            return connection

        patch.object(adapters, "connect", recorded).start()
        with contextlib.suppress(PophubError):  # the lane's other worker may have it
            work()
        # what was inherited stays open here, untouched; nothing else of the parent's may be
        told = {"backends": backends, "shared": sorted(map(str, _sockets() - held))}
        with os.fdopen(write_end, "w") as out:
            out.write(json.dumps(told))
        code = 0
    os._exit(code)


def soak(hub: wiring.Hub, stem: str, run: str) -> dict[str, Any]:
    """Run all stages many times, every fourth extract with a source that is not there."""
    runs, early = int(os.environ["POPHUB_TEST_RUNS"]), {}
    place, done = os.environ["POPHUB_SOURCE_MPS_URL"], 0
    for number in range(runs):
        failing = number % 4 == 3
        os.environ["POPHUB_SOURCE_MPS_URL"] = os.environ["POPHUB_TEST_NOWHERE"] if failing else place
        for stage in ("extract", "judge", "share"):
            try:
                getattr(hub, stage)(stem, run)
            except PophubError as error:
                if not failing or not error.code.startswith("source."):
                    raise
            done += 1
        if number == 7:
            early = _open(hub)
    os.environ["POPHUB_SOURCE_MPS_URL"] = place
    return {"runs": done, "early": early, "late": _open(hub)}


def _open(hub: wiring.Hub) -> dict[str, int]:
    """Count what is open, once what ended by itself has had the time to."""
    gc.collect()
    time.sleep(1)
    own = psutil.Process()
    mine = {tuple(c.laddr)[1] for c in own.net_connections("tcp") if c.laddr}
    with (
        closing(connect(hub.settings, "pophub_read")) as connection,
        transaction(connection, "count") as cursor,
    ):
        cursor.execute("select client_port from pg_stat_activity where client_port is not null")
        backends = sum(port in mine for (port,) in cursor.fetchall())
    sockets = sum(c.status == psutil.CONN_ESTABLISHED for c in own.net_connections("tcp"))
    return {
        "backends": backends,
        "sockets": sockets,
        "files": own.num_fds(),
        "threads": threading.active_count(),
    }
