"""What a run of a dataset did: its records and their causes, the ends of its tasks' logs, and whether a retry helps."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from pophub.runtime.task_logs import TaskTail, tails
from pophub.settings import Settings
from pophub.web import counts as sql
from pophub.web.counts import Counts
from pophub.web.datasets import by_stem, summed
from pophub.web.layout import PageMaker
from pophub.web.missing import demand_dataset, demand_run
from pophub.web.visitors import needs


def router(settings: Settings, counts: Counts, pages: PageMaker) -> APIRouter:
    """Make the route."""
    routes = APIRouter(default_response_class=HTMLResponse)

    @routes.get("/runs/{dag_id}/{run_id:path}")
    @needs("see")
    def run(request: Request, dag_id: str, run_id: str) -> HTMLResponse:
        demand_dataset(counts, settings.project, dag_id)
        logs = tails(settings, dag_id, run_id)
        if not logs:
            demand_run(counts, dag_id, run_id)
        told = counts.figures((sql.BATCHES, sql.RUN_STATES, sql.CAUSES), stem=dag_id, run=run_id)
        batches, states, causes = told.rows
        return pages.render(
            request, "run.html", told=[told], stem=dag_id, run_id=run_id, batches=batches, causes=causes, logs=logs,
            retry=retry_word(logs), first=summed(batches), total=summed(by_stem(states)),
        )  # fmt: skip

    return routes


def retry_word(logs: Sequence[TaskTail]) -> str:
    """Say whether another try helps, by the first task that ended with an error; it never harms."""
    error = next((one.error for one in logs if one.error is not None), None)
    if error is None:
        return "retry_is_safe"
    return "retry_helps" if error.again else "retry_same"
