"""A TCP proxy that knows Kafka's framing: drops, delays, holds and cuts what a rule picks by api key.

Brokers tell clients where brokers are; the proxy puts its own ports into those answers, so that no
client goes around it.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self

import psutil

if TYPE_CHECKING:
    from command_kit import Started

API = {
    "Produce": 0, "Fetch": 1, "ListOffsets": 2, "Metadata": 3, "FindCoordinator": 10,
    "InitProducerId": 22, "AddPartitionsToTxn": 24, "AddOffsetsToTxn": 25, "EndTxn": 26, "TxnOffsetCommit": 28,
}  # fmt: skip
HOST = b"127.0.0.1"
WAIT_S = 90
Act = Literal["lose", "swallow", "hold", "delay", "cut", "tear"]


@dataclass
class Rule:
    """What to do with the n-th request of a kind.

    lose: forward it, drop the reply and the connection. swallow: forward it, drop the reply only.
    hold: keep it until `release`, whatever the client does. delay: forward it `delay_s` later, each
    time. cut: drop the connection instead. tear: forward half of it, then drop the connection.
    """

    api: str
    act: Act
    nth: int = 1
    delay_s: float = 0
    hits: int = 0
    hit: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    reply: bytes = b""
    _seen: int = 0

    def picks(self, api: int) -> bool:
        """Say whether this request is the one; counts it."""
        if api != API[self.api]:
            return False
        self._seen += 1
        picked = self._seen >= self.nth if self.act == "delay" else self._seen == self.nth
        self.hits += picked
        return picked

    def release(self) -> None:
        """Let what is held go on to the broker."""
        self.released.set()

    def await_hit(self, worker: Started) -> None:
        """Wait until the rule picked a request of this worker."""
        until = time.monotonic() + WAIT_S
        while not self.hit.wait(0.2):
            assert psutil.pid_exists(worker.pid), (
                f"no {self.api} came by before the worker ended: {worker.wait()}"
            )
            assert time.monotonic() < until, f"no {self.api} came by"


class Proxy:
    """Listens on one port for each broker port until its context ends; `bootstrap` names its ports."""

    def __init__(self, targets: Sequence[int]) -> None:
        self._targets = list(targets)
        self._listeners = [socket.create_server(("127.0.0.1", 0)) for _ in self._targets]
        ports = [s.getsockname()[1] for s in self._listeners]
        self.bootstrap = ",".join(f"127.0.0.1:{port}" for port in ports)
        self._names = [
            (HOST + struct.pack(">i", real), HOST + struct.pack(">i", ours))
            for real, ours in zip(self._targets, ports, strict=True)
        ]
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._sockets: set[socket.socket] = set()
        self._closing = False
        self.refusing = False

    def __enter__(self) -> Self:
        for listener, target in zip(self._listeners, self._targets, strict=True):
            threading.Thread(target=self._accept, args=(listener, target), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        for rule in self._rules:
            rule.release()
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut_all()

    def rule(self, api: str, act: Act, nth: int = 1, delay_s: float = 0) -> Rule:
        """Add a rule; the first that picks a request is applied."""
        rule = Rule(api, act, nth, delay_s)
        with self._lock:
            self._rules.append(rule)
        return rule

    def cut_all(self) -> None:
        """Drop every connection that is open now."""
        with self._lock:
            found = list(self._sockets)
            self._sockets.clear()
        for open_one in found:
            _drop(open_one)

    def _accept(self, listener: socket.socket, target: int) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                if self.refusing or self._closing:
                    raise ConnectionRefusedError
                broker = socket.create_connection(("127.0.0.1", target), timeout=5)
            except OSError:
                _drop(client)
                continue
            broker.settimeout(None)
            with self._lock:
                self._sockets |= {client, broker}
            link = _Link(self, client, broker)
            for pump in (link.requests, link.replies):
                threading.Thread(target=pump, daemon=True).start()

    def pick(self, api: int) -> Rule | None:
        """Give the rule that picks a request."""
        with self._lock:
            return next((rule for rule in self._rules if rule.picks(api)), None)

    def rename(self, frame: bytes) -> bytes:
        """Put the proxy's ports in the place of the brokers'."""
        for real, ours in self._names:
            frame = frame.replace(real, ours)
        return frame


@dataclass
class _Link:
    """One client's connection and the one to the broker that belongs to it."""

    proxy: Proxy
    client: socket.socket
    broker: socket.socket
    _asked: dict[int, tuple[int, Rule | None]] = field(default_factory=dict)

    def requests(self) -> None:
        """Carry requests, as the rules have it."""
        while (frame := _frame(self.client)) is not None:
            api, _, correlation = struct.unpack(">hhi", frame[:8])
            rule = self.proxy.pick(api)
            self._asked[correlation] = (api, rule)
            if not self._forward(frame, rule):
                break
        for _, late in list(self._asked.values()):
            if late is not None and late.act == "hold":  # its client may be gone; the broker's answer counts
                late.answered.wait(5)
        _drop(self.broker)

    def _forward(self, frame: bytes, rule: Rule | None) -> bool:
        if rule is not None:
            rule.hit.set()
            if rule.act == "hold":
                rule.released.wait(WAIT_S)
            elif rule.act == "delay":
                time.sleep(rule.delay_s)
            elif rule.act in ("cut", "tear"):
                if rule.act == "tear":
                    _send(self.broker, struct.pack(">i", len(frame)) + frame[: len(frame) // 2])
                _drop(self.client)
                return False
        return _send(self.broker, struct.pack(">i", len(frame)) + frame)

    def replies(self) -> None:
        """Carry replies; those of a rule are kept, and lost where it says so."""
        while (frame := _frame(self.broker)) is not None:
            api, rule = self._asked.pop(struct.unpack(">i", frame[:4])[0], (API["Fetch"], None))
            if rule is not None:
                rule.reply = frame
                rule.answered.set()
                if rule.act == "swallow":
                    continue
                if rule.act == "lose":
                    break
            renamed = frame if api == API["Fetch"] else self.proxy.rename(frame)
            _send(self.client, struct.pack(">i", len(renamed)) + renamed)
        _drop(self.client)


def _frame(incoming: socket.socket) -> bytes | None:
    head = _exactly(incoming, 4)
    return None if head is None else _exactly(incoming, struct.unpack(">i", head)[0])


def _exactly(incoming: socket.socket, count: int) -> bytes | None:
    found = bytearray()
    while len(found) < count:
        try:
            part = incoming.recv(count - len(found))
        except OSError:
            return None
        if not part:
            return None
        found += part
    return bytes(found)


def _send(outgoing: socket.socket, data: bytes) -> bool:
    try:
        outgoing.sendall(data)
    except OSError:
        return False
    return True


def _drop(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
