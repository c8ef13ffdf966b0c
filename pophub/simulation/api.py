"""The APIs of simulated agencies: `python -m pophub.simulation.api`, started and ended with the hub's servers.

An API gives the rows of a journal as JSON, in the order of their numbers: `?tu_luc=TIME` those that changed since,
`limit=N` at most so many, `con_tro=NUMBER` those behind the page that ended with it. Who asks shows the agency's token.
"""

from __future__ import annotations

import hmac
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import orjson

from pophub.settings import Settings
from pophub.simulation.declaration import Declaration, declarations
from pophub.simulation.journals import columns_of, quoted, sqlite_file

HOST = "127.0.0.1"
ROWS, MOST_ROWS = 100, 1000
"""Rows of a page: where nobody says how many, and at most."""


class PageAsked(NamedTuple):
    """What a page is asked for: rows behind a number that changed since a time, so many at most."""

    behind: int
    since: str
    rows: int


def variables(settings: Settings, declaration: Declaration, name: str) -> dict[str, str]:
    """Give address and token of an API, each under its variable; nothing where the hub's servers are not ours to start."""
    if settings.agencies_port is None:
        return {}
    address = f"http://{HOST}:{settings.agencies_port}/{declaration.agency}/{declaration.dataset}"
    return {f"{name}_URL": address, f"{name}_TOKEN": settings.secret(token_of(declaration))}


def token_of(declaration: Declaration) -> str:
    """Name the secret that the hub shows an agency's API."""
    return f"api.{declaration.agency}"


def page(settings: Settings, declaration: Declaration, asked: PageAsked) -> dict[str, Any]:
    """Give a page of an API: its rows, and the cursor that leads on; None on the last."""
    source, names = declaration.source, columns_of(declaration)
    number, changed = quoted(source.number), quoted(source.changed)
    statement = (
        f"select {', '.join(map(quoted, names))} from {quoted(source.name)} "  # noqa: S608 - names of a declaration
        f"where {number} > ? and {changed} >= ? order by {number} limit ?"
    )
    with closing(sqlite3.connect(sqlite_file(settings, declaration), timeout=30)) as connection:
        rows = connection.execute(statement, (asked.behind, asked.since, asked.rows + 1)).fetchall()
    told = [_record(declaration, dict(zip(names, row, strict=True))) for row in rows[: asked.rows]]
    behind = told[-1][source.number] if len(rows) > asked.rows else None
    return {"du_lieu": {"ds": told}, "meta": {"tiep": behind}}


def _record(declaration: Declaration, row: dict[str, Any]) -> dict[str, Any]:
    """Give a row as JSON has it: SQLite keeps a yes or no as a number."""
    for name, column in declaration.columns.items():
        if column.flag is not None and isinstance(column.flag.yes, bool) and row[name] in (0, 1):
            row[name] = bool(row[name])
    return row


def _asked(query: str) -> PageAsked:
    """Read what is asked for. Errors: ValueError where that cannot be read."""
    told = {name: values[-1] for name, values in parse_qs(query).items()}
    since = datetime.fromisoformat(told["tu_luc"]).astimezone(UTC).isoformat() if "tu_luc" in told else ""
    rows = min(max(1, int(told.get("limit", ROWS))), MOST_ROWS)
    return PageAsked(int(told.get("con_tro", 0)), since, rows)


def server(settings: Settings, port: int) -> ThreadingHTTPServer:
    """Make the server of all declared APIs; it answers once it is told to serve."""
    known = {f"/{one.agency}/{one.dataset}": one for one in declarations() if one.source.kind == "api"}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, answer = self._answer()
            body = orjson.dumps(answer)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _answer(self) -> tuple[int, dict[str, Any]]:
            address = urlsplit(self.path)
            declaration = known.get(address.path)
            if declaration is None:
                return 404, {"loi": "không có"}
            wanted = f"Bearer {settings.secret(token_of(declaration))}"
            if not hmac.compare_digest(self.headers.get("Authorization", "").encode(), wanted.encode()):
                return 401, {"loi": "chưa đăng nhập"}
            try:
                return 200, page(settings, declaration, _asked(address.query))
            except ValueError:
                return 400, {"loi": "câu hỏi sai"}

        def log_message(self, *_: object) -> None:
            """Say nothing: what is asked for is the agency's."""

    return ThreadingHTTPServer((HOST, port), Handler)


def main() -> None:
    """Serve until the supervisor ends it."""
    settings = Settings.load()
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit(0)))
    assert settings.agencies_port is not None, "pophub up chooses the port"
    with server(settings, settings.agencies_port) as serving:
        serving.serve_forever()


if __name__ == "__main__":
    main()
