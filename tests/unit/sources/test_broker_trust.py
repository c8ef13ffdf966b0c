"""Why a broker's certificate is not trusted is told in words, and nothing else is: against servers that speak TLS."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from authority_kit import Authority

from pophub.domain.errors import TransientError
from pophub.kafka import topic, trust
from pophub.kafka.topic import BrokerAccess, ForeignTopic
from pophub.kafka.trust import look_at_trust, speaks_tls


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Give the address of a server that serves each connection in a thread of its own."""

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    server = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


@contextmanager
def greeting(certificate: Path) -> Iterator[str]:
    """Serve handshakes; give HOST:PORT."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(taken: socket.socket) -> None:
        with suppress(OSError), taken:
            context.wrap_socket(taken, server_side=True).close()

    with listening(serve) as address:
        yield address


@contextmanager
def plain(*, hangs_up: bool, answers: bool = True) -> Iterator[str]:
    """Serve as a broker without TLS does; one that does not answer is one that starts, stops or hangs."""

    def serve(taken: socket.socket) -> None:
        with suppress(OSError), taken:
            asked = taken.recv(1000)
            if answers and asked[:1] == b"\0":  # a length, and no greeting of TLS
                taken.sendall(struct.pack(">i", 10) + asked[8:12] + bytes(6))
            elif not hangs_up:
                taken.recv(1000)  # until the other side gives up

    with listening(serve) as address:
        yield address


@pytest.mark.parametrize("hangs_up", [True, False])
def test_a_broker_that_hangs_or_starts_again_is_not_said_to_speak_no_tls_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, hangs_up: bool
) -> None:
    monkeypatch.setattr(trust, "LOOK_S", 0.2)
    monkeypatch.setattr(topic, "ASK_S", 2.0)
    with plain(hangs_up=hangs_up, answers=False) as address:
        assert look_at_trust(address, None) is None and not speaks_tls(address)
        read = ForeignTopic(BrokerAccess(address, tls=True), "a.topic", "here")
        with pytest.raises(TransientError) as found:
            read.ends()
        read.close()
    assert found.value.code == "source.unreachable"
    with plain(hangs_up=hangs_up) as address:
        told = look_at_trust(address, None)
        assert told is not None and "speaks no TLS" in told.what


@pytest.mark.parametrize(
    "since, until, host, words",
    [
        (-1, 1, "127.0.0.1", None),
        (-9, -1, "127.0.0.1", "has expired"),
        (1, 9, "127.0.0.1", "is not valid yet"),
        (-1, 1, "127.0.0.9", "is one of another host"),
    ],
)
def test_a_certificate_is_refused_for_what_is_wrong_with_it(
    tmp_path: Path, since: int, until: int, host: str, words: str | None
) -> None:
    authority = Authority(tmp_path)
    authority.sign("broker", since, until, host)
    with greeting(tmp_path / "broker.pem") as address:
        found = look_at_trust(f"127.0.0.1:9,{address}", authority.path)  # the first broker is down
        assert (found is None) if words is None else (found is not None and words in found.what)
        assert speaks_tls(address)


def test_an_authority_that_nobody_named_a_file_that_is_none_and_a_broker_without_tls_are_told(
    tmp_path: Path,
) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    authority.sign("broker", -1, 1, "127.0.0.1")
    (tmp_path / "none.pem").write_text("no certificate")
    with greeting(tmp_path / "broker.pem") as address:
        for path, words in (
            (stranger.path, "signed by nobody"), (None, "signed by nobody"), (tmp_path / "none.pem", "cannot be read"),
            (tmp_path / "gone.pem", "cannot be read"),
        ):  # fmt: skip
            found = look_at_trust(address, path)
            assert found is not None and words in found.what
    with plain(hangs_up=True) as address:
        found = look_at_trust(address, authority.path)
        assert found is not None and "speaks no TLS" in found.what
        assert not speaks_tls(address)
    assert look_at_trust("127.0.0.1:9", authority.path) is None, "nobody answers, and nobody is blamed"
