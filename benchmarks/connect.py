"""Kafka Connect with Debezium's connectors, standalone on the embedded broker and Java runtime.

`make servers` brings the connectors; what they are is in `jars.lock`, each file with its digest.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from benchmarks.meter import peak_mb_of
from pophub.runtime import broker, jars, places, ports
from pophub.settings import Settings

VERSION = "3.5.0.Final"
LOCK = Path(__file__).with_name("jars.lock")
START_S, RUN_S, POLL_S = 120, 300, 0.1

WORKER = """\
bootstrap.servers={bootstrap}
listeners=http://127.0.0.1:{port}
plugin.path={plugins}
plugin.discovery=service_load
offset.storage.file.filename={folder}/offsets
offset.flush.interval.ms=1000
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
"""


class Connect:
    """A Kafka Connect worker; `cpu_s` and `peak_mb` are its process's."""

    def __init__(self, settings: Settings, process: subprocess.Popen[bytes], port: int) -> None:
        self._settings = settings
        self._process = psutil.Process(process.pid)
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self.close = self._http.close

    def cpu_s(self) -> float:
        """Give the CPU seconds so far."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def peak_mb(self) -> float:
        """Give the peak of resident memory."""
        return peak_mb_of(self._process.pid)

    def answers(self) -> bool:
        """Tell whether the worker takes connectors."""
        try:
            return self._http.get("/connectors").status_code == 200
        except httpx.HTTPError:
            return False

    def put(self, name: str, configuration: Mapping[str, str]) -> None:
        """Begin or change a connector.

        Errors: RuntimeError.
        """
        answer = self._http.put(f"/connectors/{name}/config", json=dict(configuration))
        if answer.status_code >= 300:
            raise RuntimeError(f"Connect refused {name}: {answer.json().get('message', '')[:400]}")

    def tasks(self, name: str) -> int:
        """Count the running tasks.

        Errors: RuntimeError with the first line of what made one fail.
        """
        answer = self._http.get(f"/connectors/{name}/status")
        state: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        parts = [state.get("connector", {}), *state.get("tasks", [])]
        if failed := [part for part in parts if part.get("state") == "FAILED"]:
            raise RuntimeError(f"{name} failed: {failed[0].get('trace', '')[:600]}")
        return sum(task["state"] == "RUNNING" for task in state.get("tasks", []))

    def remove(self, name: str) -> None:
        """End a connector, if it is there."""
        self._http.delete(f"/connectors/{name}")

    def wait(self, done: Callable[[], bool], what: str, connectors: Sequence[str]) -> None:
        """Wait for something that running connectors do.

        Errors: RuntimeError when one of them fails, or it is not done in time.
        """
        looked = time.monotonic()

        def sound() -> bool:
            nonlocal looked
            if time.monotonic() - looked > 1:
                for one in connectors:
                    self.tasks(one)
                looked = time.monotonic()
            return done()

        until(sound, what, RUN_S)


Worker = TypeVar("Worker", bound=Connect)


def plugins() -> Path:
    """Give the folder of the connectors' jars."""
    return jars.cache_folder().parent / "connect-plugins" / f"debezium-{VERSION}"


def is_here() -> bool:
    """Tell whether the connectors were brought."""
    return all((plugins() / Path(path).name).exists() for path in jars.locked(LOCK))


def bring() -> None:
    """Fetch what is missing of the connectors' jars."""
    jars.fetch_jars(LOCK, plugins())


@contextmanager
def running(settings: Settings, kind: type[Worker] = Connect) -> Iterator[Worker]:  # type: ignore[assignment]
    """Start Kafka Connect with Debezium's connectors; end it afterwards."""
    folder = places.make_private(settings.home / "connect")
    bring()
    port = ports.choose_free(settings)
    login = broker.client_configuration(settings).read_text()
    text = WORKER.format(
        bootstrap=settings.endpoints.kafka_bootstrap, port=port, plugins=plugins().parent, folder=folder
    )
    for prefix in ("", "producer.", "consumer.", "admin."):
        text += "".join(f"{prefix}{line}\n" for line in login.splitlines())
    properties = places.write_private(folder / "worker.properties", text)
    command = [broker.java(), "-Xms256m", "-Xmx2g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
               "-cp", broker.class_path(), "org.apache.kafka.connect.cli.ConnectStandalone", str(properties)]  # fmt: skip
    log = folder / "connect.log"
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, cwd=folder) as process:
        worker = kind(settings, process, port)
        try:
            until(lambda: process.poll() is not None or worker.answers(), "Kafka Connect", START_S)
            if process.poll() is not None:
                raise RuntimeError(f"Kafka Connect ended while starting:\n{places.tail(log)}")
            yield worker
        finally:
            worker.close()
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def until(done: Callable[[], bool], what: str, limit_s: float) -> None:
    """Wait for something.

    Errors: RuntimeError when it is not done in time.
    """
    end = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {limit_s:.0f} s for {what}")
        time.sleep(POLL_S)


if __name__ == "__main__":
    bring()
