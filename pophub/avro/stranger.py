"""Reads bytes that extract did not write, in a process with limits of memory and of time.

One child (`stranger_child`) for each process that needs one, started at the first such bytes and kept
warm. It answers with a block of our own, or with a code. A child that is too slow, or ends, is replaced.
"""

from __future__ import annotations

import atexit
import os
import struct
import subprocess
import sys
import threading
from typing import IO

from pophub.avro.container import refuse
from pophub.domain.codes import CODES

TRIES = 2
_HEAD = struct.Struct(">cI")
_INHERITED = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG")  # no secret of ours


class Ended(Exception):
    """The child ended, or had to be ended, before it answered."""


class Child:
    """The process that reads strangers' bytes, for the one process that started it."""

    WAIT_S = 90.0  # of the clock, on a machine that is busy with other things

    def __init__(self) -> None:
        self.owner = os.getpid()
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment["OPENBLAS_NUM_THREADS"] = "1"  # numpy would reserve memory for each core
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pophub.avro.stranger_child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip
        self.pid = self._process.pid

    def ask(self, data: bytes) -> tuple[bytes, bytes]:
        """Give the kind of the answer (`b` block, `c` code) and the answer.

        Errors: `Ended`.
        """
        timer = threading.Timer(self.WAIT_S, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            assert self._process.stdin and self._process.stdout
            send(self._process.stdin, b"?", data)
            return receive(self._process.stdout)
        except (OSError, struct.error) as cause:
            raise Ended from cause
        finally:
            timer.cancel()

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            try:
                pipe.close()
            except OSError:  # what was not written has no reader any more
                continue


_child: Child | None = None
_lock = threading.Lock()


def reread(data: bytes) -> bytes:
    """Give what a block that we did not write holds, as a block of our own.

    Errors: `BadBlock` with the flaw's code; `contract.avro.size` where the memory, and
    `contract.avro.deadline` where the time did not suffice, twice.
    """
    with _lock:
        kind, answer = _asked(data)
    if kind == b"b":
        return answer
    code = answer.decode("ascii", "replace")
    refuse(code if code in CODES else "contract.avro.block")


def _asked(data: bytes) -> tuple[bytes, bytes]:
    for _ in range(TRIES):
        try:
            return _warm().ask(data)
        except Ended:
            end()
    return b"c", b"contract.avro.deadline"


def _warm() -> Child:
    """Give the child of this process; one inherited by a fork belongs to another."""
    global _child
    if _child is None or _child.owner != os.getpid():
        _child = Child()
    return _child


@atexit.register
def end() -> None:
    """End the child of this process, where there is one."""
    global _child
    if _child is not None and _child.owner == os.getpid():
        _child.end()
    _child = None


def send(out: IO[bytes], kind: bytes, data: bytes) -> None:
    """Write a message: its kind of one byte, its size, its bytes."""
    out.write(_HEAD.pack(kind, len(data)) + data)
    out.flush()


def receive(source: IO[bytes]) -> tuple[bytes, bytes]:
    """Read a message; struct.error where the other end closed."""
    kind, size = _HEAD.unpack(source.read(_HEAD.size))
    data = source.read(size)
    if len(data) < size:
        raise struct.error
    return kind, data
