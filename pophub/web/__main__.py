"""Serve pages and registry alone: `python -m pophub.web`, on the address of `web_url`."""

from __future__ import annotations

from urllib.parse import urlsplit

import uvicorn

from pophub.settings import Settings
from pophub.web.app import create_app


def main() -> None:
    """Serve until a signal ends it."""
    settings = Settings.load()
    address = urlsplit(settings.endpoints.web_url)
    uvicorn.run(
        create_app(settings),
        host=address.hostname or "127.0.0.1",
        port=address.port or 8081,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
