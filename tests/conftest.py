"""What holds for all tests: long files first, Ctrl-C means what it says, no property has a deadline, a browser to ask for.

The signal also means it where tests were started in the background.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # kits lie beside the tests

import browser_kit
import mariadb_kit
from browser_kit import NOT_HERE

from benchmarks import connect, registry

# a shell that starts a job in the background lets it, and all that it starts, ignore the signal
signal.signal(signal.SIGINT, signal.default_int_handler)

# timings are never asserted: a machine that is busy for a moment is no defect
hypothesis.settings.register_profile("pophub", deadline=None)
hypothesis.settings.load_profile("pophub")

FOREIGN = {name: f"no {name} here" for name in ("MariaDB", "Debezium", "Apicurio")}
LONG = (
    "acceptance/test_demo.py",
    "integration/test_docs.py",
    "simulation/test_mutants.py",
    "simulation/test_seeds.py",
    "integration/test_stateful.py",
    "integration/test_faults.py",
    "integration/test_figures.py",
    "acceptance/test_airflow_side.py",
    "integration/test_pages_in_browser.py",
    "integration/test_dags.py",
)
"""The longest files, the longest first: a worker that takes one last leaves the others without work."""
ROOMS = ("integration", "contract", "fuzz", "simulation", "integration/test_new_stranger.py", "unit")
"""Then the others, room by room, the file that leaves hundreds of datasets behind it as the last one with servers: the
small ones fill up what is left at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first; files stay whole and tests in their order. `make test` hands them out in this one."""
    places = {name: at for at, name in enumerate((*LONG, *ROOMS))}

    def place(item: pytest.Item) -> int:
        _, _, name = item.nodeid.partition("::")[0].partition("/")
        return places.get(name, places.get(name.partition("/")[0], len(places)))

    items.sort(key=place)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium of the machine."""
    with browser_kit.launched() as browser:
        if browser is None:
            pytest.skip(NOT_HERE)
        yield browser


@pytest.fixture(scope="session")
def mariadb() -> Iterator[mariadb_kit.MariaDb]:
    """A MariaDB of the machine, in a folder of its own."""
    if not mariadb_kit.is_here():
        pytest.skip(FOREIGN["MariaDB"])
    with mariadb_kit.serving() as server:
        yield server


@pytest.fixture(scope="session")
def debezium() -> None:
    """The connectors of Debezium, which Kafka Connect runs."""
    if not connect.is_here():
        pytest.skip(FOREIGN["Debezium"])


@pytest.fixture(scope="session")
def apicurio() -> None:
    """Apicurio's registry, and its converter for Kafka Connect."""
    if not registry.is_here():
        pytest.skip(FOREIGN["Apicurio"])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Any:
    """Tell all that wants a browser, or a server that is not here, in one line each instead of one for each test."""
    report = yield
    for told in (NOT_HERE, *FOREIGN.values()):
        if report.skipped and told in str(report.longrepr):
            report.longrepr = ("tests/conftest.py", 1, f"Skipped: {told}")
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say in one line which servers' tests were not run, how many, and the command that brings them."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    counted = {name: sum(told in one for one in skipped) for name, told in FOREIGN.items()}
    if missing := [f"{count} of {name}" for name, count in counted.items() if count]:
        terminalreporter.write_line(
            f"tests not run: {', '.join(missing)}, not here; `make servers` brings what they take"
        )
