"""Where alerts are told: a file and a topic, each notice once; what was taken is recognised."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from pophub.domain.errors import TransientError
from pophub.kafka import Publisher
from pophub.ports import Message, Position

TOPIC = "alerts"
TAIL_BYTES = 1 << 20
Notices = Sequence[tuple[int, Mapping[str, Any]]]


class FileSink:
    """One JSON line a notice in `<home>/alerts.jsonl`; a torn last line is cut off and written anew."""

    name, at_once = "file", 200

    def __init__(self, path: Path) -> None:
        self._path = path

    def tell(self, notices: Notices) -> int:
        """Append what is not in the file yet, durably."""
        try:
            with os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL_BYTES))
                tail = file.read()
                torn = len(tail) - (tail.rfind(b"\n") + 1)
                file.truncate(size - torn)
                file.seek(size - torn)
                there = set(tail.split(b"\n"))
                lines = (orjson.dumps(document) for _, document in notices)
                file.write(b"".join(line + b"\n" for line in lines if line not in there))
                file.flush()
                os.fsync(file.fileno())
        except OSError as cause:
            raise TransientError(
                "alert.file", f"alerts cannot be written: {cause.strerror}", where=str(self._path),
                remedy="make room, or set the rights of the file; what is missing is written next time",
            ) from cause  # fmt: skip
        return 0


class TopicSink:
    """One message a notice on `alerts`; the position is committed in the same Kafka transaction."""

    name, at_once = "topic", 500

    def __init__(self, publisher: Callable[[], Publisher]) -> None:
        self._publisher = publisher

    def tell(self, notices: Notices) -> int:
        """Publish what lies after the topic's own position."""
        with closing(self._publisher()) as publisher:
            position = publisher.position().sequence
            messages = [
                Message(str(document["alert"]).encode(), orjson.dumps(document), [("notice", str(number).encode())])
                for number, document in notices if number > position
            ]  # fmt: skip
            if messages:
                publisher.publish(messages, Position(notices[-1][0], ""))
        return 0
