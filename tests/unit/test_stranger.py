"""Strangers' bytes are read in a process that is limited, replaced when it fails, and knows no secret."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pophub import avro
from pophub.avro import container, stranger, stranger_child

BLOCK = avro.Block(1, 2, 1, 3, {"id": ["a", "b", None], "n": [1, -5, 1 << 40], "x": [None, True, "1"]})
GOOD = avro.encode_block(BLOCK)
FOREIGN = GOOD.replace(GOOD[-16:], b"m" * 16)  # another sync marker, as any other writer's


@pytest.fixture(autouse=True)
def _no_child_is_left() -> Iterator[None]:
    stranger.end()
    yield
    stranger.end()


def warm() -> int:
    """Have a foreign block read; give the number of the process that read it."""
    assert container.opened(FOREIGN) is None
    assert avro.decode_block(FOREIGN) == BLOCK
    assert stranger._child is not None
    return stranger._child.pid


def test_our_own_blocks_start_no_process() -> None:
    assert avro.decode_block(GOOD) == BLOCK
    assert stranger._child is None


def test_the_process_stays_warm_and_is_limited() -> None:
    pid = warm()
    assert warm() == pid
    assert resource.prlimit(pid, resource.RLIMIT_AS)[0] == stranger_child.MEMORY_BYTES
    assert 0 < resource.prlimit(pid, resource.RLIMIT_CPU)[0] <= 2 * stranger_child.CPU_S
    assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)


def test_the_process_inherits_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POPHUB_SECRET_KAFKA_ADMIN", "hunter2")
    assert b"hunter2" not in Path(f"/proc/{warm()}/environ").read_bytes()


def test_its_memory_is_for_the_work_however_many_cores_there_are() -> None:
    pid = warm()
    assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    taken = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    assert taken < stranger_child.MEMORY_BYTES // 4


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_ends_or_hangs_is_replaced(
    sign: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = warm()
    os.kill(pid, sign)
    monkeypatch.setattr(stranger.Child, "WAIT_S", 5.0)
    assert warm() != pid


def test_bytes_that_take_too_long_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stranger.Child, "WAIT_S", 0.0)
    with pytest.raises(avro.BadBlock) as caught:
        avro.decode_block(FOREIGN)
    assert caught.value.code == "contract.avro.deadline"
    assert stranger._child is None


def test_bytes_that_take_too_much_memory_are_given_up() -> None:
    pid = warm()
    used = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (used + (24 << 20), stranger_child.MEMORY_BYTES))
    values = [f"{n:05d}" for n in range(100_000)]  # 5 MB that become 50
    large = avro.encode_block(avro.Block(1, 2, 1, len(values), {f"c{n}": values for n in range(8)}))
    with pytest.raises(avro.BadBlock) as caught:
        avro.decode_block(large.replace(large[-16:], b"m" * 16))
    assert caught.value.code == "contract.avro.size"
    assert warm() == pid


def test_a_forged_mark_is_read_strictly() -> None:
    schema, _ = container.opened(GOOD) or (b"", b"")
    with pytest.raises(avro.BadBlock) as caught:
        avro.decode_block(container.sealed(schema, b"\x80" * 30))
    assert caught.value.code == "contract.avro.varint"
