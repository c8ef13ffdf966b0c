"""A web application on a free port, with an attendant of previews and replays; a way to a server that can be frozen."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import uvicorn
from fastapi import FastAPI

from pophub.commands.attendant import take_up
from pophub.commands.requests import RequestKind
from pophub.postgres import connect
from pophub.settings import Settings


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application as long as the block lasts; give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def attended(settings: Settings) -> Iterator[None]:
    """Have previews and replays done as the attendant does them, here, where the libraries are loaded already."""
    over = threading.Event()
    kinds: tuple[RequestKind, ...] = ("preview", "replay")

    def attend() -> None:
        with closing(connect(settings, "pophub_owner")) as connection:
            while not over.wait(0.05):
                for kind in kinds:
                    take_up(connection, settings, kind)

    thread = threading.Thread(target=attend)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Tunnel:
    """A way to a server that a test can freeze or close."""

    def __init__(self, port: int) -> None:
        self._to, self.open = port, threading.Event()
        self.open.set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65_536):
                self.open.wait()
                other.sendall(data)
        except OSError:
            pass
        finally:
            other.close()

    def close(self) -> None:
        """Take no connection any more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
