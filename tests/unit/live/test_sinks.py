"""A sink is told once: what a crash repeats is recognised, what is private is not called."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pophub.domain.errors import ConfigError, TransientError
from pophub.live.sinks import FileSink
from pophub.live.webhook import WebhookSink
from tests.refused import refused

NOTICES = [(n, {"notice": n, "alert": n, "event": "opened", "code": "alert.offline"}) for n in (1, 2, 3)]


class Receiver:
    """A webhook on loopback that answers with the statuses that it is given, then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.got: list[tuple[str, dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.got.append((self.headers["Idempotency-Key"], body))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?token=SECRET"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def test_the_file_holds_each_notice_once_also_after_a_crash(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "alerts.jsonl")
    sink.tell(NOTICES[:2])
    with (tmp_path / "alerts.jsonl").open("ab") as file:
        file.write(b'{"notice":3,"al')  # the machine went down while it wrote
    sink.tell(NOTICES)
    sink.tell(NOTICES)
    lines = (tmp_path / "alerts.jsonl").read_text().splitlines()
    assert [json.loads(line)["notice"] for line in lines] == [1, 2, 3]
    assert (tmp_path / "alerts.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_failing_webhook_is_tried_again_with_the_same_key(receiver: Receiver) -> None:
    receiver.statuses = [503, 429]
    assert WebhookSink(receiver.url, private=True, wait_s=0.01).tell(NOTICES[:1]) == 0
    assert [key for key, _ in receiver.got] == ["pophub-1-opened-1"] * 3
    assert receiver.got[0][1] == NOTICES[0][1]


def test_a_webhook_that_stays_down_says_so_without_its_secret(receiver: Receiver) -> None:
    receiver.statuses = [500] * 10
    with pytest.raises(TransientError) as caught:
        WebhookSink(receiver.url, private=True, wait_s=0.01).tell(NOTICES[:1])
    assert caught.value.code == "alert.webhook_unreachable"
    assert "SECRET" not in str(caught.value)


def test_a_notice_refused_for_good_is_counted_and_left_behind(receiver: Receiver) -> None:
    receiver.statuses = [400]
    assert WebhookSink(receiver.url, private=True).tell(NOTICES[:1]) == 1
    assert len(receiver.got) == 1


def test_a_file_that_cannot_be_written_is_told_and_written_next_time(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "alerts.jsonl")
    (tmp_path / "alerts.jsonl").mkdir()
    with refused("alert.file"):
        sink.tell(NOTICES)
    (tmp_path / "alerts.jsonl").rmdir()
    sink.tell(NOTICES)
    assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "192.168.1.1"]
)
def test_private_addresses_are_not_called_unless_allowed(host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        WebhookSink(f"http://{host}:9/", private=False).tell(NOTICES[:1])
    assert caught.value.code == "alert.webhook_refused"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/", "nonsense", "http://"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        WebhookSink(url, private=True).tell(NOTICES[:1])
