"""Servers and hubs of the benchmark: one home for a run, a hub with places of its own for each measure."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pophub import wiring
from pophub.postgres import connect
from pophub.runtime import hub as runtime
from pophub.runtime import postgres
from pophub.settings import Settings

PROJECT = Path(__file__).parent / "project"
Change = Callable[[Path], None]


def say(text: str) -> None:
    """Tell the progress."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def servers(names: tuple[str, ...] = ("postgres", "kafka")) -> Iterator[Settings]:
    """Embedded servers in a home of their own; ended and erased afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pophub-bench-"))
    os.environ["POPHUB_HOME"] = str(folder)
    settings = Settings.load()
    try:
        say(f"starting {' and '.join(names)}")
        settings = runtime.start(settings, servers=names)
        yield settings
    finally:
        runtime.stop(settings)
        runtime.erase(settings)
        shutil.rmtree(folder, ignore_errors=True)


def fresh_hub(settings: Settings, number: int | str, change: Change = lambda project: None) -> Settings:
    """Give a hub with a database and topics of its own: the project's copy names another dataset.

    `change` may alter the copy's files before they are read.
    """
    project = settings.home / f"project{number}"
    shutil.copytree(PROJECT, project)
    for path in sorted(project.rglob("*.*")):
        text = path.read_text().replace("bench.people", f"bench.people{number}")
        path.write_text(text.replace("dataset: people", f"dataset: people{number}"))
        path.rename(path.with_name(path.name.replace("people", f"people{number}")))
    change(project)
    endpoints = settings.endpoints.model_copy(update={"database": f"bench_hub_{number}"})
    own = settings.model_copy(update={"project": project, "endpoints": endpoints})
    postgres.make_databases(own)
    with wiring.open_hub(own) as hub:
        hub.prepare()
    return own


def make_database(settings: Settings, name: str) -> None:
    """Make an empty database."""
    with closing(connect(settings, settings.endpoints.postgres_superuser)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"create database {name}")


def drop_database(settings: Settings, name: str) -> None:
    """Remove a database, so that its pages do not weigh on the next measure."""
    with closing(connect(settings, settings.endpoints.postgres_superuser)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"drop database if exists {name} with (force)")
