"""What a failed run says of itself in Airflow: a note with a line for each task that failed, its code and its remedy."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from pophub.domain.errors import PophubError

MOST, MOST_OF_A_LINE = 1_000, 320
"""Characters that Airflow keeps of a note, and that a task takes of them."""
LOG = logging.getLogger("pophub.notes")


def noting(final: type[BaseException]) -> dict[str, Any]:
    """Give the callbacks of a task that keep the note; `final` is what `told_to` ends a task by."""
    return {
        "on_failure_callback": partial(note_failure, told=(final,)),
        "on_success_callback": forget_failure,
    }


def note_failure(context: Mapping[str, Any], told: tuple[type[BaseException], ...] = ()) -> None:
    """Put the error of a task into the note of its run; called by Airflow once the task is tried no more.

    `told` are errors whose text is ours and holds no value of a record; of any other only its name goes in. A note
    that cannot be written is told in the task's log: it never changes how the run ends.
    """
    error = context.get("exception")
    ours = isinstance(error, (PophubError, *told))
    what = str(error) if ours else f"{type(error).__name__}: see the log of this task, then `pophub doctor`"
    _write(context, what)


def forget_failure(context: Mapping[str, Any]) -> None:
    """Take the line of a task out of the note of its run, once the task is done after all."""
    if context["ti"].try_number > 1:
        _write(context, None)


def with_line(note: str, task: str, what: str | None) -> str:
    r"""Put the line of a task into a note in place of its earlier one; lines of others, and of people, stay.

    >>> with_line("Lan looks at it\njudge failed: old", "judge", "raw.gap: gone. Next: backfill")
    'Lan looks at it\njudge failed: raw.gap: gone. Next: backfill'
    >>> with_line("judge failed: old", "judge", None)
    ''
    """
    head = f"{task} failed: "
    lines = [line for line in note.splitlines() if not line.startswith(head)]
    if what is not None:
        lines.append((head + " ".join(what.split()))[:MOST_OF_A_LINE])
    return "\n".join(lines)[:MOST]


def _write(context: Mapping[str, Any], what: str | None) -> None:
    from pophub.commands.airflow_runs import Airflow  # heavy: never at the parsing of a DAG
    from pophub.commands.switches import PATIENCE_S, has_login
    from pophub.settings import Settings

    settings = Settings.load()
    if not has_login(settings):
        return
    dag, run, task = context["dag"].dag_id, context["run_id"], context["ti"].task_id
    try:
        with Airflow(settings, PATIENCE_S) as airflow:
            before = airflow.note(dag, run)
            if (after := with_line(before, task, what)) != before:
                airflow.set_note(dag, run, after)
    except PophubError as error:
        LOG.warning("the note of the run was not written: %s", error)
