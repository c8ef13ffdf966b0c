"""A table of a database that is asked again and again: its connection stays open."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, cast

from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeEngine

from pophub.contracts.source_model import SqlSource
from pophub.sources.sql import SqlTable

COLUMNS_S = 5.0  # how often the table's columns are looked at; one that is gone fails the query at once


class OpenTable(SqlTable):
    """A `SqlTable` with one connection; an error closes it, and the next read opens another."""

    def __init__(self, source: SqlSource, url: str, *, where: str = "") -> None:
        super().__init__(source, url, where=where)
        self._open: Connection | None = None
        self._looked_at = float("-inf")
        self._columns: dict[str, TypeEngine[Any]] = {}

    def _connect(self) -> Connection:
        if self._open is None:
            self._open, self._looked_at = super()._connect(), float("-inf")
        return cast(Connection, _Lent(self, self._open))  # the callers only open a block with it

    def _types(self, connection: Connection) -> dict[str, TypeEngine[Any]]:
        if time.monotonic() - self._looked_at > COLUMNS_S:
            self._columns, self._looked_at = super()._types(connection), time.monotonic()
        return self._columns

    def close(self) -> None:
        """End the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None


class _Lent:
    """The open connection for one block: rolled back behind it, closed behind an error."""

    def __init__(self, table: OpenTable, connection: Connection) -> None:
        self._table = table
        self._connection = connection

    def __enter__(self) -> Connection:
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if kind is None:
            self._connection.rollback()
            self._connection.execution_options(stream_results=False)  # `read` set it for good
        else:
            self._table.close()
