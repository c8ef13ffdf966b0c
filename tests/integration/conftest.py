"""Fixtures of the tests on real servers: one hub for the session, a project for each test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the kit's modules lie beside the tests

from browsed import browsed_project
from command_kit import forking
from hubkit import GRANTED, Project, Servers, serving
from log_kit import declare_logged, drop_slot

from benchmarks.connect import Connect, running

SMALL_BATCHES = ("(?m)^key: ", "limits: {batch_rows: 5}\nkey: ")


@pytest.fixture(scope="session")
def forks() -> Iterator[str]:
    """The fork server, for tests whose hub is another than the session's."""
    with forking() as found:
        yield found


@pytest.fixture(scope="session")
def servers(forks: str) -> Iterator[Servers]:
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def worker(debezium: None, servers: Servers) -> Iterator[Connect]:
    """A Kafka Connect with Debezium's connectors, on the broker of the session."""
    with running(servers.settings) as found:
        yield found


@pytest.fixture
def bare_project(servers: Servers, tmp_path: Path) -> Iterator[Project]:
    """A project without connectors."""
    project = Project(servers, tmp_path)
    yield project
    project.close()


@pytest.fixture
def project(bare_project: Project) -> Project:
    """A project with citizens, prepared; its subscriber may have four fields."""
    bare_project.declare("mps.citizens", fields=GRANTED)
    bare_project.pass_through("prepare")
    return bare_project


@pytest.fixture(scope="session")
def browsed(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """What all tests in a browser look at that change nothing which another looks at."""
    project = browsed_project(servers, tmp_path_factory.mktemp("browsed"))
    yield project
    project.close()


@pytest.fixture
def logged(bare_project: Project) -> Iterator[Project]:
    """A project whose citizens' table is read by its log, with eight people in it."""
    declare_logged(bare_project, ("citizen_id", "full_name"))
    for person in range(1, 9):
        bare_project.put(person, 30)
    yield bare_project
    drop_slot(bare_project)


@pytest.fixture(scope="module")
def long_project(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One project for all tests of a module, in batches of five rows."""
    project = Project(servers, tmp_path_factory.mktemp("project"))
    project.declare("mps.citizens", SMALL_BATCHES, fields=GRANTED)
    project.pass_through("prepare")
    yield project
    project.close()


Check = Callable[..., None]
