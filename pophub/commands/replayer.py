"""Previews and replays that a page asked for, in a process beside the attendant: it answers by a line for each number.

`python -m pophub.commands.replayer` reads requests' numbers from its input, and ends with it. So nobody who looks at a
page waits for a judge that has the interpreter, what the judge holds in memory is given back, and one that is killed is
an answer. It is kept for a while: Great Expectations takes seconds to load.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pophub.commands.requests import SQL, Done, RequestSeen, of_number
from pophub.domain.errors import PophubError
from pophub.postgres import Connection, connect, transaction
from pophub.process.memory import calm
from pophub.quarantine.selection import Selection
from pophub.settings import Settings

OUTCOMES = ("shared", "superseded", "duplicate", "quarantined", "unreadable")
KEPT_S = 600
"""Seconds that the process is kept without work."""


@dataclass
class Moving:
    """Moves the row of a request as its versions are judged."""

    connection: Connection
    request: int
    judged: int = 0

    def __call__(self, judged: int, total: int) -> None:
        self.judged += judged
        values = {"request": self.request, "judged": self.judged, "total": max(total, self.judged)}
        with transaction(self.connection, "moving a request") as cursor:
            cursor.execute(SQL["move_request"], values)


def replayed(settings: Settings, asked: RequestSeen) -> Done:
    """Preview or replay what was asked for, here and now; one that was cut off is gone on with.

    Shape: `told` counts by outcome; of a replay that went on, those of the whole.
    """
    from pophub.wiring import Hub  # loads what judges

    chosen = Selection.of_values(asked.chosen)
    try:
        with closing(connect(settings, "pophub_owner")) as connection:
            counts = _already(connection, asked, chosen)
            if counts is None:
                dry, moving = asked.kind == "preview", Moving(connection, asked.request)
                hub = Hub(settings)
                counts = hub.replay(asked.stem, asked.asked_by, chosen, dry=dry, progress=moving)
    except PophubError as error:
        return Done(error.code)
    return Done("", {name: counts[name] for name in OUTCOMES})


def _already(connection: Connection, asked: RequestSeen, chosen: Selection) -> dict[str, Any] | None:
    if asked.kind == "preview":
        return None
    values = {"stem": asked.stem, "selection": json.dumps(chosen.values()), "at": asked.asked_at}
    with transaction(connection, "requests") as cursor:
        cursor.execute(SQL["replayed_already"], values)
        row = cursor.fetchone()
    return None if row is None else dict(zip(OUTCOMES, row, strict=True))


class Replayer:
    """The process, started when it is first asked; one request at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._used = 0.0

    def ask(self, settings: Settings, asked: RequestSeen) -> Done:
        """Give what came of a request; `page.broken` where the process ended over it."""
        with self._lock:
            self._used = time.monotonic()
            try:
                said = self._answer(settings, asked.request)
                done = Done(**json.loads(said))
            except (OSError, ValueError, TypeError):
                self._end()
                return Done("page.broken")
            self._used = time.monotonic()
            return done

    def rest(self) -> None:
        """End the process where nobody asked for a while."""
        if not self._lock.acquire(blocking=False):
            return  # it is at work
        try:
            if time.monotonic() - self._used > KEPT_S:
                self._end()
        finally:
            self._lock.release()

    def _answer(self, settings: Settings, request: int) -> str:
        if self._process is None or self._process.poll() is not None:
            self._end()
            known = {"POPHUB_HOME": str(settings.home), "POPHUB_PROJECT": str(settings.project)}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pophub.commands.replayer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True, env=os.environ | known,
            )  # fmt: skip
        asking, answers = self._process.stdin, self._process.stdout
        assert asking is not None and answers is not None
        asking.write(f"{request}\n")
        asking.flush()
        return answers.readline()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def main() -> None:
    """Answer until the input ends, which ends a request that is at work: who asked is gone."""
    answers, asked = os.fdopen(os.dup(1), "w"), queue.SimpleQueue[int]()
    os.dup2(2, 1)  # what a library prints is no answer

    def listen() -> None:
        for line in sys.stdin:
            asked.put(int(line))
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    calm()
    settings = Settings.load()
    while True:
        done = _done(settings, asked.get())
        print(json.dumps(done._asdict()), file=answers, flush=True)


def _done(settings: Settings, request: int) -> Done:
    try:
        with closing(connect(settings, "pophub_judge")) as connection:
            asked = of_number(request, connection)
    except PophubError as error:
        return Done(error.code)
    return Done("page.broken") if asked is None else replayed(settings, asked)


if __name__ == "__main__":
    main()
