"""The program of docs/subscribe.md reads a long topic to its end, goes on from there, and can be run again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hubkit import Project
from outside import read_topic
from page_blocks import blocks
from test_registry import served

from pophub.web.app import create_registry

PEOPLE, TIMES = 400, 3


@pytest.mark.filterwarnings("ignore::authlib.deprecate.AuthlibDeprecationWarning")
def test_the_pages_program_reads_more_than_a_thousand_messages_to_the_end_and_then_what_is_new(
    project: Project, tmp_path: Path
) -> None:
    topic, user = f"sub.{project.subscriber}.{project.stem}", f"subscriber-{project.subscriber}"
    (program,) = [block.text for block in blocks("subscribe") if block.path == "read_schools.py"]
    for there, here in (
        ("sub.statistics.moet.schools", topic),
        ("subscriber-statistics", user),
        ("statistics.pupils", f"{project.subscriber}.pupils"),
        ('print(key, record["level"], record["pupils"], len(record))', 'print(record["full_name"])'),
    ):
        assert there in program
        program = program.replace(there, here)
    path = tmp_path / "read.py"
    path.write_text(program)
    settings = project.servers.settings

    def run(registry: str) -> list[str]:
        told = {
            "KAFKA_BOOTSTRAP_SERVERS": settings.endpoints.kafka_bootstrap,
            "PASSWORD_FILE": str(settings.home / "secrets" / f"kafka.{user}"),
            "SCHEMA_REGISTRY_URL": registry,
        }
        command = [sys.executable, str(path)]
        done = subprocess.run(
            command, env=os.environ | told, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
        return done.stdout.splitlines()

    with served(create_registry(settings)) as address:
        assert run(address) == [], "nothing was shared yet"
        for person in range(PEOPLE):
            project.put(person, 900)
        project.pass_through()
        for time, name in enumerate(("Trần Văn Bình", "Lê Văn Cường"), start=1):
            for person in range(PEOPLE):
                project.update(person, 900 - time, ho_ten=name)
            project.pass_through()
        assert len(read_topic(project.servers, topic)) == PEOPLE * TIMES
        first = run(address)
        assert first == ["Lê Văn Cường"] * PEOPLE
        assert run(address) == first
        project.update(7, 10, da_xoa=True)
        project.pass_through()
        assert run(address) == first[:-1]
        assert run(address) == first[:-1]
