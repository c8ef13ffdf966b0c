"""Apicurio's schema registry, in memory, on the embedded Java runtime, and its Avro converter for Kafka Connect.

`make servers` brings both; what they are is in `registry.lock` and `converter.lock`, each file with its digest.
"""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.connect import until
from pophub.runtime import broker, jars, places, ports
from pophub.settings import Settings

VERSION = "2.6.13.Final"
SERVER = Path(__file__).with_name("registry.lock")
CONVERTER = Path(__file__).with_name("converter.lock")
RUNNER = f"apicurio-registry-app-{VERSION}-runner.jar"
CLASS = "io.apicurio.registry.utils.converter.AvroConverter"
START_S = 90
SETTINGS = {  # of a converter that writes Confluent's frame, a zero and four bytes of the schema's number
    "apicurio.registry.auto-register": "true", "apicurio.registry.find-latest": "true",
    "apicurio.registry.as-confluent": "true", "apicurio.registry.use-id": "contentId", "apicurio.registry.headers.enabled": "false",
}  # fmt: skip


def folder() -> Path:
    """Give the folder of the registry."""
    return jars.cache_folder().parent / f"apicurio-{VERSION}"


def plugin() -> Path:
    """Give the folder of the converter, beside the other plugins of Kafka Connect."""
    return jars.cache_folder().parent / "connect-plugins" / f"apicurio-converter-{VERSION}"


def is_here() -> bool:
    """Tell whether registry and converter were brought."""
    return (folder() / RUNNER).exists() and all(
        (plugin() / Path(path).name).exists() for path in jars.locked(CONVERTER)
    )


def bring() -> None:
    """Fetch and unpack what is missing of registry and converter."""
    jars.fetch_jars(CONVERTER, plugin())
    with zipfile.ZipFile(
        plugin() / "listed.jar", "w"
    ) as listed:  # Connect finds the classes that a jar lists; theirs do not
        listed.writestr("META-INF/services/org.apache.kafka.connect.storage.Converter", f"{CLASS}\n")
    if (folder() / RUNNER).exists():
        return
    jars.fetch_jars(SERVER, folder())
    for path in jars.locked(SERVER):
        packed = folder() / Path(path).name
        with tarfile.open(packed) as archive:
            archive.extractall(folder(), filter="data")
        packed.unlink()


def converter(url: str, part: str) -> dict[str, str]:
    """Give what a connector's configuration says so that `part`, key or value, is written in Avro."""
    told = {
        "": "io.apicurio.registry.utils.converter.AvroConverter",
        ".apicurio.registry.url": f"{url}/apis/registry/v2",
    }
    told |= {f".{name}": value for name, value in SETTINGS.items()}
    return {f"{part}.converter{name}": value for name, value in told.items()}


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """Start the registry, give its address, end it afterwards."""
    bring()
    home = places.make_private(settings.home / "apicurio")
    port = ports.choose_free(settings)
    url = f"http://127.0.0.1:{port}"
    command = [broker.java(), "-Xms96m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
               f"-Dquarkus.http.port={port}", "-Dquarkus.http.host=127.0.0.1", "-Dquarkus.log.level=WARN",
               "-jar", str(folder() / RUNNER)]  # fmt: skip
    log = home / "apicurio.log"
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, cwd=home) as process:
        try:
            until(lambda: process.poll() is not None or _answers(url), "Apicurio's registry", START_S)
            if process.poll() is not None:
                raise RuntimeError(f"Apicurio's registry ended while starting:\n{places.tail(log)}")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/apis/ccompat/v7/subjects", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    bring()
