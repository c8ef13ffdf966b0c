"""The DAG of what was rejected: tells each agency its rejections, and removes what retention lets go."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowFailException

from pophub.commands.run_notes import noting
from pophub.domain.dates import HO_CHI_MINH
from pophub.process.tasks import told_to


def _in_hub(work: Callable[[Any], Any]) -> Any:
    """Do work with the hub; an error that a retry cannot mend fails at once, without its cause's text."""
    from pophub.wiring import open_hub  # heavy: never at parsing

    with told_to(AirflowFailException), open_hub() as hub:
        return work(hub)


def _feedback() -> Any:
    """Tell every agency the rejections that it was not told yet; give the messages by agency."""
    from pophub.quarantine.feedback import feed_all

    return _in_hub(
        lambda hub: feed_all(hub.settings, sorted({c.file.agency for c in hub.connectors.values()}))
    )


def _retain(run_id: str | None = None) -> Any:
    """Remove what is past its retention; give what went, and what goes soon, by dataset."""
    from pophub.postgres import connect
    from pophub.quarantine.retention import keep

    def work(hub: Any) -> Any:
        with closing(connect(hub.settings, "pophub_judge")) as connection:
            return keep(connection, sorted(hub.connectors), run_id or "DAG", do=True)

    return _in_hub(work)


with DAG(
    dag_id="pophub_quarantine",
    description="Feedback to the agencies, and retention by policy",
    doc_md="Sends each rejection to its agency's topic once, and keeps retention: docs/quarantine.md.",
    schedule=CronTriggerTimetable("10 * * * *", timezone=HO_CHI_MINH.key, run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args={
        **noting(AirflowFailException),
        "retries": 2,
        "retry_delay": timedelta(seconds=20),
        "execution_timeout": timedelta(hours=1),
    },
    tags={"pophub"},
):
    task(task_id="feedback", doc_md="Each rejection to its agency, once.")(_feedback)()
    task(task_id="retention", doc_md="Warns before, records after; nothing without a policy.")(_retain)()
