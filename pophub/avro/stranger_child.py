"""The process that reads bytes which extract did not write: strictly, within limits of memory and of time."""

from __future__ import annotations

import resource
import struct
import sys

from pophub.avro.blocks import encode_block
from pophub.avro.container import BadBlock, read_strictly
from pophub.avro.stranger import receive, send

MEMORY_BYTES = 1 << 30
CPU_S = 20


def _answer(data: bytes) -> tuple[bytes, bytes]:
    """Read one message; what is wrong with it becomes its code."""
    try:
        return b"b", encode_block(read_strictly(data))
    except BadBlock as bad:
        return b"c", bad.code.encode()
    except MemoryError:
        return b"c", b"contract.avro.size"
    except Exception:  # whatever a hostile payload makes of the reader is one bad record
        return b"c", b"contract.avro.block"


def _limit_cpu() -> None:
    """Allow so many seconds of work from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def serve() -> None:
    """Answer until the other end closes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    source, out = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            _, data = receive(source)
        except struct.error:
            return
        _limit_cpu()
        send(out, *_answer(data))


if __name__ == "__main__":
    serve()
