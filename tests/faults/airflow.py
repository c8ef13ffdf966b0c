"""A hub of its own with the real Airflow, and what the rows do to it."""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from hubkit import Project, Servers

from pophub.commands.airflow_runs import Airflow
from pophub.domain.errors import TransientError
from pophub.runtime import airflow, hub, supervise
from pophub.settings import PROJECT, Endpoints, Settings
from tests.faults.checker import GRANTED
from tests.faults.database import until

if TYPE_CHECKING:
    from tests.faults.world import World

API = "airflow-api-server"
RUN_S = 240


class AirflowHub:
    """PostgreSQL, broker and Airflow of one project, whose DAG runs the stages."""

    def __init__(self, world: World, *edits: tuple[str, str]) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="pophub-airflow-"))
        folder = Path(tempfile.mkdtemp(dir=world.folder))
        settings = Settings(home=self._home, project=folder, endpoints=Endpoints.model_validate({}))
        self.settings = hub.start(settings, servers=("postgres", "kafka"))
        self.project = Project(Servers(self.settings, world.servers.socket_path), folder)
        self.project.declare("mps.citizens", *edits, fields=GRANTED)
        self.project.pass_through("prepare")
        shutil.copytree(PROJECT / "dags", folder / "dags")
        (self._home / "sources.env").write_text(f"POPHUB_SOURCE_MPS_URL={self.project.url()}\n")
        hub.start(self.settings, servers=("airflow",))
        with Airflow(self.settings) as session:
            session.wait_for_dags([self.project.stem])

    def trigger(self) -> str:
        """Start a run of the project's DAG and give its id."""
        run = f"faults-{uuid.uuid4()}"
        with Airflow(self.settings) as session:
            session.trigger(self.project.stem, run)
        return run

    def wait(self, run: str) -> str:
        """Wait until a run has ended, over whatever Airflow does not answer meanwhile; give its state."""
        deadline = time.monotonic() + RUN_S
        while time.monotonic() < deadline:
            try:
                with Airflow(self.settings) as session:
                    state = session.state(self.project.stem, run)
            except (TransientError, httpx.HTTPError):
                state = None
            if state in ("success", "failed"):
                return state
            time.sleep(1)
        raise AssertionError(f"the DAG run has not ended within {RUN_S} s")

    @contextmanager
    def api_down(self) -> Iterator[None]:
        """Stop the API server with all its workers."""
        supervise.call(self.settings, "stopProcess", API, True)
        try:
            yield
        finally:
            supervise.start(self.settings, API)

    @contextmanager
    def database_down(self) -> Iterator[None]:
        """Refuse every connection to Airflow's own database, and end those that there are."""
        servers = self.project.servers
        servers.query("alter database airflow with allow_connections false")
        servers.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'airflow'")
        try:
            yield
        finally:
            servers.query("alter database airflow with allow_connections true")

    def await_well(self) -> None:
        """Wait until all of Airflow says that it is well."""
        until(lambda: airflow.healthy(self.settings), "Airflow is well again", 120)

    def end(self) -> None:
        """End all of it."""
        self.project.close()
        hub.stop(self.settings)
        hub.erase(self.settings)
        shutil.rmtree(self._home, ignore_errors=True)
