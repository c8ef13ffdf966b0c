"""One DAG for each connector: extract, judge, share. A DAG run is a cycle, not a count.

A broken connector file is left out here, so that it takes no other DAG down; `broken_connectors.py` shows it as an
import error. It shows broken schemas and suites too: their DAGs stay, and a run says what is wrong. To read hundreds
of these here takes seconds, and no DAG is made of them.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Asset, CronTriggerTimetable, get_parsing_context
from airflow.sdk.exceptions import AirflowFailException

from pophub.commands.run_notes import noting
from pophub.contracts.load import load_files
from pophub.contracts.model import ConnectorFile
from pophub.domain.dates import HO_CHI_MINH
from pophub.process.tasks import told_to
from pophub.settings import Settings

if TYPE_CHECKING:
    from pophub.wiring import Hub

CRON = os.environ.get("POPHUB_SCHEDULE", "0 0 * * *")
# with a plain "@daily", Airflow also runs at once when midnight is less than 2.4 h ago
SCHEDULE = CronTriggerTimetable(CRON, timezone=HO_CHI_MINH.key, run_immediately=timedelta(0))
DEFAULTS = {
    "retries": 3,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=6),
}
WORDS = {
    "extract": "Reads the source after its position and sends the records as they are to `raw`.",
    "judge": "Takes each record through the gates and decides: shared or back with its reasons.",
    "share": "Sends what was accepted to each subscriber, once, and writes the ledger.",
}
NOTING = noting(AirflowFailException)
ALL_WELL = "Green when all three stages are; *upstream failed* names no log of its own: see the red stage's."


@contextmanager
def hub_of_task() -> Iterator[Hub]:
    """Open the hub for one stage.

    Errors: an error that a retry cannot mend fails the task at once. Causes are left out of the
    task's log, since vendors' messages may hold values of records.
    """
    from pophub.wiring import open_hub  # heavy: never at parsing

    with told_to(AirflowFailException), open_hub() as hub:
        yield hub


def told(counts: dict[str, Any]) -> dict[str, Any]:
    """Add the peak of the process's memory to a stage's counts."""
    return counts | {"peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}


def of_records(counts: dict[str, Any]) -> dict[str, Any]:
    """Give what a stage's counts say of records, for those outside."""
    return {name: count for name, count in counts.items() if name not in ("stem", "peak_memory_mb")}


def extract(stem: str, run_id: str) -> dict[str, Any]:
    """Run extract to the end that it sees at its start, and give its counts."""
    with hub_of_task() as hub:
        return told(hub.extract(stem, run_id))


def judge(stem: str, run_id: str) -> dict[str, Any]:
    """Run judge to the end that it sees at its start, and give its counts."""
    with hub_of_task() as hub:
        return told(hub.judge(stem, run_id))


def share(stem: str, run_id: str) -> dict[str, Any]:
    """Run share to the end that it sees at its start, and give its counts."""
    with hub_of_task() as hub:
        return told(hub.share(stem, run_id))


class StageOperator(PythonOperator):  # type: ignore[misc]  # Airflow is skipped by mypy
    """A stage of a dataset; tells OpenLineage what it read and wrote, where a transport is declared."""

    def __init__(self, *, stem: str, **told: Any) -> None:
        super().__init__(**told)
        self.stem, self.counts = stem, dict[str, Any]()

    def execute(self, context: Any) -> dict[str, Any]:
        """Run the stage and keep its counts for the end of the task."""
        self.counts = super().execute(context)
        return self.counts

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> Any:
        """Give datasets and counts; Airflow's provider asks."""
        from pophub_lineage import lineage  # of the folder of plug-ins, and only where it is asked for

        return lineage(self.task_id, self.stem, of_records(self.counts))


def describe(file: ConnectorFile) -> str:
    """Say in words what the DAG does, for its page."""
    return "\n\n".join(
        (
            f"**{file.title.en}** / {file.title.vi}",
            f"Reads {file.source.described} of {file.owner.name}, contract version {file.contract}: "
            f"{len(file.mapping)} fields through the gates correct, sufficient, clean and live.",
            *(f"- *{stage}*: {words}" for stage, words in WORDS.items()),
            "The counts of a run stand under its tab **Counts**.",
        )
    )


def asset_of(stem: str) -> Asset:
    """Give what a DAG of somebody else can wait for: that a run shared the dataset; its event tells the counts."""
    return Asset(f"pophub://shared/{stem}")


def build(file: ConnectorFile) -> DAG:
    """Build the DAG of one connector."""
    stem = file.stem
    with DAG(
        dag_id=stem,
        description=file.title.en,
        doc_md=describe(file),
        tags={"pophub", file.agency},
        schedule=SCHEDULE,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        default_args=DEFAULTS,
    ) as dag:
        stages = [_stage_task(stage, stem) for stage in (extract, judge, share)]
        stages[0] >> stages[1] >> stages[2]
        # the run's colour: without it the last stage alone, which also runs after a failed one, decides
        stages >> EmptyOperator(task_id="all_well", retries=0, doc_md=ALL_WELL)
    return dag


def _stage_task(stage: Callable[[str, str], dict[str, Any]], stem: str) -> Any:
    """Make the task of a stage; it also runs after a failed one, on what came through before."""

    def run(run_id: str | None = None, outlet_events: Any = None) -> dict[str, Any]:
        counts = stage(stem, run_id or "")
        if outlets:
            outlet_events[outlets[0]].extra = of_records(counts)
        return counts

    name = stage.__name__
    outlets = [asset_of(stem)] if name == "share" else []
    return StageOperator(
        task_id=name, stem=stem, python_callable=run, doc_md=WORDS[name], trigger_rule="all_done", outlets=outlets, **NOTING
    )  # fmt: skip


# to the process of one task its own DAG alone: it has no need of the others
for _file in load_files(Settings.load().project, get_parsing_context().dag_id):
    globals()[f"dag_{_file.stem.replace('.', '__')}"] = build(_file)
