"""Adapters of a stream: what the hub opens for one block stays open here from step to step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pophub.adapters import Adapters
from pophub.postgres import Connection
from pophub.settings import Settings


class KeptOpen(Adapters):
    """One session a role for all that ask, until these adapters are closed."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._stack = ExitStack()
        self._sessions: dict[str, Connection] = {}

    @contextmanager
    def connection(self, role: str) -> Iterator[Connection]:
        """Lend the session of a role."""
        if role not in self._sessions:
            self._sessions[role] = self._stack.enter_context(super().connection(role))
        yield self._sessions[role]

    def close(self) -> None:
        """End the clients; the locks end with the sessions."""
        self._stack.close()
