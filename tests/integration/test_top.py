"""`pophub top` in a real terminal: it follows what happens, and one look says what status and SQL say."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from command_kit import command
from hubkit import Project, surroundings
from test_quarantine_commands import BAD_NAME, pophub

pytestmark = pytest.mark.timeout(240)
MOST_SHOWN = 400_000
"""Characters of a terminal that are looked at: more than one look of the table takes."""
PROGRAM = [sys.executable, "-c", "from pophub.cli.program import main; main()", "top"]


def test_one_look_counts_what_sql_and_status_count(project: Project) -> None:
    for person in (1, 2):
        project.put(person, 60)
    project.put(3, 60, ho_ten=BAD_NAME)
    project.pass_through()
    project.put(4, 10)
    project.pass_through("extract", "judge")
    told = pophub(project, "top", "--once")
    (row,) = [row for row in told["datasets"] if row["stem"] == project.stem]
    (read, held) = project.servers.query(
        "select (select sum(read) from hub.batch_summary where stem = %s),"
        " (select count(*) from quarantine.version where stem = %s and state = 'quarantined')",
        project.stem, project.stem,
    )[0]  # fmt: skip
    assert (row["read"], row["held"], row["residual"]) == (read, held, 0) == (4, 1, 0)
    status = pophub(project, "status")
    assert (
        row["behind"] == sum(lane["behind"] for lane in status["lanes"] if lane["stem"] == project.stem) == 1
    )
    assert row["waits_s"] > 0 and told["up"] == {"kafka": True, "postgres": True}


def test_without_postgres_one_look_says_so_and_ends_with_3(project: Project) -> None:
    done = command("top", "--once", environment=surroundings(project) | {"POPHUB_POSTGRES_PORT": "1"})
    assert (
        done.returncode == 3 and "postgres does not answer" in done.stdout and project.stem not in done.stdout
    )


def test_in_a_terminal_it_follows_until_ctrl_c(project: Project) -> None:
    project.put(1, 60)
    project.pass_through()
    master, slave = pty.openpty()
    # the hub of these tests has the datasets of earlier ones too: the terminal is high enough for each
    (known,) = project.servers.query("select count(distinct stem) from hub.batch_summary")[0]
    high = {"COLUMNS": "160", "LINES": str(known + 20), "TERM": "xterm"}
    environment = surroundings(project) | high
    with subprocess.Popen(
        [*PROGRAM, "--every", "0.5"], env=environment, stdin=slave, stdout=slave, stderr=slave
    ) as watching:
        try:
            os.close(slave)
            row = re.compile(rf"{re.escape(project.stem)}[^\w\n]+\w+[^\w\n]+(\d+)")
            assert read_until(master, row, "1")
            project.put(2, 50)
            project.pass_through()
            assert read_until(master, row, "2"), "the table follows"
            watching.send_signal(signal.SIGINT)
            read_out(master)
            assert watching.wait(20) == 130
        finally:
            watching.kill()
            os.close(master)


def read_until(terminal: int, row: re.Pattern[str], wanted: str, most_s: float = 60) -> bool:
    """Read a terminal until the dataset's row says so."""
    text, until = "", time.monotonic() + most_s
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.5)[0]:
            text = text[-MOST_SHOWN:] + os.read(terminal, 65_536).decode(errors="replace")
            plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
            if row.findall(plain)[-1:] == [wanted]:
                return True
    return False


def read_out(master: int) -> None:
    """Take what is written until the other end is closed, as a terminal does: who writes would wait for it."""
    while select.select([master], [], [], 20)[0]:
        try:
            if not os.read(master, 1 << 16):
                return
        except OSError:  # closed
            return
