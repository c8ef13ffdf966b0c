"""The world that the rows attack: one embedded hub, a project for each row and seed, its journal."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from pophub.contracts.load import load_all
from pophub.live.alerts import AlertStore
from pophub.live.store import ROLE, LiveStore
from pophub.live.watch import Sinks, watch
from pophub.postgres import connect

KIT = str(Path(__file__).parent.parent / "integration")
if KIT not in sys.path:
    sys.path.insert(0, KIT)

from command_kit import Ran  # noqa: E402
from hubkit import Project, Servers, serving  # noqa: E402

from tests.faults import checker  # noqa: E402
from tests.faults.journal import Journal  # noqa: E402

if TYPE_CHECKING:
    from tests.faults.cluster import Cluster
    from tests.faults.proxy import Proxy

GRANTED = checker.GRANTED
__all__ = ["GRANTED", "World", "serving"]


class World:
    """One hub (PostgreSQL and broker, as `pophub up` starts them) and what the rows put into it.

    `servers`: hubkit's. Rows do not touch one another: each asks for projects of its own.
    """

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.journal = Journal()
        self.folder = Path(tempfile.mkdtemp(prefix="pophub-faults-"))
        self._ends = ExitStack()
        self._row = ExitStack()
        self._cluster: Cluster | None = None

    def random(self, row: int, seed: int) -> random.Random:
        """Give the random numbers of a row and seed."""
        return random.Random(f"{row}:{seed}")

    def project(
        self, *edits: tuple[str, str], servers: Servers | None = None, fields: Sequence[str] = GRANTED
    ) -> Project:
        """Give a prepared project with citizens, of an agency, source database and subscriber of its own.

        `edits`: as of `Project.declare`. `servers`: other ones than the world's, such as a cluster's.
        """
        project = self.bare_project(servers)
        project.declare("mps.citizens", *edits, fields=fields)
        project.pass_through("prepare")
        return project

    def bare_project(self, servers: Servers | None = None) -> Project:
        """Give a project without connectors."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        project = Project(servers or self.servers, folder)
        if servers is not None:
            project.environment["POPHUB_KAFKA_BOOTSTRAP"] = servers.settings.endpoints.kafka_bootstrap
            project.environment["POPHUB_KAFKA_REPLICAS"] = str(servers.settings.endpoints.kafka_replicas)
        self._row.callback(project.close)
        return project

    def run(self, project: Project, *steps: str, fail: str = "", **environment: str) -> Ran:
        """Run stages as `Project.run`, and keep in the journal how that ended."""
        ran = project.run(*steps, fail=fail, **environment)
        return self.journal.ran(project, " ".join(steps) or "all stages", ran)

    def settle(self, project: Project, *, resent: bool = False) -> None:
        """After the fault: run all stages to their end, then look from outside."""
        project.pass_through()
        self.check(project, resent=resent)

    def check(self, project: Project, *, resent: bool = False) -> None:
        """Look from outside, and compare with the journal."""
        checker.check_project(project, self.journal, resent=resent)

    def alerts(self, project: Project, later_s: float = 0) -> set[str]:
        """Look once as the watcher does, so many seconds later, and give the codes of what is wrong."""
        settings = project.servers.settings.model_copy(update={"project": project.folder})
        stems = {c.stem: c for c in load_all(project.folder)[0]}
        recipients = [(stem, name) for stem in stems for name in ("shared", project.subscriber)]
        now = int((time.time() + later_s) * 1_000_000)
        with closing(connect(settings, ROLE)) as connection:
            watched = watch(
                LiveStore(connection), AlertStore(connection, stems), stems, recipients, Sinks([]), now
            )
        assert not watched.busy, "another watcher is at work"
        found = self.servers.query(
            "select distinct code from live.alert where stem = any(%s) and closed_at is null", list(stems)
        )
        return {str(code) for (code,) in found}

    def cluster(self) -> Cluster:
        """Give the three brokers, started at first use."""
        if self._cluster is None:
            from tests.faults.cluster import Cluster

            self._cluster = self._ends.enter_context(Cluster(self.servers, self.folder / "cluster"))
        return self._cluster

    def proxy(self, *ports: int) -> Proxy:
        """Give a proxy in front of these ports, until the row ends."""
        from tests.faults.proxy import Proxy

        return self._row.enter_context(Proxy(ports))

    def end_row(self) -> None:
        """Close what the row opened."""
        self._row.close()

    def close(self) -> None:
        """End what was started beside the hub."""
        self._row.close()
        self._ends.close()
        shutil.rmtree(self.folder, ignore_errors=True)
