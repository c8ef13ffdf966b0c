"""Where a foreign server is not here, `make test` says in one line which tests were not run, and what brings it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pophub.settings import PROJECT

TESTS = """
def test_a(mariadb): pass
def test_b(mariadb): pass
def test_c(debezium): pass
def test_d(apicurio): pass
def test_e(): pass
"""


def test_what_was_not_run_for_want_of_a_server_is_told_in_one_line_with_the_command_that_brings_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_foreign.py").write_text(TESTS)
    nothing = {"PATH": str(tmp_path), "POPHUB_JARS": str(tmp_path / "kafka")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-c",
        "pyproject.toml",
    ]
    done = subprocess.run(
        [*command, str(tmp_path / "test_foreign.py")],
        cwd=PROJECT, env=os.environ | nothing, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "1 passed, 4 skipped" in done.stdout, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "make servers" in line]
    assert line.startswith("tests not run: 2 of MariaDB, 1 of Debezium, 1 of Apicurio, not here")


def test_ci_brings_them_before_it_tests() -> None:
    steps = (PROJECT / ".ci/run").read_text().splitlines()
    (servers,) = (at for at, line in enumerate(steps) if line.startswith("make servers"))
    assert servers < steps.index("make test && exit 0")
