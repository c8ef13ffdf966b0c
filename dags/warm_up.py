"""A tiny DAG to run after boot: its first chain pays for starting Airflow's workers."""

from __future__ import annotations

from airflow.sdk import DAG, task


def _load() -> None:
    import pophub.wiring  # noqa: F401


def _nothing() -> None:
    return None


with DAG(
    dag_id="pophub_warm_up",
    description="Starts a worker and loads what the stages need; changes nothing",
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    tags={"pophub"},
):
    task(task_id="load")(_load)() >> task(task_id="done")(_nothing)()
