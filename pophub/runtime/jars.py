"""Apache Kafka's jars: exactly those of `jars.lock`, fetched once from Maven Central.

The lock was resolved by jgo (`pophub/runtime/jars.lock`: SHA-256 and path of each file), because
resolving takes over a minute where fetching takes seconds, and so that nobody slips in another jar.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pophub.domain.errors import TransientError

VERSION = "4.3.1"
LOCK = Path(__file__).with_name("jars.lock")
_CONNECTIONS = 8


def cache_folder() -> Path:
    """Give the folder of the jars: POPHUB_JARS, or one in the user's cache, shared by all homes."""
    if chosen := os.environ.get("POPHUB_JARS"):
        return Path(chosen)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "pophub" / f"kafka-{VERSION}"


def locked(lock: Path = LOCK) -> dict[str, str]:
    """Read a lock: the path of each jar in a Maven repository, and its SHA-256."""
    lines = (line.split() for line in lock.read_text().splitlines())
    return {path: digest for digest, path in lines}


def jars_present() -> bool:
    """Tell whether all jars are in the cache."""
    folder = cache_folder()
    return all((folder / Path(path).name).exists() for path in locked())


def fetch_jars(lock: Path = LOCK, into: Path | None = None) -> Path:
    """Give the folder of a lock's jars, Apache Kafka's unless told; fetch those that are missing.

    Errors: `kafka.jars_missing` when the repository cannot be reached; `kafka.jars_altered` when it
    gives another file than the lock names.
    """
    folder = into or cache_folder()
    missing = {path: sum_ for path, sum_ in locked(lock).items() if not _at(folder, path).exists()}
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            list(pool.map(lambda path: _fetch(folder, path, missing[path]), missing))
    return folder


def _at(folder: Path, path: str) -> Path:
    return folder / Path(path).name


def _fetch(folder: Path, path: str, expected: str) -> None:
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.util import http
    from requests import RequestException

    try:
        answer = http.get(f"{MAVEN_CENTRAL_URL}/{path}", timeout=60)
        answer.raise_for_status()
        content = answer.content
    except RequestException as cause:
        raise TransientError(
            "kafka.jars_missing",
            f"a jar could not be fetched: {type(cause).__name__}",
            where=f"Maven Central, {path}",
            remedy="check the network, then again; or set POPHUB_JARS to a folder that has them",
        ) from cause
    if hashlib.sha256(content).hexdigest() != expected:
        raise TransientError(
            "kafka.jars_altered",
            "a jar differs from the one that the lock names",
            where=f"Maven Central, {path}",
            remedy="check what stands between this machine and Maven Central, then again",
        )
    draft = folder / f".{Path(path).name}.{os.getpid()}"
    draft.write_bytes(content)
    draft.replace(_at(folder, path))
