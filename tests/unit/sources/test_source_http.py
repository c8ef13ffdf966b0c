"""What docs/source-http.md says of an API and nothing else shows."""

from __future__ import annotations

import socket
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from fastapi import Request, Response
from http_kit import CURSOR, LINK, SIGNED_IN, answer_json, api, keys, refused, row

from pophub.sources import http_client
from pophub.sources.http_client import Access

sys.path.insert(0, str(Path(__file__).parents[2]))

from api_kit import TOKEN, Agency, serving
from types_page import connector, reached

M = b'"m": "2026-11-01T12:00:00Z"'


@pytest.fixture
def agency() -> Iterator[Agency]:
    with serving(Agency()) as agency:
        yield agency


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "_AGAIN", lambda state: 0.01)


@pytest.mark.parametrize(
    ("answer", "code"),
    [(b"", "source.timeout"), (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[", "source.unreachable")],
    ids=["silent", "breaks off"],
)
def test_a_server_that_is_silent_or_breaks_off_is_asked_five_times_and_told(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, code: str
) -> None:
    monkeypatch.setattr(http_client, "TIMEOUT", httpx.Timeout(0.2))
    asked: list[socket.socket] = []

    def answers() -> None:
        with suppress(OSError):  # the listener is gone
            while True:
                asked.append(listener.accept()[0])
                asked[-1].recv(4096)
                if answer:
                    asked[-1].sendall(answer)
                    asked[-1].shutdown(socket.SHUT_RDWR)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answers, daemon=True)
        thread.start()
        error = refused(lambda: keys(api(f"http://127.0.0.1:{listener.getsockname()[1]}/x", "")))
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for one in asked:
        one.close()
    assert (error.code, error.retry_after_s is not None, len(asked)) == (code, True, http_client.TRIES)


def test_a_text_that_is_no_utf_8_fails_its_record_alone(agency: Agency) -> None:
    agency.odd = lambda number, request: Response(
        b'[{"k": "a", "v": "b\xff", %s}, {"k": "c", "v": "d", %s}]' % (M, M)
    )
    assert reached(list(api(agency, "/all").read(None, 10)), connector("http", "string")) == [
        "contract.text.encoding", '"d"',
    ]  # fmt: skip


def test_a_number_in_a_field_of_text_is_refused_unless_it_is_said_to_be_whole(agency: Agency) -> None:
    agency.odd = lambda number, request: Response(b'[{"k": "a", "v": 12345678901234567, %s}]' % M)
    raw = list(api(agency, "/all").read(None, 10))
    assert reached(raw, connector("http", "string")) == ["contract.type"]
    assert reached(raw, connector("http", "string, numbers as_text")) == ['"12345678901234567"']
    for field in ("long", "decimal(38,0)"):
        assert reached(raw, connector("http", field)) == ["12345678901234567"], "no digit of it was lost"


def test_a_member_that_nobody_named_makes_a_column_of_the_pages_that_have_it(agency: Agency) -> None:
    agency.rows = [row(0), row(1, them="x"), row(2), row(3)]
    with_it, without = api(agency, "/cursor", **CURSOR).read(None, 10)
    assert with_it["them"] == [None, "x"]
    assert "them" not in without


@pytest.mark.parametrize(
    ("access", "header"),
    [(SIGNED_IN, f"Bearer {TOKEN}"), (Access(basic=("hub", TOKEN)), f"Basic {b64encode(f'hub:{TOKEN}'.encode()).decode()}"),
     (Access(), None)],
    ids=["token", "user and password", "nothing"],
)  # fmt: skip
def test_what_signs_in_is_a_token_or_user_and_password_of_each_question(
    agency: Agency, access: Access, header: str | None
) -> None:
    came: list[tuple[str, str | None]] = []

    def watch(number: int, request: Request) -> Response:
        came.append((request.method, request.headers.get("Authorization")))
        return answer_json({"items": [row(number)], "next": "/link?at=1" if number == 1 else ""})

    agency.odd = watch
    assert keys(api(agency, "/link", access=access, **LINK)) == ["K1", "K2"]
    assert came == [("GET", header)] * 2
