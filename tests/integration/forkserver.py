"""Forks a preloaded worker for each run of a stage and each command: libraries are imported once for the suite.

`python forkserver.py SOCKET` listens there, loads, and answers then. A request for stages is one JSON line (`environment`, `steps`: a list
of [step, stem], `limits`: "module.NAME" -> seconds that a test does not want to wait), one for a command another
(`environment`: all of it, `arguments`, `folder`, `output`: where it writes `stdout` and `stderr`); the answer one JSON
line (`code` as of waitpid, `results`, `error`). A worker is a process of its own that holds no connection when it is
forked, so that a SIGKILL hits it as it would hit a real stage.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
import traceback
from typing import Any

CRASHED = 70
ROOMS = (
    "catalogue", "contracts", "drafting", "figures", "ledger", "live", "postgres", "quarantine", "reconcile", "runtime",
    "scoring", "sharing", "sources", "streaming",
)  # fmt: skip
"""Loaded for commands, with the libraries that they take; the commands themselves look at their own standard output."""


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Do the steps of a request, one after the other, in this process."""
    from pophub.domain.errors import PophubError
    from pophub.process import failpoints
    from pophub.settings import Settings
    from pophub.wiring import Hub

    os.environ.update(request["environment"])
    failpoints.arm(request["environment"].get("POPHUB_FAIL", ""))
    if inside := request["environment"].get("POPHUB_TEST_INSIDE"):
        module, _, function = inside.partition(":")
        getattr(importlib.import_module(module), function)()
    for name, value in request.get("limits", {}).items():
        module, _, constant = name.rpartition(".")
        assert hasattr(sys.modules[module], constant), name
        setattr(sys.modules[module], constant, value)
    results: list[Any] = []
    try:
        hub = Hub(Settings.load())
        if hub.broken:
            raise hub.broken[0]
        for step, stem in request["steps"]:
            if step == "prepare":
                # what `pophub up` calls: tests stand on the hub that it leaves
                from pophub.commands.servers import prepared

                if refused := prepared(hub.settings):
                    raise refused[0]
            elif step == "take_loss":
                loss, untold = hub.take_loss(stem, "Lan", "the topic was deleted")
                results.append({**loss._asdict(), "untold": untold})
            else:
                results.append(getattr(hub, step)(stem, run="test"))
    except PophubError as error:
        where = f"{error.code}: {error.what} ({error.where})"
        return {"results": results, "error": error.code, "text": where, "kind": type(error).__name__}
    return {"results": results, "error": None}


def enter(request: dict[str, Any]) -> int:
    """Enter the program as a process that was started for one command does; give its exit code."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    files = {0: os.devnull, 1: f"{request['output']}/stdout", 2: f"{request['output']}/stderr"}
    for number, path in files.items():
        os.dup2(os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.stdin = os.fdopen(0, encoding="utf-8")
    sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    sys.argv = ["pophub", *request["arguments"]]
    from pophub.cli.program import main
    from pophub.process import failpoints

    failpoints.arm(os.environ.get("POPHUB_FAIL", ""))

    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
    return 0


def answer(connection: socket.socket) -> None:
    """Read one request, have it done by a child, and tell what became of the child."""
    request = json.loads(connection.makefile().readline())
    read_end, write_end = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(read_end)
        code = CRASHED
        try:
            if "arguments" in request:
                os._exit(enter(request))
            text = json.dumps(work(request)).encode()
            with os.fdopen(write_end, "wb") as out:
                out.write(text)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(write_end)
    connection.sendall(json.dumps({"pid": worker}).encode() + b"\n")
    with os.fdopen(read_end, "rb") as incoming:
        told = incoming.read()
    _, status = os.waitpid(worker, 0)
    code = os.waitstatus_to_exitcode(status)
    found = json.loads(told) if told else {"results": [], "error": None}
    connection.sendall(json.dumps({"code": code, **found}).encode() + b"\n")


def load() -> None:
    """Import what workers take, and leave all of it out of their garbage collections."""
    for name in ("pophub.wiring", "pophub.gates.validator", "rich.table", "typer"):
        importlib.import_module(name)
    for room in ROOMS:
        for found in pkgutil.iter_modules(importlib.import_module(f"pophub.{room}").__path__):
            importlib.import_module(f"pophub.{room}.{found.name}")
    gc.collect()
    gc.freeze()


def main(path: str) -> None:
    """Serve until the parent's end of standard input closes."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    print("listens", flush=True)
    load()
    faulthandler.register(signal.SIGUSR1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            try:
                answer(connection)
            finally:
                os._exit(0)
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1])
