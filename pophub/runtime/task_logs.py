"""The ends of Airflow's task logs of a run, as a page may show them: bounded, and without values of records.

Of each line only time, level and text are taken, and the text only where one of Airflow's own loggers or of ours wrote
it. Long numbers are left out all the same.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pophub.domain.codes import CODES
from pophub.settings import Settings

FOLDER = "AIRFLOW__LOGGING__BASE_LOG_FOLDER"
MOST_TASKS, MOST_LINES, MOST_CHARACTERS, MOST_BYTES = 8, 15, 400, 65_536
LOGGERS = ("task", "airflow", "pophub")
FOREIGN = ("task.stdout", "task.stderr")
"""What libraries print: it may quote what they read."""
ATTEMPT = re.compile(r"attempt=([0-9]{1,4})\.log")
OURS = re.compile(r"([a-z_]+(?:\.[a-z_]+)+): (.*)", re.DOTALL)
NUMBER = re.compile(r"\d{9,}")
NOISE = ("::group::", "::endgroup::")
FINAL = "AirflowFailException"


class LogLine(NamedTuple):
    """One line of a log."""

    at: datetime
    level: str
    text: str


class TaskError(NamedTuple):
    """What ended a task; `code` is empty where the error is none of ours. `again`: another try may mend it by itself."""

    code: str
    text: str
    again: bool


class TaskTail(NamedTuple):
    """The end of the log of a task's last attempt, the oldest line first."""

    task: str
    attempt: int
    lines: list[LogLine]
    error: TaskError | None


def tails(settings: Settings, dag: str, run: str) -> list[TaskTail]:
    """Give the tasks of a run that left a log on this machine, in the order in which they began; none elsewhere."""
    root = Path(os.environ.get(FOLDER) or settings.home / "airflow" / "logs").resolve()
    folder = (root / f"dag_id={dag}" / f"run_id={run}").resolve() if "\0" not in dag + run else root
    inside = folder.parent == root / f"dag_id={dag}" and folder.name.startswith("run_id=")
    if not inside or not folder.is_dir():
        return []
    found = [_tail(path) for path in folder.glob("task_id=*") if path.is_dir()]
    told = [one for one in found if one is not None and one.lines]
    return sorted(told, key=lambda one: one.lines[0].at)[:MOST_TASKS]


def _tail(folder: Path) -> TaskTail | None:
    attempts = {int(name[1]): path for path in folder.iterdir() if (name := ATTEMPT.fullmatch(path.name))}
    if not attempts:
        return None
    attempt = max(attempts)
    entries = list(_entries(attempts[attempt]))
    lines = [line for entry in entries if (line := _line(entry)) is not None]
    return TaskTail(
        folder.name.removeprefix("task_id="), attempt, lines[-MOST_LINES:], _error(reversed(entries))
    )


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """Give the entries of the last bytes of a log, each with time and text."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - MOST_BYTES))
        read = file.read(MOST_BYTES)
    for line in read.splitlines():
        try:
            entry = json.loads(line)
            datetime.fromisoformat(entry["timestamp"]), str(entry["event"])
        except (ValueError, KeyError, TypeError):
            continue  # the first line is cut where the log is longer
        yield entry


def _line(entry: dict[str, Any]) -> LogLine | None:
    logger, text = str(entry.get("logger", "")), str(entry["event"])
    if not logger.startswith(LOGGERS) or logger.startswith(FOREIGN) or text.startswith(NOISE):
        return None
    return LogLine(datetime.fromisoformat(entry["timestamp"]), str(entry.get("level", "")), shortened(text))


def _error(newest_first: Iterable[dict[str, Any]]) -> TaskError | None:
    for entry in newest_first:
        for one in entry.get("error_detail") or ():
            kind, value = str(one.get("exc_type", "")), str(one.get("exc_value", ""))
            ours = OURS.fullmatch(value)
            if ours is not None and ours[1] in CODES:
                return TaskError(ours[1], shortened(ours[2]), kind != FINAL)
            return TaskError("", kind, again=False)
    return None


def shortened(text: str) -> str:
    """Give a text in one line, without long numbers, cut where it is long.

    >>> shortened("row 001090000001 of 3,590 rows")
    'row … of 3,590 rows'
    """
    plain = NUMBER.sub("…", " ".join(text.split()))
    return plain if len(plain) <= MOST_CHARACTERS else plain[: MOST_CHARACTERS - 1] + "…"
