"""The DAG that watches: every five minutes it looks at every source, settles access, tells what is wrong."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowFailException

from pophub.commands.run_notes import noting
from pophub.domain.dates import HO_CHI_MINH
from pophub.process.tasks import told_to


def _watch() -> dict[str, object]:
    """Look once, and start new datasets; red where a sink could not be told, after the others were."""
    from pophub.commands.switches import run_first, switched_off
    from pophub.wiring import open_hub  # heavy: never at parsing

    with told_to(AirflowFailException):
        with open_hub() as hub:
            watched = hub.watch(switched_off(hub.settings, hub.connectors))
            started = run_first(hub.settings, hub.connectors, watched.states)
        if watched.failed:
            raise watched.failed[0]
    states = {stem: seen.state for stem, seen in watched.states.items()}
    return {"opened": watched.opened, "closed": watched.closed, "states": states, "first_runs": started}


def _access() -> dict[str, object]:
    """Let access begin and end with the rights; give those that ended."""
    from pophub.wiring import open_hub

    with told_to(AirflowFailException), open_hub() as hub:
        return {"ended": [f"{recipient}, {stem}" for recipient, stem in hub.settle_access()]}


with DAG(
    dag_id="pophub_live",
    description="Looks at every source: alive, frozen, offline ...; raises alerts once",
    doc_md="Looks at the heartbeats of every source, at lags, holds and counts. Alerts are told once: docs/live.md. "
    "Starts the first run of a new dataset.",
    schedule=CronTriggerTimetable("*/5 * * * *", timezone=HO_CHI_MINH.key, run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args={
        **noting(AirflowFailException),
        "retries": 1,
        "retry_delay": timedelta(seconds=20),
        "execution_timeout": timedelta(minutes=4),
    },
    tags={"pophub"},
):
    task(task_id="access", doc_md="Gives and takes subscribers' access as their rights say.")(_access)()
    task(task_id="watch", doc_md="Looks once, opens, closes and tells alerts.")(_watch)()
