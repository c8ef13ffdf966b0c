"""Work in processes of its own, each forked from one that has the libraries loaded already: stages and commands.

A command that starts anew loads libraries for longer than it works. What only such a start can show (what help
loads, how much memory is held, a terminal, a signal on the way) starts a process itself.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pophub.settings import PROJECT

PLACE = "POPHUB_TEST_FORKS"
RUN_S = 150


@contextmanager
def forking() -> Iterator[str]:
    """Give the socket of the fork server of this session, which is started where there is none and ended here then.

    It loads while others go on: who connects at once waits.
    """
    if found := os.environ.get(PLACE):
        yield found
        return
    home = Path(tempfile.mkdtemp(prefix="pophub-forks-"))
    path = str(home / "socket")
    script = str(Path(__file__).with_name("forkserver.py"))
    with pytest.MonkeyPatch.context() as patch:
        forks = subprocess.Popen(
            [sys.executable, script, path], stdout=subprocess.PIPE, text=True, cwd=PROJECT
        )
        try:
            assert forks.stdout is not None
            assert forks.stdout.readline() == "listens\n"
            patch.setenv(PLACE, path)
            yield path
        finally:
            forks.terminate()
            forks.communicate(timeout=10)
            shutil.rmtree(home)


@dataclass
class Ran:
    """How a run in its own process ended: exit code (negative: the signal), results, error code."""

    code: int
    results: list[Any]
    error: str | None
    text: str = ""


class Started:
    """A run that goes on in its own process; `pid` is the worker's."""

    def __init__(self, path: str, request: Mapping[str, Any]) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(RUN_S)
        self._socket.connect(path)
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        self._lines = self._socket.makefile()
        self.pid = int(json.loads(self._lines.readline())["pid"])

    def wait(self) -> Ran:
        """Wait for the end and tell it."""
        try:
            told = json.loads(self._lines.readline())
        finally:
            self._lines.close()
            self._socket.close()
        return Ran(told["code"], told["results"], told["error"], told.get("text", ""))


def command(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `pophub ARGUMENTS` without a terminal and with nothing on standard input, as a script would.

    `environment` is all of it; that of the test when left out. A signal that ended it is a negative exit code.
    """
    with tempfile.TemporaryDirectory(prefix="pophub-command-") as folder:
        request = {
            "environment": dict(os.environ if environment is None else environment),
            "arguments": arguments, "folder": str(Path.cwd()), "output": folder,
        }  # fmt: skip
        code = Started(os.environ[PLACE], request).wait().code
        said, told = (Path(folder, name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
    return subprocess.CompletedProcess(arguments, code, said, told)
