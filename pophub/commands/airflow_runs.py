"""DAG runs through Airflow's REST API: trigger, wait, list. A DAG run is a cycle, not a count."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote

import httpx

from pophub.domain.errors import ConfigError, PromiseBroken, TransientError
from pophub.runtime.airflow import LOGIN
from pophub.settings import Settings

ENDED = ("success", "failed")
POLL_S = 0.5
ASKED_S = 5
"""Seconds that who asked for a run waits for each answer."""


def start_by(settings: Settings, stem: str, who: str, at: datetime) -> str:
    """Start a run of a dataset's DAG for somebody who asked at a moment, and give its name; of a minute there is one such run.

    Who asked for it stands in the run's note, which Airflow keeps. A DAG that is switched off would queue it until
    somebody switches it on.
    Errors: `airflow.unreachable`, `airflow.refused`, `airflow.paused`.
    """
    run = f"pages_{at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
    with Airflow(settings, timeout_s=ASKED_S) as airflow:
        if airflow.is_off(stem):
            raise ConfigError(
                "airflow.paused", "its DAG is switched off in Airflow, so no run was started", where=stem,
                remedy="switch it on in Airflow, then run it",
            )  # fmt: skip
        airflow.trigger(stem, run, note=f"started by {who}")
    return run


def _run_path(dag: str, run: str) -> str:
    return f"/api/v2/dags/{quote(dag)}/dagRuns/{quote(run, safe='')}"


class Airflow:
    """A session with Airflow's API server as its login user."""

    def __init__(self, settings: Settings, timeout_s: float = 30) -> None:
        self._base = settings.endpoints.airflow_url
        self._client = httpx.Client(base_url=self._base, timeout=timeout_s)
        self.user, password = LOGIN, settings.secret("airflow.admin")
        token = self._call("POST", "/auth/token", json={"username": self.user, "password": password})
        self._client.headers["Authorization"] = f"Bearer {token['access_token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def _call(
        self, method: str, path: str, *, missing_ok: bool = False, there_ok: bool = False, **options: Any
    ) -> Any:
        try:
            response = self._client.request(method, path, **options)
        except httpx.HTTPError as cause:
            raise TransientError(
                "airflow.unreachable", "Airflow's API server does not answer", where=self._base,
                remedy="see `pophub status`, then run the command again",
            ) from cause  # fmt: skip
        if (response.status_code == 404 and missing_ok) or (response.status_code == 409 and there_ok):
            return None
        if response.is_error:
            raise TransientError(
                "airflow.refused", f"Airflow answered {response.status_code} to {method} {path}", where=self._base,
                remedy="see Airflow's page and `pophub status`",
            )  # fmt: skip
        return response.json()

    def wait_for_dags(self, dags: Iterable[str], deadline_s: float = 90) -> None:
        """Wait until every DAG has been read from its file."""
        until = time.monotonic() + deadline_s
        missing = set(dags)
        while missing:
            missing = {
                d for d in missing if self._call("GET", f"/api/v2/dags/{quote(d)}", missing_ok=True) is None
            }
            if not missing:
                return
            if time.monotonic() > until:
                raise PromiseBroken(
                    "airflow.dag_missing", f"Airflow has not read the DAG {', '.join(sorted(missing))}", where="dags/",
                    remedy="look for a red import error on Airflow's page, or run `pophub connector check`",
                )  # fmt: skip
            time.sleep(POLL_S)

    def state(self, dag: str, run: str) -> str | None:
        """Give a run's state, None where there is no such run."""
        found = self._call("GET", _run_path(dag, run), missing_ok=True)
        return found["state"] if found else None

    def note(self, dag: str, run: str) -> str:
        """Give the note of a run."""
        found = self._call("GET", _run_path(dag, run))
        return str(found["note"] or "")

    def set_note(self, dag: str, run: str, note: str) -> None:
        """Give a run another note, none where it is empty."""
        self._call("PATCH", _run_path(dag, run), params={"update_mask": "note"}, json={"note": note or None})

    def trigger(self, dag: str, run: str, note: str | None = None) -> None:
        """Start a run; one that is there already is left alone, unless it failed: then all of it runs again.

        All, since a stage runs after a failed one, too: where extract failed, judge and share are done, and none
        of what it brings now would pass them in this run. A stage that has nothing to do is done at once. A note is of who asks: of a run that failed it is added to what stands there.
        """
        state = self.state(dag, run)
        if state is None:
            told = {"dag_run_id": run, "logical_date": None, "note": note}
            self._call("POST", f"/api/v2/dags/{quote(dag)}/dagRuns", there_ok=True, json=told)
        elif state == "failed":
            self._call("POST", f"{_run_path(dag, run)}/clear", json={"dry_run": False, "only_failed": False})
            if note:
                before = self.note(dag, run)
                self.set_note(dag, run, f"{before}\n{note}" if before else note)

    def is_off(self, dag: str) -> bool:
        """Tell whether a DAG that Airflow has read is switched off."""
        found = self._call("GET", f"/api/v2/dags/{quote(dag)}", missing_ok=True)
        return bool(found and found["is_paused"])

    def wait(
        self, runs: Iterable[tuple[str, str]], ended: Callable[[str, str], None], deadline_s: float
    ) -> None:
        """Wait until all runs have ended, telling each; a failed run is no error here."""
        until = time.monotonic() + deadline_s
        open_runs = set(runs)
        while open_runs:
            newest = {"limit": 100, "order_by": "-run_after"}
            for found in self._call("GET", "/api/v2/dags/~/dagRuns", params=newest)["dag_runs"]:
                place = (found["dag_id"], found["dag_run_id"])
                if place in open_runs and found["state"] in ENDED:
                    open_runs.discard(place)
                    ended(found["dag_id"], found["state"])
            if open_runs and time.monotonic() > until:
                names = ", ".join(sorted(dag for dag, _ in open_runs))
                raise PromiseBroken("airflow.run_stuck", f"the runs of {names} have not ended", where=self._base,
                                    remedy="open the run on Airflow's page and look at its tasks")  # fmt: skip
            time.sleep(POLL_S)

    def switched_off(self, dags: Collection[str]) -> dict[str, datetime | None]:
        """Give those of these DAGs that are switched off, and since when where Airflow's log tells it."""
        found: dict[str, datetime | None] = {}
        offset = 0
        while True:
            page = self._call("GET", "/api/v2/dags", params={"paused": True, "limit": 100, "offset": offset})
            off = [dag["dag_id"] for dag in page["dags"] if dag["dag_id"] in dags]
            found |= {dag: self._switched_at(dag) for dag in off}
            offset += len(page["dags"])
            if not page["dags"] or offset >= page["total_entries"]:
                return found

    def _switched_at(self, dag: str) -> datetime | None:
        events = {"dag_id": dag, "event": "patch_dag", "order_by": "-when", "limit": 20}
        for event in self._call("GET", "/api/v2/eventLogs", params=events)["event_logs"]:
            if json.loads(event["extra"] or "{}").get("is_paused") is True:
                return datetime.fromisoformat(event["when"])
        return None

    def never_ran(self, dag: str) -> bool:
        """Tell whether Airflow has read a DAG that is switched on and has no run at all."""
        found = self._call("GET", f"/api/v2/dags/{quote(dag)}", missing_ok=True)
        if found is None or found["is_paused"]:
            return False
        runs = self._call("GET", f"/api/v2/dags/{quote(dag)}/dagRuns", params={"limit": 1})
        return bool(runs["total_entries"] == 0)

    def peak_memory_mb(self, runs: Iterable[tuple[str, str]], tasks: Iterable[str]) -> dict[str, int]:
        """Give the largest peak memory of a worker, by task, over these runs."""
        peaks: dict[str, int] = {}
        names = list(tasks)
        for dag, run in runs:
            for task in names:
                path = f"{_run_path(dag, run)}/taskInstances/{task}"
                entry = self._call(
                    "GET", f"{path}/xcomEntries/return_value?deserialize=true", missing_ok=True
                )
                counts = entry["value"] if entry else {}
                peaks[task] = max(peaks.get(task, 0), int(counts.get("peak_memory_mb", 0)))
        return peaks

    def runs(self, dags: Iterable[str]) -> list[dict[str, str]]:
        """List all runs of these DAGs, oldest first."""
        wanted, found, offset = set(dags), [], 0
        while True:
            page = self._call(
                "GET",
                "/api/v2/dags/~/dagRuns",
                params={"limit": 100, "offset": offset, "order_by": "run_after"},
            )
            found += [
                {"dag_id": r["dag_id"], "run_id": r["dag_run_id"], "state": r["state"]}
                for r in page["dag_runs"] if r["dag_id"] in wanted
            ]  # fmt: skip
            offset += len(page["dag_runs"])
            if not page["dag_runs"] or offset >= page["total_entries"]:
                return found
