"""Brokers of a cluster of its own: each a process that a row may kill, stop, freeze and start again."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Self

from confluent_kafka.admin import AdminClient
from hubkit import Servers

from pophub.runtime import broker, processes
from tests.faults.checker import login

READY_S = 120
JVM = ("-Xms64m", "-Xmx256m", "-XX:TieredStopAtLevel=1")
CHANGES = """\
node.id={node}
controller.quorum.voters={voters}
listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{port}
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=3
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor={replicas}
replica.lag.time.max.ms=6000
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
log.retention.check.interval.ms=1000
log.initial.task.delay.ms=1000
"""


class Cluster:
    """KRaft brokers with the hub's passwords; `servers` is the hub with these in the place of its broker.

    Nodes are numbered from 1. `data`: the folder of each node's log, elsewhere than in `folder`.
    """

    def __init__(
        self, servers: Servers, folder: Path, nodes: int = 3, data: Sequence[Path] = (), changes: str = ""
    ) -> None:
        self._hub = servers
        self._folder = folder
        self.nodes = list(range(1, nodes + 1))
        self._data = list(data) or [folder / str(n) / "data" for n in self.nodes]
        self._changes = changes
        taken = _free_ports(2 * nodes)
        self.ports, self._controllers = taken[:nodes], taken[nodes:]
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []
        bootstrap = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        endpoints = servers.settings.endpoints.model_copy(
            update={"kafka_bootstrap": bootstrap, "kafka_replicas": nodes}
        )
        settings = servers.settings.model_copy(update={"endpoints": endpoints})
        self.servers = Servers(settings, servers.socket_path)

    def __enter__(self) -> Self:
        cluster = urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "A")
        for node in self.nodes:
            self._format(node, cluster)
        for node in self.nodes:
            self.start(node)
        self.await_ready()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()
        for log in self._logs:
            log.close()

    def _place(self, node: int) -> Path:
        return self._folder / str(node)

    def _format(self, node: int, cluster: str) -> None:
        place = self._place(node)
        place.mkdir(parents=True)
        voters = ",".join(f"{n}@127.0.0.1:{self._controllers[n - 1]}" for n in self.nodes)
        count = len(self.nodes)
        secret = self._hub.settings.secret
        text = broker.PROPERTIES.format(
            port=0, controller=0, scram=broker._SCRAM, plain=broker._PLAIN, admin=secret("kafka.admin"),
            controller_secret=secret("kafka.controller"), data=self._data[node - 1],
        ) + CHANGES.format(
            node=node, voters=voters, port=self.ports[node - 1], controller=self._controllers[node - 1],
            replicas=count, in_sync=min(2, count),
        )  # fmt: skip
        _write(place / "server.properties", text + self._changes)
        user = f"SCRAM-SHA-512=[name=admin,password={secret('kafka.admin')}]"
        told = (
            "format",
            "--cluster-id",
            cluster,
            "--config",
            str(place / "server.properties"),
            "--add-scram",
            user,
        )
        arguments = _write(place / "format.arguments", "\n".join(told))
        tool = ("-cp", broker.class_path(), "kafka.tools.StorageTool", f"@{arguments}")
        subprocess.run([broker.java(), *JVM[2:], *broker.JVM[5:], *tool], check=True, capture_output=True)
        arguments.unlink()

    def start(self, node: int) -> None:
        """Start a node; do not wait for it."""
        log = (self._place(node) / "log").open("ab")
        self._logs.append(log)
        marks = {processes.MARK: str(self._hub.settings.home)}  # so that the hub's end ends it in any case
        self._running[node] = subprocess.Popen(
            [broker.java(), *JVM, *broker.JVM[2:], "-cp", broker.class_path(), "kafka.Kafka",
             str(self._place(node) / "server.properties")],
            stdout=log, stderr=subprocess.STDOUT, env=os.environ | marks, start_new_session=True,
        )  # fmt: skip

    def kill(self, node: int) -> None:
        """End a node as a power cut would."""
        self._running[node].kill()
        self._running[node].wait()

    def stop(self, node: int) -> None:
        """End a node in order."""
        self._running[node].terminate()
        try:
            self._running[node].wait(READY_S)
        except subprocess.TimeoutExpired:
            self.kill(node)

    def freeze(self, node: int) -> None:
        """Let a node hang: connections stay open, nothing is answered."""
        self._running[node].send_signal(signal.SIGSTOP)

    def thaw(self, node: int) -> None:
        """Let a frozen node go on."""
        self._running[node].send_signal(signal.SIGCONT)

    def ended(self, node: int) -> bool:
        """Say whether a node has ended by itself."""
        return self._running[node].poll() is not None

    def log(self, node: int) -> str:
        """Give what a node wrote to its log."""
        return (self._place(node) / "log").read_text(errors="replace")

    def leader(self, topic: str, lane: int) -> int:
        """Give the node that leads a lane, once one does."""
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            found = self._admin().list_topics(topic, timeout=READY_S).topics[topic].partitions
            if lane in found and found[lane].leader in self.nodes:
                return int(found[lane].leader)
            time.sleep(0.2)
        raise AssertionError(f"lane {lane} of {topic} found no leader")

    def await_ready(self) -> None:
        """Wait until every node runs and every replica is in sync."""
        for node in self.nodes:
            if node not in self._running or self.ended(node):
                self.start(node)
        until = time.monotonic() + READY_S
        while not self._whole():
            assert time.monotonic() < until, "the cluster did not become whole again"
            time.sleep(0.2)

    def _whole(self) -> bool:
        if not all(_listens(port) for port in self.ports):
            return False
        told = self._admin().list_topics(timeout=READY_S)
        lanes = [lane for topic in told.topics.values() for lane in topic.partitions.values()]
        return len(told.brokers) == len(self.nodes) and all(len(p.isrs) == len(p.replicas) for p in lanes)

    def _admin(self) -> AdminClient:
        return AdminClient(login(self.servers))


def _write(path: Path, text: str) -> Path:
    path.touch(0o600)
    path.write_text(text)
    return path


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [int(s.getsockname()[1]) for s in held]
    for s in held:
        s.close()
    return found


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
