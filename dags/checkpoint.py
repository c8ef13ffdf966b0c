"""Signs the heads of all lanes each hour, so that a figure of any hour can be derived again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowFailException

from pophub.commands.run_notes import noting
from pophub.domain.dates import HO_CHI_MINH
from pophub.process.tasks import told_to


def _sign() -> dict[str, Any]:
    """Sign a checkpoint; a rewritten ledger fails at once, and nothing is signed."""
    from pophub.ledger.checkpoint import make
    from pophub.settings import Settings

    with told_to(AirflowFailException):
        made = make(Settings.load())
    return {**made.as_json(), "new": made.new}


with DAG(
    dag_id="pophub_checkpoint",
    description="Signs the heads of all lanes of history and ledger",
    schedule=CronTriggerTimetable("0 * * * *", timezone=HO_CHI_MINH.key, run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags={"pophub"},
    default_args={
        **noting(AirflowFailException),
        "retries": 3,
        "retry_delay": timedelta(seconds=30),
        "execution_timeout": timedelta(hours=1),
    },
):
    task(task_id="sign")(_sign)()
