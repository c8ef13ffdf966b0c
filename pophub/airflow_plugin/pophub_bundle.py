"""The folder of DAGs for Airflow's DAG processor: it has the connectors' DAGs read when a declaration changed.

Airflow reads a DAG file again when the file changed, or after an interval. Ours stay as they are while
connectors come and go, and with hundreds of these a reading takes seconds: so this looks at the times of
the declarations, every few seconds, and asks for a reading when one is new, changed or gone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.local import LocalDagBundle

DECLARATIONS = ("connectors", "schemas", "expectations", "codes", "bases")
READ = ("connectors.py", "broken_connectors.py")
"""The DAG files that are made of them."""
AGAIN_S = 60.0
"""A DAG that is no longer in its file goes when that was read 50 s after the last time that had it."""


class PophubBundle(LocalDagBundle):  # type: ignore[misc]
    """The project's `dags/`; one object lives as long as the DAG processor."""

    def __init__(self, *, project: str, **told: Any) -> None:
        super().__init__(path=str(Path(project) / "dags"), **told)
        self._project = project
        self._seen: frozenset[tuple[Path, int, int]] | None = None
        self._again_at = float("inf")

    def refresh(self) -> None:
        """Ask for the DAGs of connectors where a declaration changed since the last look."""
        seen = frozenset(_stamps(self._project))
        changed = self._seen is not None and seen != self._seen
        if changed or time.monotonic() >= self._again_at:
            self._ask()
            self._again_at = time.monotonic() + AGAIN_S if changed else float("inf")
        self._seen = seen

    def _ask(self) -> None:
        """Have the DAG processor read the files next."""
        from airflow.models.dagbag import DagPriorityParsingRequest  # a task may not touch Airflow's database
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            asked = select(DagPriorityParsingRequest.relative_fileloc).where(
                DagPriorityParsingRequest.bundle_name == self.name
            )
            waiting = set(session.scalars(asked))
            session.add_all(
                DagPriorityParsingRequest(self.name, file) for file in READ if file not in waiting
            )


def _stamps(project: str) -> Iterator[tuple[Path, int, int]]:
    """Give path, time of change and size of each declaration."""
    for folder in DECLARATIONS:
        for path in Path(project, folder).rglob("*.*"):
            with suppress(FileNotFoundError):  # gone since
                found = path.stat()
                yield path, found.st_mtime_ns, found.st_size
