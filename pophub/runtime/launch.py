"""Become one of the servers: `python -m pophub.runtime.launch PROGRAM`, called by the supervisor.

Ends what an earlier, killed run of the program left behind, then replaces itself by the server.
Secrets reach the server through its environment or through files, never through arguments.
"""

from __future__ import annotations

import os
import signal
import sys

from pophub.runtime import airflow, broker, postgres, processes
from pophub.runtime.home import run_as
from pophub.runtime.status import AGENCIES, ATTENDANT, FACES
from pophub.settings import Settings


def _command(settings: Settings, program: str) -> tuple[list[str], dict[str, str]]:
    if program == "postgres":
        return postgres.command(settings), {}
    if program == "kafka":
        return broker.command(settings), {}
    if program == AGENCIES:
        return [sys.executable, "-m", "pophub.simulation.api"], {}
    if program in FACES:
        return [sys.executable, "-m", "pophub.web", program], {}
    if program == ATTENDANT:
        return [sys.executable, "-m", "pophub.commands.attendant"], {}
    return airflow.command(program), airflow.program_environment(settings, program)


def main() -> None:
    """Replace this process by the program that the first argument names."""
    program = sys.argv[1]
    settings = Settings.load()
    how = signal.SIGINT if program == "postgres" else signal.SIGTERM
    processes.end(processes.belonging(settings.home, program), how=how, wait_s=3)
    command, variables = _command(settings, program)
    # SPT_NOENV: renamed processes (setproctitle) would overwrite the marks in their environment
    environment = os.environ | variables | {"SPT_NOENV": "1"}
    user = run_as() if program == "postgres" else None
    os.umask(0o077)
    if user is not None:
        os.chdir("/")
        os.setgroups([])
        os.setgid(user[1])
        os.setuid(user[0])
        environment = {name: environment[name] for name in (processes.MARK, processes.PROGRAM, "PATH")}
    os.execve(command[0], command, environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
