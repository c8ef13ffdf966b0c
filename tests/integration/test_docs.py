"""The pages of docs/ do what they say: their blocks run on real servers, in the order of the pages.

A fence after `<!-- file: PATH -->` is written there. One after `<!-- run -->` is run: `bash` as a whole,
`console` command by command (`$ ` begins a command, `> ` continues it), and each line shown under a command
must come out of it, in that order. A program of a page, and a reader of a topic, is run twice in a row and must
print the same again. Airflow is left out: what it would do, `pophub run` does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from page_blocks import blocks

from pophub.settings import PROJECT

PAGES = ("add-a-connector", "subscribe", "operate", "figures", "source-files", "source-http")
DECLARED = (
    "connectors",
    "schemas",
    "expectations",
    "codes",
    "subscriptions",
    "bases",
    "figures",
    "tests/contract",
    "tests/samples",
)
COMMAND_S = 240
AGAIN = re.compile(r"python3 \w+\.py|\$CONSUME\b")

pytestmark = pytest.mark.timeout(600)


@dataclass
class Shell:
    """Runs commands in a copy of the project; exports live on from one to the next."""

    folder: Path
    environment: dict[str, str]

    def run(self, command: str) -> str:
        """Run one command and give what it printed, both streams."""
        state = self.folder / ".exports"
        before = f"[ -f {state} ] && . {state}\n"
        after = f"\nreturned=$?; export -p > {state}; exit $returned"
        done = subprocess.run(
            ["bash", "-c", before + command.replace("/tmp/", f"{self.folder}/tmp/") + after],
            cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=COMMAND_S, check=False,
        )  # fmt: skip
        return f"{done.stdout}\n(exit code {done.returncode})"


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Split a console into commands, each with the lines that it promises."""
    command = ""
    promised: list[str] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, promised
            command, promised = line[2:], []
        elif line.startswith("> ") and not promised:
            command += "\n" + line[2:]
        else:
            promised.append(line)
    yield command, promised


def plain(line: str) -> str:
    """Make runs of space and rule characters one space."""
    return " ".join(re.sub(r"[\s│|┃]+", " ", line).split())


def fits(line: str, promised: str) -> bool:
    """Compare a line with a promised one, which may leave out its end by three dots."""
    return line.startswith(promised[:-3]) if promised.endswith("...") else line == promised


def assert_promised(output: str, promised: list[str], page: str, command: str) -> None:
    """Find each promised line in the output, in order; an exit code is promised as 0 unless shown."""
    lines = [plain(line) for line in output.splitlines()]
    wanted = [plain(line) for line in promised if plain(line)]
    if not any(line.startswith("(exit code") for line in wanted):
        wanted.append("(exit code 0)")
    at = 0
    for line in wanted:
        found = [n for n in range(at, len(lines)) if fits(lines[n], line)]
        assert found, f"{page}.md: `{command}` did not print {line!r} but:\n{output}"
        at = found[0] + 1


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A copy of the declarations, a home of its own, and an end that leaves nothing running."""
    folder = tmp_path_factory.mktemp("docs")
    for name in DECLARED:
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", folder)
    (folder / "tmp").mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("POPHUB_", "PG", "KAFKA_", "PYTEST"))}
    programs = f"{Path(sys.executable).parent}:{kept.get('PATH', '/usr/bin:/bin')}"
    told = {"POPHUB_HOME": str(folder / "home"), "POPHUB_PROJECT": str(folder), "PATH": programs,
            "POPHUB_AIRFLOW_URL": "http://127.0.0.1:9"}  # fmt: skip
    shell = Shell(folder, {**kept, **told})
    try:
        yield shell
    finally:
        shell.run("pophub down")
        shutil.rmtree(folder / "home", ignore_errors=True)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(shell: Shell, page: str) -> None:
    done = 0
    for block in blocks(page):
        if block.path:
            path = shell.folder / block.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif block.kind == "bash":
            assert_promised(shell.run("set -e\n" + block.text), [], page, block.text)
            done += 1
        else:
            for command, promised in commands(block.text):
                for _ in range(2 if AGAIN.search(command) else 1):
                    assert_promised(shell.run(command), promised, page, command)
                done += 1
    assert done, f"{page}.md has nothing to run"
