"""The attendant: takes up what people ask for on the pages, with secrets that the pages lack or for longer than they may.

`python -m pophub.commands.attendant`, beside the pages; it answers nobody but by a row.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import get_args

from pophub.commands.airflow_runs import start_by
from pophub.commands.output import talk
from pophub.commands.replayer import Replayer, replayed
from pophub.commands.requests import SQL, Done, RequestKind, RequestSeen, oldest_open
from pophub.commands.switches import has_login
from pophub.domain.errors import PophubError
from pophub.postgres import Connection, connect, transaction, worker_lock
from pophub.process.failpoints import reach
from pophub.settings import Settings

LOOK_S, AGAIN_S = 1.0, 5.0
"""Seconds between two looks, and before the next try where PostgreSQL does not answer."""
MOST_S = 900
POPHUB = str(Path(sys.executable).with_name("pophub"))

Replaying = Callable[[Settings, RequestSeen], Done]


def attend(settings: Settings, kind: RequestKind, replayer: Replayer) -> None:
    """Take up what is asked of a kind, for good; where the hub does not answer it is tried again."""
    while True:
        try:
            with closing(connect(settings, "pophub_owner")) as connection:
                while not _alone(connection, kind):
                    time.sleep(AGAIN_S)
                while True:
                    if take_up(connection, settings, kind, replayer.ask) is None:
                        replayer.rest()
                        time.sleep(LOOK_S)
        except PophubError as error:
            talk.print(f"{error.code}: {kind} is looked for again", markup=False)
            time.sleep(AGAIN_S)


def _alone(connection: Connection, kind: RequestKind) -> bool:
    with transaction(connection, "attending") as cursor:
        return worker_lock(cursor, "attendant", kind) is None


def take_up(
    connection: Connection, settings: Settings, kind: RequestKind, replaying: Replaying = replayed
) -> Done | None:
    """Do the oldest open request of a kind and answer it; None where there is none."""
    asked = oldest_open(kind, connection)
    if asked is None:
        return None
    if kind == "verify":
        done = verified(settings)
    elif kind == "run":
        done = started(settings, asked.stem, asked.asked_by, asked.asked_at)
    else:
        done = replaying(settings, asked)
    with transaction(connection, "answering a request") as cursor:
        told = None if done.told is None else json.dumps(done.told)
        cursor.execute(SQL["answer_request"], (asked.request, done.code, told))
        reach("request.answering")
    return done


def started(settings: Settings, stem: str, by: str, at: datetime) -> Done:
    """Start a run of a dataset, named after the minute in which it was asked for."""
    if not has_login(settings):
        return Done("airflow.refused")
    try:
        start_by(settings, stem, by, at)
    except PophubError as error:
        talk.print(str(error), markup=False)
        return Done(error.code)
    return Done("")


def verified(settings: Settings) -> Done:
    """Verify the ledger by the command itself, in a process that is ended at its bound."""
    known = {"POPHUB_HOME": str(settings.home), "POPHUB_PROJECT": str(settings.project)}
    try:
        done = subprocess.run(
            [POPHUB, "ledger", "verify", "--json"], capture_output=True, text=True, timeout=MOST_S, check=False,
            env=os.environ | known,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Done("page.bounds")
    except OSError:
        return Done("page.broken")
    return answered(done.stdout, done.stderr)


def answered(printed: str, said: str) -> Done:
    """Read what the command printed, or the code of the error that it told."""
    try:
        if printed.strip():
            return Done("", {**json.loads(printed)})
        return Done(str(json.loads(said[said.find("{") :])["code"]))
    except (ValueError, KeyError, TypeError):
        return Done("page.broken")


def main() -> None:
    """Attend until the process is ended: a verification holds up no run, and a preview none of them."""
    settings, replayer = Settings.load(), Replayer()
    kinds: tuple[RequestKind, ...] = get_args(RequestKind)
    threads = [
        threading.Thread(target=attend, args=(settings, kind, replayer), name=kind, daemon=True)
        for kind in kinds
    ]
    for one in threads:
        one.start()
    while all(one.is_alive() for one in threads):
        time.sleep(LOOK_S)
    sys.exit(1)  # one of them broke for a reason of ours: who supervises starts both again


if __name__ == "__main__":
    main()
