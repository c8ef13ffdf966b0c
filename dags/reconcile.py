"""The DAG `reconcile`: compares all stores of each dataset once a day, and turns red with event ids.

A task's log names findings by code, store and event id, never by key.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowFailException

from pophub.commands.run_notes import noting
from pophub.contracts.load import load_files
from pophub.domain.dates import HO_CHI_MINH
from pophub.process.tasks import told_to
from pophub.settings import Settings

MOST_TOLD = 50


def _reconcile(stem: str) -> dict[str, int]:
    from pophub.commands.reconcile import examine  # heavy: never at parsing
    from pophub.wiring import open_hub

    with told_to(AirflowFailException), open_hub() as hub:
        report = examine(hub, stem)
    if report.findings:
        told = "\n".join(f"- {finding}" for finding in report.findings[:MOST_TOLD])
        raise AirflowFailException(f"{len(report.findings)} findings in {stem}:\n{told}")
    return {c.store: c.found for c in report.compared}


with DAG(
    dag_id="reconcile",
    description="Compares source, history, topics, population database and ledgers of each dataset",
    doc_md="Each task compares all stores of one dataset. Red: its log names the records by event id; "
    "`pophub reconcile STEM` on the operator's terminal names the keys.",
    schedule=CronTriggerTimetable("30 2 * * *", timezone=HO_CHI_MINH.key, run_immediately=timedelta(0)),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=1,
    is_paused_upon_creation=False,
    default_args={
        **noting(AirflowFailException),
        "retries": 1,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(hours=3),
    },
    tags={"pophub"},
):
    for _file in load_files(Settings.load().project):
        task(task_id=_file.stem)(_reconcile)(_file.stem)
