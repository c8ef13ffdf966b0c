"""Serve pages or registry alone, each on its own address: `python -m pophub.web web|registry`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI

from pophub.settings import Settings
from pophub.web.app import create_pages, create_registry


def main() -> None:
    """Serve until a signal ends it."""
    settings = Settings.load()
    face = sys.argv[1]
    faces: dict[str, tuple[Callable[[Settings], FastAPI], str]] = {
        "web": (create_pages, settings.endpoints.web_url),
        "registry": (create_registry, settings.endpoints.registry_url),
    }
    make, url = faces[face]
    address = urlsplit(url)
    uvicorn.run(
        make(settings),
        host=address.hostname or "127.0.0.1",
        port=address.port or 80,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
