"""Two agencies' APIs that tests read: one with FastAPI, one with Python's own server behind TLS."""

from __future__ import annotations

import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI, Request, Response

TOKEN = "a-token-of-the-agency"
Odd = Callable[[int, Request], Response | None]


@dataclass
class Agency:
    """What an API holds and how it behaves; tests change it between two requests.

    `odd` may answer in place of the API: it is told the number of the request, from 1.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    marker: str = "cap_nhat_luc"
    asked: list[dict[str, str]] = field(default_factory=list)
    odd: Odd | None = None
    url: str = ""

    def since(self, parameters: dict[str, str]) -> list[dict[str, Any]]:
        """Give the rows from `tu_luc` on, in the order of the marker."""
        found = sorted(self.rows, key=lambda row: str(row.get(self.marker)))
        if "tu_luc" in parameters:
            begin = datetime.fromisoformat(parameters["tu_luc"])
            found = [row for row in found if datetime.fromisoformat(row[self.marker]) >= begin]
        return found


def application(agency: Agency) -> FastAPI:
    """Make the API: `/cursor`, `/number`, `/offset`, `/link` and `/all` over the same rows."""
    app = FastAPI()

    @app.middleware("http")
    async def watched(request: Request, call_next: Any) -> Response:
        agency.asked.append(dict(request.query_params))
        if agency.odd and (odd := agency.odd(len(agency.asked), request)):
            return odd
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Response(status_code=401)
        answer: Response = await call_next(request)
        return answer

    def page(request: Request, at: int) -> tuple[list[dict[str, Any]], int]:
        found = agency.since(dict(request.query_params))
        size = int(request.query_params.get("limit", 2))
        return found[at : at + size], at + size if at + size < len(found) else 0

    @app.get("/cursor")
    def cursor(request: Request) -> dict[str, Any]:
        rows, behind = page(request, int(request.query_params.get("con_tro", 0)))
        return {"du_lieu": {"ds": rows}, "meta": {"tiep": str(behind) if behind else None}}

    @app.get("/offset")
    def offset(request: Request) -> list[dict[str, Any]]:
        return page(request, int(request.query_params["tu"]))[0]

    @app.get("/number")
    def number(request: Request) -> list[dict[str, Any]]:
        size = int(request.query_params.get("limit", 2))
        return page(request, (int(request.query_params["trang"]) - 1) * size)[0]

    @app.get("/link")
    def link(request: Request) -> dict[str, Any]:
        at = int(request.query_params.get("at", 0))
        rows, behind = page(request, at)
        return {"items": rows, "next": f"/link?at={behind}" if behind else ""}

    return app


@contextmanager
def serving(agency: Agency) -> Iterator[Agency]:
    """Serve the API on a port of its own as long as the block lasts."""
    config = uvicorn.Config(
        application(agency), host="127.0.0.1", port=0, log_level="critical", lifespan="off", date_header=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    agency.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield agency
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def serving_tls(rows: list[dict[str, Any]], folder: Path) -> Iterator[tuple[str, Path]]:
    """Serve pages of two with a `Link` header, written with nothing but Python's own server, over https.

    Gives the address and the file of the certificate that signs the server's.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            at = int(parse_qs(urlsplit(self.path).query).get("at", ["0"])[0])
            body = json.dumps(rows[at : at + 2]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            if at + 2 < len(rows):
                self.send_header("Link", f'</api?at={at + 2}>; rel="next", </api>; rel="first"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    certificate = _certificate(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/api", certificate
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certificate(folder: Path) -> Path:
    """Write a certificate that signs itself, and its key, into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "agency.example")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "agency.pem"
    path.write_bytes(
        built.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *form)
    )
    path.chmod(0o600)
    return path
